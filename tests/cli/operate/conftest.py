import pytest

from cli.operate import pool


@pytest.fixture
def no_pauses(monkeypatch):
    """Nothing waits before it is tried again."""
    monkeypatch.setattr(pool, "PAUSES", (0, 0))
