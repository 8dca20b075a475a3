"""Where the keys of signatures are kept: fetched when the first one is looked at, and again from time to time."""

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
"""Seconds until a source that failed is asked again."""

log = logging.getLogger("imgy")


class KeySource:
    """Keys that `fetch` gets as JSON. While it fails, those that are known stay good."""

    def __init__(self, fetch: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: Keys = {}
        self._until = float("-inf")
        self._lock = Lock()

    def __call__(self) -> Keys:
        """The keys; raises Unavailable where none have come yet."""
        with self._lock:
            if self._clock() >= self._until:
                self._renew()
            if not self._keys:
                raise Unavailable("the keys of signatures cannot be read now; try again in a moment")
            return self._keys

    def _renew(self) -> None:
        try:
            self._keys = read_keys(self._fetch())
            self._until = self._clock() + LIFETIME
        except Exception as error:  # whatever a client raises; its text may be about the secret
            said = str(error) if isinstance(error, ImgyError) else type(error).__name__
            log.error("the keys of signatures cannot be read: %s", said)
            self._until = self._clock() + _PAUSE


def fetcher(reference: str, client: Callable[[str], Any]) -> Callable[[], str]:
    """How to fetch what a reference names: secretsmanager:NAME, ssm:/NAME or file:PATH; `client` makes AWS' clients.

    Raises MisconfiguredError for any other.
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
