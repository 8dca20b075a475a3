"""Histories: whatever happens, in whatever order, what is stored at rest is right, and what was answered was."""

from histories import play, play_with_faults
from hypothesis import given, settings
from hypothesis import strategies as st

PLANS = st.binary(min_size=60, max_size=60)


@settings(max_examples=10_000, database=None)
@given(PLANS)
def test_nothing_is_stale_and_nothing_lost_in_any_order_of_events(plan):
    world = play(plan)
    world.assert_clean()
    world.assert_forgotten()


@settings(max_examples=3_000, database=None)
@given(PLANS)
def test_whatever_fails_is_made_up_for_when_the_events_come_again(plan):
    play_with_faults(plan).assert_clean()
