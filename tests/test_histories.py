"""Histories: whatever happens, in whatever order, what is stored at rest is right, and what was answered was."""

from histories import play
from hypothesis import given, settings
from hypothesis import strategies as st

HISTORIES = 10_000


@settings(max_examples=HISTORIES, database=None)
@given(st.binary(min_size=60, max_size=60))
def test_nothing_stale_and_nothing_lost_in_any_order_of_events(plan):
    world = play(plan)
    world.assert_clean()
    world.assert_forgotten()
