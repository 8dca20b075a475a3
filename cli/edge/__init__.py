"""Writes edge/function.js, and fills CloudFront's key-value store."""
