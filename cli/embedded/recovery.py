"""Removes writes that a kill interrupted from the embedded S3's disk, before it starts.

ministack writes an object's bytes first, then its metadata into a second file beside them.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.embedded.environment import DERIVATIVES, ORIGINALS

METADATA_SUFFIX, UNFINISHED_SUFFIX = ".meta.json", ".tmp"
OF_THE_BYTES = ("size", "etag", "checksums")


def remove_torn_writes(folder: Path) -> None:
    """Delete half-written derivatives, and the size, ETag and checksums of half-written originals."""
    for bytes_file in _torn(folder, DERIVATIVES):
        bytes_file.unlink()
        _metadata_file(bytes_file).unlink(missing_ok=True)
    for bytes_file in _torn(folder, ORIGINALS):
        metadata = {name: value for name, value in _metadata(bytes_file).items() if name not in OF_THE_BYTES}
        _metadata_file(bytes_file).write_text(json.dumps(metadata or {"metadata": {}}))


def _torn(folder: Path, bucket: str) -> Iterator[Path]:
    for place, _, names in (step for root in folder.glob(f"*/{bucket}") for step in os.walk(root)):
        for file in (Path(place, name) for name in names if not name.endswith(METADATA_SUFFIX)):
            if file.name.endswith(UNFINISHED_SUFFIX):
                file.unlink()
            elif not _metadata(file) or _metadata_file(file).stat().st_mtime_ns < file.stat().st_mtime_ns:
                yield file


def _metadata_file(file: Path) -> Path:
    return file.with_name(file.name + METADATA_SUFFIX)


def _metadata(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_metadata_file(file).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}
