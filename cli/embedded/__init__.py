"""An AWS on this machine: ministack, its ports, its recovery, the clients that reach it."""
