"""Bytes in, pixels out: the only package that opens a file."""
