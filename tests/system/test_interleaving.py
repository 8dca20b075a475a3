"""Histories: whatever happens, in whatever order, what is stored at rest is right, and what was answered was."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import NotFound, Unavailable
from cli.operate.audit import out_of_step
from support.interleaving import FRAIL, NONSENSE, OTHERS, PRESETS, World, play, play_with_faults, shown

pytestmark = pytest.mark.slow

HISTORIES = int(os.environ.get("HISTORIES", "1000"))
"""How many are played; `make explore` and `make mutate` play 10,000."""

PLANS = st.binary(min_size=60, max_size=60)

# Histories that once went wrong, or would if something were left out.


@pytest.fixture
def world():
    """A world in which cat is red, everywhere; nothing may be wrong in it in the end."""
    world = World()
    world.put("cat", "red")
    world.deliver("cat").finish()
    world.request("cat", "w=9.jpg").finish()
    yield world
    world.drain()
    world.assert_clean()
    world.assert_forgotten()


def test_the_first_request_to_see_nonsense_leaves_no_old_picture(world):
    world.put("cat", NONSENSE)
    world.request("cat", "w=8.jpg").finish()


def test_pictures_of_an_original_in_between_go_when_the_first_comes_back(world):
    world.put("cat", "blue")
    world.request("cat", "w=8.jpg").finish()
    world.put("cat", "red")


def test_a_removal_that_is_late_takes_nothing_of_what_has_come_since(world):
    world.remove("cat")
    late = world.deliver("cat").until("delete derivative")
    world.put("cat", "red")
    world.deliver("cat").finish()
    late.finish()


def test_a_process_that_ended_in_a_late_removal_is_made_up_for(world):
    world.remove("cat")
    late = world.deliver("cat").until("delete derivative")
    world.put("cat", "blue")
    world.deliver("cat").finish()
    late.step().fail("killed")


def test_a_request_that_finds_nonsense_too_late_does_not_refuse_what_came(world):
    world.put("cat", NONSENSE)
    late = world.request("cat", "w=8.jpg").until("head original")
    world.put("cat", "blue")
    late.step()
    world.deliver("cat").finish()
    late.finish()


def test_what_cannot_be_made_of_an_original_takes_nothing_that_can(world):
    world.put("cat", FRAIL)
    world.request("cat", "w=8.jpg").finish()


def test_a_picture_taken_back_is_forgotten_as_somebody_may_have_seen_it(world):
    late = world.request("cat", "w=8.jpg").until("swap derivative")
    world.put("cat", "blue")
    world.deliver("cat").finish()
    late.finish()


def test_a_picture_is_answered_by_the_new_original_before_its_event_comes(world):
    world.put("cat", "blue")
    for cache in ("miss", "hit"):
        assert world.request("cat", "w=1.jpg").finish().outcome[0] == cache
    assert shown(world.derivatives.there("cat/w=1.jpg").read()) == ("blue", "w=1.jpg")


@pytest.mark.parametrize("name", [PRESETS[0], OTHERS[1]])
def test_a_picture_whose_event_never_comes_is_right_at_once(world, name):
    world.put("cat", "blue")
    world.lose("cat")
    cache, body = world.request("cat", name).finish().outcome
    assert (cache, shown(body)) == ("miss", ("blue", name))
    world.remove("cat")
    world.lose("cat")
    assert isinstance(world.request("cat", name).finish().outcome, NotFound)
    world.rest()


def test_a_picture_is_not_answered_where_nobody_says_what_its_original_is(world):
    asking = [world.request("cat", "w=9.jpg").until("head original") for _ in range(2)]
    assert [type(task.fail("before").finish().outcome) for task in asking] == [Unavailable] * 2


def test_a_picture_that_a_request_replaces_is_forgotten(world):
    late = world.request("cat", "w=8.jpg").until("get original")
    world.put("cat", "blue")
    world.request("cat", "w=8.jpg").finish()
    world.put("cat", "red")
    late.finish()


def test_what_an_overtaken_event_deleted_is_forgotten():
    world = World()
    world.put("cat", "red")
    world.request("cat", "w=9.jpg").finish()
    world.put("cat", "blue")
    late = world.deliver("cat").until("head derivative")
    world.put("cat", FRAIL)
    other = world.deliver("cat").until("head derivative")
    late.until("read original")
    other.finish()
    late.finish()
    world.drain()
    world.assert_forgotten()


def test_a_request_takes_back_its_own_picture_alone(world):
    late = world.request("cat", "w=8.jpg")
    late.until("swap derivative")
    world.put("cat", "blue")
    late.until("head derivative", "cat/w=8.jpg").step()
    event = world.deliver("cat").finish()
    other = world.request("cat", "w=8.jpg").finish()
    assert (event.outcome.outcome, other.outcome[0]) == ("made", "miss")
    late.step()
    assert world.request("cat", "w=8.jpg").finish().outcome == ("hit", other.outcome[1])


def test_a_late_picture_never_takes_the_place_of_a_current_one(world):
    late = world.request("cat", "w=8.jpg").until("swap derivative")
    world.put("cat", "blue")
    world.request("cat", "w=8.jpg").finish()
    while late.ended is None:
        late.step()
        there = world.derivatives.there("cat/w=8.jpg")
        assert there
        assert shown(there.read())[0] == "blue"


def test_a_process_that_ended_before_it_forgot_is_made_up_for(world):
    world.put("cat", "blue")
    world.request("cat", "w=8.jpg").finish()
    world.put("cat", "red")
    world.lose("cat")
    world.deliver("cat").until("invalidate").fail("killed")


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_request_killed_before_it_deletes_leaves_what_an_audit_finds(world, calls):
    late = world.request("cat", "w=8.jpg").until("swap derivative")
    world.put("cat", "blue")
    world.deliver("cat").finish()
    late.step(calls).fail("killed")
    assert shown(world.derivatives.there("cat/w=8.jpg").read())[0] == "red"
    assert list(out_of_step(world.originals, world.derivatives)) == ["cat"]
    world.rest()


def test_pictures_without_manifest_and_without_original_are_out_of_step():
    world = World()
    world.put("cat", "red")
    world.request("cat", "w=9.jpg").finish()
    world.remove("cat")
    assert list(out_of_step(world.originals, world.derivatives)) == ["cat"]


# Histories that nobody thought of.


@settings(max_examples=HISTORIES, database=None)
@given(PLANS)
def test_nothing_is_stale_and_nothing_lost_in_any_order_of_events(plan):
    world = play(plan)
    world.assert_clean()
    world.assert_forgotten()


@settings(max_examples=HISTORIES * 3 // 10, database=None)
@given(PLANS)
def test_whatever_fails_is_made_up_for_when_the_events_come_again(plan):
    play_with_faults(plan).assert_clean()


@given(PLANS)
def test_all_who_ask_at_once_are_answered_alike(plan):
    world = World()
    world.put("cat", "red")
    asking = [world.request("cat", PRESETS[0]) for _ in range(5)]
    world.deliver("cat", again=True)
    for byte in plan:
        world.running[byte % len(world.running)].step() if world.running else None
    world.rest()
    assert len({task.outcome[1] for task in asking}) == 1, world.told("different pictures")
