"""The keys of signatures where an operator keeps them: a parameter of Systems Manager, or a file on this machine."""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chalicelib.access.signatures import Keys, read_keys
from chalicelib.errors import MisconfiguredError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_SECRET_BYTES = 32
FIRST = "k1"
KEYS = "keys.json"
"""The file in the data folder of the local run."""


class KeyStore(Protocol):
    """Where keys are kept."""

    @property
    def reference(self) -> str:
        """How IMGY_KEYS names it."""

    def read(self) -> Keys | None:
        """The keys, None where there are none; raises SystemExit for what are no keys."""

    def write(self, keys: Keys) -> None:
        """Keep these and no others."""


@dataclass(frozen=True)
class FileKeys:
    """Keys in a file that its owner alone reads."""

    path: Path

    @property
    def reference(self) -> str:
        return f"file:{self.path}"

    def read(self) -> Keys | None:
        return _checked(str(self.path), self.path.read_text("utf-8")) if self.path.exists() else None

    def write(self, keys: Keys) -> None:
        part = self.path.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(dict(keys)))
        part.replace(self.path)


@dataclass(frozen=True)
class ParameterKeys:
    """Keys in a SecureString of Systems Manager, which costs nothing."""

    client: "SSMClient"
    name: str

    @property
    def reference(self) -> str:
        return f"ssm:{self.name}"

    def read(self) -> Keys | None:
        try:
            found = self.client.get_parameter(Name=self.name, WithDecryption=True)
        except self.client.exceptions.ParameterNotFound:
            return None
        return _checked(self.name, found["Parameter"]["Value"])

    def write(self, keys: Keys) -> None:
        self.client.put_parameter(Name=self.name, Value=json.dumps(dict(keys)), Type="SecureString", Overwrite=True)

    def drop(self) -> None:
        """Take all keys away: no signature is good any more."""
        self.client.delete_parameters(Names=[self.name])


def _checked(name: str, text: str) -> Keys:
    try:
        return read_keys(text)
    except MisconfiguredError as error:
        raise SystemExit(f"imgy: {name}: {error}") from None


def ensured(store: KeyStore) -> Keys:
    """The keys, of which one is made where there are none."""
    keys = store.read()
    return keys or added(store, FIRST)


def added(store: KeyStore, name: str) -> Keys:
    """The keys with a new one; raises SystemExit for a name that is taken, or is none."""
    keys = store.read() or {}
    if name in keys:
        raise SystemExit(f"imgy: there is a key {name} already; drop it first, or give the new one another name")
    more = {**keys, name: secrets.token_urlsafe(_SECRET_BYTES)}
    store.write(_checked(f"key {name}", json.dumps(more)))
    return more


def dropped(store: KeyStore, name: str) -> Keys:
    """The keys without one; raises SystemExit for one that is not there, and for the last."""
    keys = store.read() or {}
    if name not in keys:
        raise SystemExit(f"imgy: there is no key {name}; there are: {', '.join(keys) or 'none'}")
    if len(keys) == 1:
        raise SystemExit(f"imgy: {name} is the only key; add another before it goes")
    fewer = {other: secret for other, secret in keys.items() if other != name}
    store.write(fewer)
    return fewer


def change(store: KeyStore, add: str, drop: str, publish: Callable[[Keys], object]) -> Keys:
    """Add a key, drop one, or neither; `publish` tells the edge of what is good from now on."""
    keys = store.read() or {}
    if add:
        keys = added(store, add)
    if drop:
        keys = dropped(store, drop)
    if add or drop:
        publish(keys)
    return keys
