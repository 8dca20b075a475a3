"""The store protocol, on S3 and in memory, and what the derivatives bucket holds of one original."""
