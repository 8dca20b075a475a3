"""Deploys a stage to AWS: stacks, functions, smoke test and rehearsal."""
