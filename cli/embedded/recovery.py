"""What a kill cut short on the embedded S3's disk, mended before it starts.

ministack writes an object's bytes first, and after them, in a file beside them, what it knows of the object.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.embedded.environment import DERIVATIVES, ORIGINALS

BESIDE, UNFINISHED = ".meta.json", ".tmp"
OF_THE_BYTES = ("size", "etag", "checksums")


def remove_torn_writes(folder: Path) -> None:
    """Drop half-written derivatives, and what is no longer true of half-written originals."""
    for bytes_file in _torn(folder, DERIVATIVES):
        bytes_file.unlink()
        _beside(bytes_file).unlink(missing_ok=True)
    for bytes_file in _torn(folder, ORIGINALS):
        known = {name: value for name, value in _known(bytes_file).items() if name not in OF_THE_BYTES}
        _beside(bytes_file).write_text(json.dumps(known or {"metadata": {}}))


def _torn(folder: Path, bucket: str) -> Iterator[Path]:
    for place, _, names in (step for root in folder.glob(f"*/{bucket}") for step in os.walk(root)):
        for file in (Path(place, name) for name in names if not name.endswith(BESIDE)):
            if file.name.endswith(UNFINISHED):
                file.unlink()
            elif not _known(file) or _beside(file).stat().st_mtime_ns < file.stat().st_mtime_ns:
                yield file


def _beside(file: Path) -> Path:
    return file.with_name(file.name + BESIDE)


def _known(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_beside(file).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}
