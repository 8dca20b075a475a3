"""The sample pictures of the first start, the documentation and the proofs."""
