"""The operator's tool, `python -m cli`: runs on a developer's machine and is never deployed."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The project's folder."""
