"""TIFFs that want much: pages, strips, tiles and bands."""

import struct

from system.hostile.bombs import SIDE, large
from system.hostile.case import DAMAGED, IN_TIME, REFUSED, SHOWN_OR_NOT, TOO_LARGE, Case
from system.hostile.parts import (
    ifd,
    tiff,
    zeros,
)

_PAGE = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 4, 1, 8), (262, 4, 1, 1), (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 1)]
SCHEMES = """0 2 3 4 5 6 7 8 9 10 32766 32773 32809 32895 32908 32909 32946 33003 33004 33005 34661 34676 34677
34712 34887 34925 50000 50001 50002 65535"""
"""The numbers of how a TIFF is compressed, old, new and false."""


def _pages(count):
    """A TIFF of many pages of one pixel."""
    size = len(ifd(_PAGE))
    tables = (ifd(_PAGE, 16 + page * size if page < count else 0) for page in range(1, count + 1))
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + b"".join(tables)


CASES = (
    Case("TIFF: as large as can be said", REFUSED, lambda _: tiff(width=2**32 - 1, height=2**32 - 1)),
    Case("TIFF: a wide one", TOO_LARGE, lambda _: tiff(width=60000, height=10)),
    Case("TIFF: a large one", TOO_LARGE, lambda _: tiff(width=15000, height=15000)),
    Case("TIFF: of no size", DAMAGED, lambda _: tiff(width=0, height=0)),
    Case("TIFF: ten thousand pages", TOO_LARGE, lambda _: _pages(10_000)),
    Case("TIFF: two hundred thousand pages", TOO_LARGE, lambda _: _pages(200_000)),
    Case("TIFF: a page that follows itself", TOO_LARGE, lambda _: tiff(following="itself")),
    Case("TIFF: a page below itself", SHOWN_OR_NOT, lambda _: tiff(more=[(330, 4, 1, 264)])),
    Case("TIFF: a strip of 4 GB", SHOWN_OR_NOT, lambda _: tiff(bytes=2**32 - 1)),
    Case("TIFF: a strip from nowhere", DAMAGED, lambda _: tiff(offset=2**32 - 2)),
    Case("TIFF: one huge strip", DAMAGED, lambda _: tiff(width=SIDE, height=SIDE, strip=bytes(16))),
    Case("TIFF: rows without end", SHOWN_OR_NOT, lambda _: tiff(rows=2**32 - 1)),
    Case("TIFF: no rows in a strip", SHOWN_OR_NOT, lambda _: tiff(rows=0)),
    Case("TIFF: sixty thousand bands", REFUSED, lambda _: tiff(bands=60000)),
    Case(
        "TIFF: a thousand bands on a large page",
        TOO_LARGE,
        lambda _: tiff(width=SIDE, height=SIDE, bands=1000, strip=bytes(16)),
    ),
    Case("TIFF: no bands", SHOWN_OR_NOT, lambda _: tiff(bands=0)),
    Case("TIFF: values of 64 bits", SHOWN_OR_NOT, lambda _: tiff(bits=64)),
    Case("TIFF: values of no bits", DAMAGED, lambda _: tiff(bits=0)),
    Case("TIFF: tiles of 2 GB", DAMAGED, lambda _: tiff(more=[(322, 4, 1, 2**31 - 16), (323, 4, 1, 2**31 - 16)])),
    Case(
        "TIFF: large tiles",
        IN_TIME,
        lambda _: tiff(
            width=SIDE,
            height=SIDE,
            offset=None,
            bytes=None,
            rows=None,
            strip=zeros(SIDE * SIDE),
            compression=8,
            more=[(322, 4, 1, 7008), (323, 4, 1, 7008), (324, 4, 1, 8), (325, 4, 1, 60000)],
        ),
    ),
    Case(
        "TIFF: deflated zeros",
        IN_TIME,
        lambda _: tiff(width=SIDE, height=SIDE, strip=zeros(SIDE * SIDE), compression=8),
        slow=True,
    ),
    Case("TIFF: deflated zeros beyond the page", SHOWN_OR_NOT, lambda _: tiff(strip=zeros(1 << 26), compression=8)),
    Case("TIFF: large, as fax", IN_TIME, lambda _: large("TIFF", mode="1", compression="group4")),
    *(
        Case(f"TIFF: nothing, compressed as {scheme}", SHOWN_OR_NOT, lambda _, scheme=scheme: tiff(compression=scheme))
        for scheme in map(int, SCHEMES.split())
    ),
)
