"""Worker processes that decode and render without credentials, network or write access."""
