"""Good files cut short; PNGs and JPEGs with wrong lengths, sums and orders."""

import zlib

from system.hostile.case import DAMAGED, NOT_AN_IMAGE, SHOWN, SHOWN_OR_NOT, Case
from system.hostile.good import good
from system.hostile.parts import (
    PNG,
    chunk,
    ihdr,
    jpeg,
    jpeg_segments,
    png,
    png_chunks,
    segment,
)

EXTREMES = (0, 1, 7, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 9, 2**32 - 1)
CUT = (415, 422)


def plain(form):
    return good()[form]["plain"]


def _cut(form, name, tenth):
    body = good()[form][name]
    return body[: len(body) * tenth // 10]


WHOLE_ENOUGH = (("png", "16 bits"), ("png", "moving"), ("gif", "moving"), ("avif", "moving"), ("tiff", "pages"))
"""Of these all pixels of the first picture may be there before the last tenth is."""

CUTS = tuple(
    Case(
        f"{form}, {name}: {tenth} tenths",
        (*SHOWN, *CUT) if (form, name) in WHOLE_ENOUGH else CUT,
        lambda _, made=(form, name, tenth): _cut(*made),
    )
    for form, files in good().items()
    for name in files
    for tenth in range(10)
)


def _chunks(change):
    """The plain PNG, its chunks put together again one by one."""
    return PNG + b"".join(change(*one) for one in png_chunks(plain("png")))


def _only(wanted, change):
    return lambda name, body: change(name, body) if name == wanted else chunk(name, body)


def _reordered(*order):
    found = dict(png_chunks(plain("png")))
    return png(*[(name, found.get(name, b"")) for name in order])


PNGS = (
    *(
        Case(
            f"png: a wrong sum of {name.decode()}",
            may,
            lambda _, name=name: _chunks(_only(name, lambda name, body: chunk(name, body, crc=0x12345678))),
        )
        for name, may in ((b"IHDR", DAMAGED), (b"IDAT", SHOWN_OR_NOT), (b"IEND", SHOWN_OR_NOT))
    ),
    *(
        Case(
            f"png: {length} as length of {name.decode()}",
            SHOWN_OR_NOT,
            lambda _, name=name, length=length: _chunks(
                _only(name, lambda name, body: chunk(name, body, length=length))
            ),
        )
        for name in (b"IHDR", b"IDAT", b"IEND")
        for length in EXTREMES
    ),
    Case("png: no header", DAMAGED, lambda _: _reordered(b"IDAT", b"IEND")),
    Case("png: no data", DAMAGED, lambda _: _reordered(b"IHDR", b"IEND")),
    Case("png: no end", SHOWN_OR_NOT, lambda _: _reordered(b"IHDR", b"IDAT")),
    Case("png: the end first", DAMAGED, lambda _: _reordered(b"IEND", b"IHDR", b"IDAT")),
    Case("png: two headers", SHOWN_OR_NOT, lambda _: _reordered(b"IHDR", b"IHDR", b"IDAT", b"IEND")),
    Case("png: data twice", SHOWN_OR_NOT, lambda _: _reordered(b"IHDR", b"IDAT", b"IDAT", b"IEND")),
    Case(
        "png: a palette missing",
        DAMAGED,
        lambda _: png(ihdr(2, 2, 8, 3), (b"IDAT", zlib.compress(bytes(6))), (b"IEND", b"")),
    ),
    Case(
        "png: a palette that is too short",
        SHOWN_OR_NOT,
        lambda _: png(
            ihdr(2, 2, 8, 3), (b"PLTE", bytes(3)), (b"IDAT", zlib.compress(b"\0\xff\xff" * 2)), (b"IEND", b"")
        ),
    ),
    Case(
        "png: a palette that is too long",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(2, 2, 8, 3), (b"PLTE", bytes(3 * 1000)), (b"IDAT", zlib.compress(bytes(6))), (b"IEND", b"")),
    ),
    Case(
        "png: transparency of nothing",
        SHOWN_OR_NOT,
        lambda _: png(
            ihdr(2, 2, 8, 3),
            (b"PLTE", bytes(3)),
            (b"tRNS", bytes(999)),
            (b"IDAT", zlib.compress(bytes(6))),
            (b"IEND", b""),
        ),
    ),
    Case("png: an unknown chunk that counts", SHOWN_OR_NOT, lambda _: _reordered(b"IHDR", b"ABCD", b"IDAT", b"IEND")),
    *(
        Case(
            f"png: {depth} bits of colour type {colour}",
            SHOWN_OR_NOT,
            lambda _, depth=depth, colour=colour: png(
                ihdr(4, 4, depth, colour), (b"PLTE", bytes(768)), (b"IDAT", zlib.compress(bytes(400))), (b"IEND", b"")
            ),
        )
        for depth, colour in ((3, 0), (8, 1), (8, 5), (16, 3), (1, 2), (1, 6), (255, 255), (16, 4), (2, 0), (4, 3))
    ),
    *(
        Case(
            f"png: {name} of 9",
            DAMAGED,
            lambda _, name=name: png(ihdr(4, 4, **{name: 9}), (b"IDAT", zlib.compress(bytes(52))), (b"IEND", b"")),
        )
        for name in ("interlaced", "compression", "filtering")
    ),
    Case(
        "png: a filter of its rows that is none",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(4, 4), (b"IDAT", zlib.compress(b"\xff" * 52)), (b"IEND", b"")),
    ),
    Case(
        "png: a stream that is no stream",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(4, 4), (b"IDAT", b"this is no stream"), (b"IEND", b"")),
    ),
    Case(
        "png: a stream that ends in its middle",
        SHOWN_OR_NOT,
        lambda _: png(ihdr(400, 400), (b"IDAT", zlib.compress(bytes(480_400))[:100]), (b"IEND", b"")),
    ),
)


def _segments(change):
    found, scans = jpeg_segments(plain("jpeg"))
    return jpeg([one for one in map(change, found) if one], scans)


JPEGS = (
    *(
        Case(
            f"jpeg: no segment {marker:02x}",
            SHOWN_OR_NOT,
            lambda _, marker=marker: _segments(lambda one: None if one[0] == marker else one),
        )
        for marker in (0xE0, 0xDB, 0xC0, 0xC4)
    ),
    *(
        Case(
            f"jpeg: {length} as length of {marker:02x}",
            SHOWN_OR_NOT,
            lambda _, marker=marker, length=length: _segments(lambda one: (*one, length) if one[0] == marker else one),
        )
        for marker in (0xE0, 0xDB, 0xC0, 0xC4)
        for length in (0, 1, 2, 3, 2**15, 2**16 - 1)
    ),
    *(
        Case(
            f"jpeg: {count} bands",
            SHOWN_OR_NOT,
            lambda _, count=count: _segments(
                lambda one: (one[0], one[1][:5] + bytes([count]) + one[1][6:]) if one[0] == 0xC0 else one
            ),
        )
        for count in (0, 1, 2, 4, 5, 255)
    ),
    *(
        Case(
            f"jpeg: bands sampled {sampling:02x}",
            SHOWN_OR_NOT,
            lambda _, sampling=sampling: _segments(
                lambda one: (one[0], one[1][:7] + bytes([sampling]) + one[1][8:]) if one[0] == 0xC0 else one
            ),
        )
        for sampling in (0x00, 0x01, 0x10, 0x41, 0x44, 0x55, 0xFF)
    ),
    Case(
        "jpeg: a table of more codes than can be",
        SHOWN_OR_NOT,
        lambda _: _segments(lambda one: (one[0], one[1][:1] + b"\xff" * 16 + one[1][17:]) if one[0] == 0xC4 else one),
    ),
    Case(
        "jpeg: a table of no codes",
        SHOWN_OR_NOT,
        lambda _: _segments(lambda one: (one[0], one[1][:1] + bytes(16)) if one[0] == 0xC4 else one),
    ),
    Case(
        "jpeg: tables of zeros",
        SHOWN_OR_NOT,
        lambda _: _segments(lambda one: (one[0], one[1][:1] + bytes(64)) if one[0] == 0xDB else one),
    ),
    Case("jpeg: two frames", SHOWN_OR_NOT, lambda _: plain("jpeg")[:-2] + plain("jpeg")[2:]),
    Case("jpeg: no end", CUT, lambda _: plain("jpeg")[:-2]),
    Case(
        "jpeg: restarts where there are none",
        SHOWN_OR_NOT,
        lambda _: _segments(lambda one: one).replace(b"\xff\xda", segment(0xDD, b"\0\1") + b"\xff\xda"),
    ),
    Case("jpeg: a megabyte of fillers", SHOWN_OR_NOT, lambda _: b"\xff\xd8" + b"\xff" * 1_000_000 + plain("jpeg")[3:]),
    Case(
        "jpeg: a megabyte of zeros between", SHOWN_OR_NOT, lambda _: b"\xff\xd8\xff" + bytes(10**6) + plain("jpeg")[2:]
    ),
)

STARTS = (
    *(
        Case(f"only the first {count} bytes of {form}", CUT, lambda _, made=(form, count): plain(made[0])[: made[1]])
        for form in good()
        for count in (1, 2, 3, 4, 8, 12, 16, 32)
    ),
    Case("nothing", NOT_AN_IMAGE, lambda _: b""),
    Case("a megabyte of zeros", NOT_AN_IMAGE, lambda _: bytes(10**6)),
    Case("a good one, and a megabyte behind it", SHOWN, lambda _: plain("jpeg") + bytes(10**6)),
    Case("more bytes than are taken", (413,), lambda _: plain("jpeg") + bytes(25_000_000)),
)

CASES = (*CUTS, *PNGS, *JPEGS, *STARTS)
