"""The operator's tool, `python -m cli`: what runs on a person's machine and is never deployed."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The project's folder."""
