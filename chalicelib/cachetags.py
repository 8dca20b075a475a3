"""Tags by which CloudFront forgets pictures: each carries those of its original and of the folders that hold it.

Amazon CloudFront Developer Guide, "Invalidating content by cache tags".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

METADATA = "cache-tag"
HEADER = f"x-amz-meta-{METADATA}"
"""S3 answers with an object's metadata in headers of such names; whoever else answers uses the same."""

_FOLDERS = 15
"""How many folders are told, from the outermost on: CloudFront reads 50 tags, S3 keeps 2 KB of metadata."""


def tags(original: str) -> str:
    """What a picture of this original is to say of itself."""
    return ",".join(map(tag, (original, *_folders(original))))


def tag(prefix: str) -> str:
    """The tag of an original, or of a folder, which ends in /; the empty one holds everything."""
    return hashlib.sha256(prefix.encode()).hexdigest()[:32]


def covering(originals: Iterable[str], most: int) -> set[str]:
    """Originals and folders, at most so many, that cover all of these originals; the deepest are gathered first."""
    covered = set(originals)
    while len(covered) > most:
        folders = Counter(_folder(prefix) for prefix in covered)
        chosen = max(folders, key=lambda folder: (folder.count("/"), folders[folder], folder))
        covered = {prefix for prefix in covered if not prefix.startswith(chosen)} | {chosen}
    return covered


def _folder(prefix: str) -> str:
    return _folders(prefix.removesuffix("/"))[-1]


def _folders(key: str) -> list[str]:
    parts = key.split("/")[:-1][:_FOLDERS]
    return ["".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]
