"""The bytes that a rendering starts from, and their format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..formats import sniff_or_refuse


@dataclass(frozen=True)
class Source:
    """One file to decode: `key` is that of its original, `sniffed` its format where that is known already."""

    key: str
    body: bytes
    sniffed: str = ""

    @cached_property
    def format(self) -> str:
        """What the first bytes say it is, looked up once; raises NotAnImage."""
        return self.sniffed or sniff_or_refuse(self.body)
