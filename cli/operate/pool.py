"""Runs work on many items in parallel, in constant memory."""

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
"""Seconds before each retry, if S3 or a worker was not available."""

_WINDOW = 4
"""Items per thread that are running or waiting, so that a slow item does not block the others."""

FAILED = "failed"
"""The outcome of an original that could not be reconciled; the next run retries it."""


def pooled(work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """The result of `work` for each item, in order. Items are read only a little ahead of the work."""
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
        pool.shutdown(cancel_futures=True)  # when stopped, wait for running items only


def with_retries(work: Callable[[Item], Result], item: Item) -> Result:
    """Call `work`, and retry it if it raises Unavailable."""
    for pause in PAUSES:
        try:
            return work(item)
        except Unavailable:
            time.sleep(pause)
    return work(item)


def reconciled(prerender: Prerender, key: str) -> Reconciled:
    """The result of reconciling one original. An exception makes it failed and does not stop the others."""
    try:
        return with_retries(prerender.reconcile, key)
    except Exception as error:
        return Reconciled(key, FAILED, reason=describe_error(error))


def describe_error(error: BaseException) -> str:
    """An error and its cause, for the operator only: it may contain a bucket's name."""
    parts = [str(part) for part in (error, error.__cause__) if part]
    return ": ".join(filter(None, parts)) or type(error).__name__
