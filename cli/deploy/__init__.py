"""A stage on AWS: its stacks, its functions, its proof and its rehearsal."""
