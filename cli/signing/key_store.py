"""Stores the signing keys: in a parameter of Systems Manager, or in a file on this machine."""

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
"""The key file in the data folder of the local run."""


class KeyStore(Protocol):
    """A place where signing keys are stored."""

    @property
    def reference(self) -> str:
        """The value of IMGY_KEYS that names this store."""

    def read(self) -> Keys | None:
        """The keys, or None if there are none. Raises SystemExit if the content is invalid."""

    def write(self, keys: Keys) -> None:
        """Replace all keys by these."""


@dataclass(frozen=True)
class FileKeys:
    """Keys in a file that only its owner can read."""

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
    """Keys in a SecureString parameter of Systems Manager, which is free."""

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
        """Delete all keys; no signature is valid afterwards."""
        self.client.delete_parameters(Names=[self.name])


def _checked(name: str, text: str) -> Keys:
    try:
        return read_keys(text)
    except MisconfiguredError as error:
        raise SystemExit(f"imgy: {name}: {error}") from None


def ensured(store: KeyStore) -> Keys:
    """The keys; creates the first one if there are none."""
    keys = store.read()
    return keys or added(store, FIRST)


def added(store: KeyStore, name: str) -> Keys:
    """The keys after adding one. Raises SystemExit if the name exists or is invalid."""
    keys = store.read() or {}
    if name in keys:
        raise SystemExit(f"imgy: key {name} already exists; drop it first, or choose another name")
    more = {**keys, name: secrets.token_urlsafe(_SECRET_BYTES)}
    store.write(_checked(f"key {name}", json.dumps(more)))
    return more


def dropped(store: KeyStore, name: str) -> Keys:
    """The keys after removing one. Raises SystemExit if it does not exist, or is the only one."""
    keys = store.read() or {}
    if name not in keys:
        raise SystemExit(f"imgy: there is no key {name}; the keys are: {', '.join(keys) or 'none'}")
    if len(keys) == 1:
        raise SystemExit(f"imgy: {name} is the only key; add another one before you drop it")
    fewer = {other: secret for other, secret in keys.items() if other != name}
    store.write(fewer)
    return fewer


def change(store: KeyStore, add: str, drop: str, publish: Callable[[Keys], object]) -> Keys:
    """Add a key, drop one, or neither. After a change, `publish` sends all keys to the edge."""
    keys = store.read() or {}
    if add:
        keys = added(store, add)
    if drop:
        keys = dropped(store, drop)
    if add or drop:
        publish(keys)
    return keys
