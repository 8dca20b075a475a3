"""make run: the whole pipeline on this machine, with its page."""
