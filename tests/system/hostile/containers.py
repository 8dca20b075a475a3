"""GIFs, WebPs, AVIFs, HEICs and TIFFs with wrong lengths, counts and orders."""

import re

from system.hostile.broken import EXTREMES, plain
from system.hostile.case import DAMAGED, SHOWN_OR_NOT, Case
from system.hostile.good import good
from system.hostile.parts import (
    box,
    relength,
    riff_chunks,
    tiff,
    vp8x,
    webp,
)

BOXES = (b"ftyp", b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"infe", b"iprp", b"ipco", b"ipma", b"ispe", b"mdat")


GIFS = (
    *(
        Case(
            f"gif: codes of {size} bits",
            SHOWN_OR_NOT,
            lambda _, size=size: re.sub(
                rb"(,.{8}[\0-\x7f])\x08", lambda match: match[1] + bytes([size]), plain("gif"), count=1, flags=re.S
            ),
        )
        for size in (0, 1, 12, 13, 255)
    ),
    Case("gif: no palette", SHOWN_OR_NOT, lambda _: plain("gif")[:10] + b"\0" + plain("gif")[11:]),
    Case("gif: only a header", DAMAGED, lambda _: plain("gif")[:13]),
    Case("gif: only a header and its end", DAMAGED, lambda _: b"GIF89a\1\0\1\0\0\0\0;"),
    Case("gif: no end", SHOWN_OR_NOT, lambda _: plain("gif")[:-1]),
    Case("gif: comments without end", SHOWN_OR_NOT, lambda _: plain("gif")[:-1] + b"!\xfe\1a\0" * 300_000 + b";"),
    Case(
        "gif: a comment before all that never ends",
        SHOWN_OR_NOT,
        lambda _: b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\xff" * 100_000,
    ),
)


def _riff(change):
    return webp(*[one for found in riff_chunks(good()["webp"]["alpha"]) for one in change(*found)])


WEBPS = (
    *(
        Case(
            f"webp: {length} as its length",
            SHOWN_OR_NOT,
            lambda _, length=length: webp(*riff_chunks(plain("webp")), length=length),
        )
        for length in EXTREMES
    ),
    *(
        Case(
            f"webp: {length} as length of {name.decode()}",
            SHOWN_OR_NOT,
            lambda _, name=name, length=length: _riff(
                lambda found, body: [(found, body, length) if found == name else (found, body)]
            ),
        )
        for name in (b"VP8X", b"ALPH", b"VP8 ", b"ICCP", b"EXIF")
        for length in EXTREMES
    ),
    Case("webp: pictures twice", SHOWN_OR_NOT, lambda _: _riff(lambda *one: [one] * (1 + (one[0] == b"VP8 ")))),
    Case("webp: no picture", DAMAGED, lambda _: _riff(lambda *one: [] if one[0] == b"VP8 " else [one])),
    Case("webp: only alpha", DAMAGED, lambda _: webp(vp8x(9, 9, 16), (b"ALPH", bytes(9)))),
    Case(
        "webp: a canvas smaller than its picture",
        SHOWN_OR_NOT,
        lambda _: _riff(lambda *one: [vp8x(1, 1, 16) if one[0] == b"VP8X" else one]),
    ),
    Case("webp: it moves, and has no frames", DAMAGED, lambda _: webp(vp8x(9, 9, 2), (b"ANIM", bytes(6)))),
    Case(
        "webp: a frame outside",
        SHOWN_OR_NOT,
        lambda _: webp(vp8x(9, 9, 2), (b"ANIM", bytes(6)), (b"ANMF", b"\xff" * 6 + bytes(10) + plain("webp")[12:])),
    ),
)

ISOS = tuple(
    Case(
        f"{form}: {length} as length of {name.decode()}",
        (200, 415, 422),
        lambda _, made=(form, name, length): relength(plain(made[0]), *made[1:]),
    )
    for form in ("avif", "heic")
    for name in BOXES
    for length in EXTREMES
) + tuple(
    Case(f"{form}: only {what}", DAMAGED, lambda _, form=form, body=body: plain(form)[:16] + form.encode() + body)
    for form in ("avif", "heic")
    for what, body in (("a brand", b""), ("an empty meta", box(b"meta", bytes(4))), ("pixels", box(b"mdat", bytes(99))))
)

TIFFS = (
    *(
        Case(
            f"tiff: {value} as {name}",
            (*SHOWN_OR_NOT, 413),
            lambda _, name=name, value=value: tiff(strip=bytes(256), **{name: value}),
        )
        for name in ("width", "height", "bits", "photometric", "offset", "bands", "rows", "bytes")
        for value in EXTREMES
    ),
    Case("tiff: a table from nowhere", DAMAGED, lambda _: b"II*\0\xff\xff\xff\x7f"),
    Case("tiff: a table of its header", DAMAGED, lambda _: b"II*\0\0\0\0\0" + bytes(90)),
    Case("tiff: a table without end", DAMAGED, lambda _: b"II*\0\x08\0\0\0\xff\xff" + b"\1\1\4\0\1\0\0\0\1\0\0\0" * 99),
    Case("tiff: a count beyond all", SHOWN_OR_NOT, lambda _: tiff(more=[(700, 7, 2**32 - 1, 8)])),
    Case("tiff: values of an unknown type", SHOWN_OR_NOT, lambda _: tiff(more=[(700, 99, 9, 8)])),
    Case("tiff: the other order of bytes", DAMAGED, lambda _: b"MM\0*" + tiff()[4:]),
)

CASES = (*GIFS, *WEBPS, *ISOS, *TIFFS)
