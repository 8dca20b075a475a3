"""backfill, audit, purge, keys and url, on a pair of buckets."""
