"""Limits of originals, outputs, queries and times. presets.yaml sets them under `limits:`."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import TooLarge


@dataclass(frozen=True)
class Limits:
    """The limits in force: sizes in bytes and pixels, times in seconds."""

    original_bytes: int = 25_000_000
    original_pixels: int = 50_000_000
    original_side: int = 16_000
    frames: int = 64
    frames_pixels: int = 100_000_000
    output_side: int = 8192
    output_pixels: int = 40_000_000
    query_bytes: int = 1024
    waiting_seconds: int = 8
    request_seconds: int = 8
    preset_seconds: int = 20

    def check_bytes(self, length: int) -> None:
        """Raise TooLarge if an original has more bytes than allowed."""
        if length > self.original_bytes:
            raise TooLarge(f"expected an original of at most {self.original_bytes} bytes, received {length}")
