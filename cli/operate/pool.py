"""Work on many originals at once: so many at a time, in as little memory for a million as for ten."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from chalicelib.errors import Unavailable
from chalicelib.flows.prerender import Prerender, Reconciled

Item = TypeVar("Item")
Result = TypeVar("Result")

PAUSES = (1, 4)
"""Seconds before each further try of what S3, or a renderer that is busy, did not answer."""

_WINDOW = 4
"""How many items for each thread have begun or wait, so that one that takes long holds no other up."""

FAILED = "failed"
"""The outcome of an original that could not be reconciled; the next run tries it again."""


def pooled(work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """The results of work on each item, in order; items are taken little faster than they are worked on."""
    pool = ThreadPoolExecutor(jobs)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= _WINDOW * jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # whoever stops waits for what has begun, and for no more


def patiently(work: Callable[[Item], Result], item: Item) -> Result:
    """Do a work that may be Unavailable, a few times if need be."""
    for pause in PAUSES:
        try:
            return work(item)
        except Unavailable:
            time.sleep(pause)
    return work(item)


def reconciled(prerender: Prerender, key: str) -> Reconciled:
    """What a reconciliation came to; one that raised has failed, and stops no other."""
    try:
        return patiently(prerender.reconcile, key)
    except Exception as error:
        return Reconciled(key, FAILED, reason=describe_error(error))


def describe_error(error: BaseException) -> str:
    """What went wrong, and what lies behind it, for the operator alone: callers never learn a bucket's name."""
    parts = [str(part) for part in (error, error.__cause__) if part]
    return ": ".join(filter(None, parts)) or type(error).__name__
