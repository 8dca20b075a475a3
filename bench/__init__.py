"""Measures imgy against plain Wand and against sharp. `python -m bench` prints the tables."""
