"""The commands that work on a pair of buckets: backfill, audit, purge, keys and url."""
