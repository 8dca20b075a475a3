"""The bytes that a rendering starts from, and their format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..formats import sniff_or_refuse


@dataclass(frozen=True)
class Source:
    """An original to decode: `key` is its key in S3, `sniffed` its format if it is already known."""

    key: str
    body: bytes
    sniffed: str = ""

    @cached_property
    def format(self) -> str:
        """The format by the first bytes, computed once; raises NotAnImage."""
        return self.sniffed or sniff_or_refuse(self.body)
