"""The store protocol, on S3 and in memory, and the content of the derivatives bucket."""
