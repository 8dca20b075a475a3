"""Progressive JPEG: drops the scans that add the last bit of detail, which a much smaller picture does not show."""

import re
from collections.abc import Iterator

# ITU-T T.81, table B.1. A coded 0xFF is followed by 0x00 or by a restart marker, 0xFF before a marker is a filler.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN, _END, _FILLER, _SEQUENTIAL = 0xDA, 0xD9, 0xFF, (0xC0, 0xC1)
_MOST_SEGMENTS = 1000


def drop_last_refinement_scans(jpeg: bytes) -> bytes:
    """Drop the last refinement scans; a JPEG that is not progressive, or not understood, is returned as it is."""
    kept, start = [], 0
    for begin, end in _scans(jpeg):
        if _is_last_refinement(jpeg, begin):
            kept.append(jpeg[start:begin])
            start = end
    return b"".join([*kept, jpeg[start:]]) if kept else jpeg


def _scans(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Where each scan begins and ends; a scan that is cut short is left out, so that libvips sees the damage."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker = jpeg[at + 1 : at + 2]
        if jpeg[at : at + 1] != b"\xff" or not marker or marker[0] in (_END, _FILLER, *_SEQUENTIAL):
            return
        start, at = at, at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker[0] == _SCAN:
            following = _MARKER.search(jpeg, at)
            if not following:
                return
            at = following.start()
            yield start, at


def _is_last_refinement(jpeg: bytes, scan: int) -> bool:
    # T.81, B.2.3: a scan's header ends with its first and last coefficient, and the bits before and after it.
    end = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    first_coefficient, _, bits = jpeg[end - 3 : end]
    return first_coefficient > 0 and bits >> 4 > 0 and bits & 0x0F == 0
