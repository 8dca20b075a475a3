"""Work side by side: results in order, nothing far ahead, and an end at once."""

import threading

import pytest

from chalicelib.errors import Unavailable
from cli.operate import pool
from cli.operate.pool import describe_error, pooled, with_retries


def test_results_come_in_order_however_long_each_takes():
    waiting = threading.Event()

    def work(number):
        if number == 0:
            waiting.wait(5)
        elif number == 5:
            waiting.set()
        return number

    assert list(pooled(work, range(20), 2)) == list(range(20))


def test_so_many_work_at_once_and_no_more():
    at_work, most, lock = set(), [], threading.Lock()
    together = threading.Barrier(3, timeout=5)

    def work(number):
        with lock:
            at_work.add(number)
            most.append(len(at_work))
        together.wait()
        with lock:
            at_work.remove(number)

    list(pooled(work, range(9), 3))
    assert max(most) == 3


def test_items_are_taken_little_faster_than_results():
    taken = []
    results = pooled(str, (taken.append(number) or number for number in range(1000)), 2)
    assert next(results) == "0"
    assert len(taken) <= 8


def test_whoever_stops_waits_for_what_has_begun_and_for_no_more():
    begun, ended, gate = [], [], threading.Event()

    def work(number):
        begun.append(number)
        if number:
            gate.wait(5)
        ended.append(number)

    results = pooled(work, range(1000), 2)
    next(results)
    threading.Timer(0.1, gate.set).start()
    results.close()
    assert sorted(begun) == sorted(ended)
    assert len(begun) <= 3


def test_what_is_unavailable_is_tried_three_times(monkeypatch):
    pauses, tries = [], []
    monkeypatch.setattr(pool.time, "sleep", pauses.append)

    def work(key):
        tries.append(key)
        raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        with_retries(work, "a")
    assert (tries, pauses) == (["a"] * 3, [1, 4])


def test_what_lies_behind_an_error_is_describe_error():
    error = Unavailable("the store does not answer")
    error.__cause__ = OSError("SlowDown")
    assert describe_error(error) == "the store does not answer: SlowDown"
    assert describe_error(KeyError()) == "KeyError"
