"""The operator's tool, `python -m cli`: what runs on a person's machine and is never deployed."""
