"""docs/scale.md is what the model says; the simulator loses nothing, keeps every limit, is never slower with more."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import ROOT
from cli.costs.scale_model import (
    LISTS,
    MANIFESTS,
    READS,
    S3_SECONDS,
    SHARES,
    UPLOAD_SECONDS,
    Limits,
    Work,
    dollars,
    enough_workers,
    list_calls,
    rates,
    requests,
    shipped_work,
)
from cli.costs.scale_simulator import allowed, by_flow, by_message
from cli.docs.scale import PAGE, main, markdown, most_sent
from support.originals import picture

ONE_SECOND = dict.fromkeys(SHARES, 1 - S3_SECONDS)
WORK = Work(9, ONE_SECOND, 1024)
"""A second of a worker, and ten writes."""
AT_ONCE = Limits(mapping_first=10_000)


def test_the_page_is_not_stale():
    assert markdown() == PAGE.read_text("utf-8"), "stale: run `make scale`"


def test_writing_makes_the_page(tmp_path, capsys):
    main(tmp_path / "scale.md")
    assert (tmp_path / "scale.md").read_text("utf-8") == PAGE.read_text("utf-8")
    assert str(tmp_path / "scale.md") in capsys.readouterr().out


def test_the_times_are_those_that_were_measured():
    bench = (ROOT / "docs" / "bench.md").read_text("utf-8")
    for size, seconds in UPLOAD_SECONDS.items():
        line = next(
            line
            for line in bench.splitlines()
            if line.startswith(f" upload {size}: the presets") and "0." in line and "sharp" not in line
        )
        assert float(line.split()[-4]) == seconds
    assert sum(SHARES.values()) == pytest.approx(1)


def test_the_requests_are_those_that_a_new_original_makes(prerender, originals, derivatives, upload):
    upload("cat.jpg", picture((120, 80)))
    made = prerender.reconcile("cat.jpg").made
    verbs = [verb for store in (originals, derivatives) for verb, _ in store.calls if verb != "read"]
    assert sum(verb in ("get", "head") for verb in verbs) == READS
    assert verbs.count("names") == LISTS
    assert sum(verb in ("put", "swap") for verb in verbs) == made + MANIFESTS
    assert len(verbs) == READS + LISTS + made + MANIFESTS


def test_rates_by_hand():
    assert WORK.mean == pytest.approx(1)
    found = rates(WORK, Limits(), 100)
    assert found["Lambda's concurrency"] == pytest.approx(100)
    assert found["S3 writes"] == 350
    assert found["S3 reads"] == 2750
    assert rates(replace(WORK, prefixes=3), Limits(), 100)["S3 writes"] == 1050
    assert enough_workers(WORK, Limits()) == pytest.approx(350)


def test_requests_and_dollars_by_hand():
    asked = requests(WORK, 1000)
    expected = {"S3 PUT": 10_000, "S3 LIST": 1001, "S3 GET and HEAD": 2000, "SQS": 2100, "Lambda": 1000}
    assert asked == pytest.approx(expected)
    paid = dollars(WORK, 1000, 1000)
    assert paid["S3"] == pytest.approx(11.001 * 0.005 + 2 * 0.0004)
    assert paid["SQS"] == pytest.approx(2100 * 0.4e-6)
    assert paid["Lambda"] == pytest.approx(1000 * 0.2e-6 + 1000 * 0.0000166667)
    assert [list_calls(keys) for keys in (0, 1, 1000, 1001)] == [0, 1, 1, 2]


def test_lambda_scales_as_a_mapping_does():
    assert [allowed(Limits(), 5000, seconds) for seconds in (0, 1, 60, 3600)] == [5, 10, 305, 1000]
    assert allowed(Limits(), 3, 3600) == 3


def test_a_flow_by_hand():
    flow = by_flow(1000, WORK, AT_ONCE, 10, rate=1e9)
    assert flow.seconds == pytest.approx(100)
    assert flow.worker_seconds == pytest.approx(1000)
    slow = by_flow(1000, WORK, AT_ONCE, 10, rate=5)
    assert slow.seconds == pytest.approx(200)
    assert slow.bottleneck == "the producer"
    narrow = by_flow(7000, WORK, AT_ONCE, 1000, rate=1e9)
    assert (narrow.seconds, narrow.bottleneck) == (pytest.approx(20), "S3 writes")
    assert narrow.worker_seconds == pytest.approx(20 * 1000)  # they wait for S3, and are paid for


def test_writes_are_spread_over_seconds_and_then_given_up():
    limits = replace(AT_ONCE, prefix_writes=4, tries=2, receives=2)
    done = by_message(1, WORK, limits, 1)  # 4 + 4, and 720 s later the last two
    assert (done.done, done.dead, done.throttles) == (1, 0, 6 + 2)
    assert done.seconds > limits.visibility
    dead = by_message(1, WORK, replace(limits, receives=1), 1)
    assert (dead.done, dead.dead) == (0, 1)


def test_throttled_deliveries_lose_no_message_before_the_twentieth():
    busy = replace(AT_ONCE, throttled=0.3)
    assert by_message(2000, WORK, busy, 10).dead == 0
    assert by_message(2000, WORK, replace(busy, receives=5), 10).dead == pytest.approx(2000 * 0.3**5, abs=6)


cases = {
    "originals": st.integers(1, 400),
    "concurrency": st.integers(1, 300),
    "prefixes": st.integers(1, 5),
    "writes": st.integers(1, 200),
    "seed": st.integers(0, 9),
}


@given(**cases)
def test_every_original_is_done_or_dead_and_no_second_has_more_than_s3_takes(
    originals, concurrency, prefixes, writes, seed
):
    limits, work = replace(AT_ONCE, prefix_writes=writes), replace(WORK, prefixes=prefixes)
    outcome = by_message(originals, work, limits, concurrency, seed)
    assert outcome.done + outcome.dead == originals
    assert max(outcome.writes.values()) <= writes
    assert outcome.done * work.writes <= sum(outcome.writes.values()) <= originals * work.writes
    assert outcome.worker_seconds <= concurrency * outcome.seconds + 1e-6
    assert by_message(originals, work, limits, concurrency, seed) == outcome


@given(originals=st.integers(1, 10**9), few=st.integers(1, 5000), more=st.integers(0, 5000))
def test_more_concurrency_is_never_slower(originals, few, more):
    slow, fast = (by_flow(originals, shipped_work(), Limits(), each) for each in (few, few + more))
    assert fast.seconds <= slow.seconds * (1 + 1e-6)
    assert fast.done == pytest.approx(originals)


@pytest.mark.parametrize("concurrency", [10, 100])
def test_the_flow_agrees_with_the_messages(concurrency):
    exact, flow = (simulate(3000, shipped_work(), Limits(), concurrency) for simulate in (by_message, by_flow))
    assert exact.seconds == pytest.approx(flow.seconds, rel=0.05)
    assert exact.worker_seconds == pytest.approx(flow.worker_seconds, rel=0.05)


def test_as_many_as_may_be_sent_grow_just_not_too_old():
    most = most_sent(50)
    assert by_flow(most, shipped_work(), Limits(mapping_first=50), 50).oldest == pytest.approx(
        Limits().retention, rel=0.01
    )


def test_too_many_workers_on_one_prefix_are_slower():
    few, many = (by_message(1000, WORK, replace(AT_ONCE, prefix_writes=100), workers) for workers in (10, 1000))
    assert many.throttles > few.throttles
    assert many.seconds > few.seconds
    assert many.done + many.dead == few.done + few.dead == 1000
