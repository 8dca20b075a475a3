"""Stores the signing keys, and signs URLs with them."""
