"""Signing keys: fetched when they are first needed, and again when their lifetime ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import ImgyError, MisconfiguredError, Unavailable
from .signatures import LIFETIME, Keys, read_keys

_PAUSE = 10.0
"""Seconds after which a source that failed is tried again."""

log = logging.getLogger("imgy")


class KeySource:
    """The signing keys that `fetch` returns as JSON. While it fails, the last ones stay valid."""

    def __init__(self, fetch: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: Keys = {}
        self._until = float("-inf")
        self._lock = Lock()

    def __call__(self) -> Keys:
        """The keys; raises Unavailable if none were fetched yet."""
        with self._lock:
            if self._clock() >= self._until:
                self._renew()
            if not self._keys:
                raise Unavailable("the signing keys cannot be read now; try again in a moment")
            return self._keys

    def _renew(self) -> None:
        try:
            self._keys = read_keys(self._fetch())
            self._until = self._clock() + LIFETIME
        except Exception as error:  # any error of a client; its text may quote the secret
            reason = str(error) if isinstance(error, ImgyError) else type(error).__name__
            log.error("the signing keys cannot be read: %s", reason)
            self._until = self._clock() + _PAUSE


def fetcher(reference: str, client: Callable[[str], Any]) -> Callable[[], str]:
    """A function that fetches secretsmanager:NAME, ssm:/NAME or file:PATH; `client` makes an AWS client.

    Raises MisconfiguredError for any other reference.
    """
    kind, _, name = reference.partition(":")
    fetchers: dict[str, Callable[[], str]] = {
        "secretsmanager": lambda: client("secretsmanager").get_secret_value(SecretId=name)["SecretString"],
        "ssm": lambda: client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"],
        "file": lambda: Path(name).read_text("utf-8"),
    }
    if kind not in fetchers or not name:
        raise MisconfiguredError("expected secretsmanager:NAME, ssm:/NAME or file:PATH for IMGY_KEYS")
    return fetchers[kind]
