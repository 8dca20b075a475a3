"""The embedded AWS on this machine: ministack, its ports, its recovery and its clients."""
