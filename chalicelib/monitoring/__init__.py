"""One log entry, with its metrics, for each event and each request."""
