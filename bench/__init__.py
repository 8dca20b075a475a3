"""What imgy is measured against: the plain way with Wand, and sharp. `python -m bench` prints the table."""
