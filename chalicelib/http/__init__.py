"""From an HTTP request to its response."""
