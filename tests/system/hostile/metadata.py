"""What is said beside a picture: EXIF, XMP and markers, huge, broken and false."""

from support.originals import picture, plain, saved, scene
from system.hostile.case import SHOWN, SHOWN_OR_NOT, Case
from system.hostile.parts import (
    ifd,
    jpeg,
    jpeg_segments,
    jpeg_with,
    of_kind,
    png_with,
    riff_chunks,
    tiff,
    vp8x,
    webp,
)


def _exif(*entries, following=0, more=b""):
    return b"Exif\0\0II*\0\x08\0\0\0" + ifd(entries, following) + more


_UPRIGHT = (0x0112, 3, 1, 1)
EXIFS = {
    "nothing": b"",
    "only its name": b"Exif\0\0",
    "no table": b"Exif\0\0II*\0",
    "a table that follows itself": _exif(_UPRIGHT, following=8),
    "a table below itself": _exif(_UPRIGHT, (0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)),
    "two tables that point at each other": _exif((0x8769, 4, 1, 26), more=ifd([(0xA005, 4, 1, 8)])),
    "a table without end": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0\0\0\1\0\0\0" * 3000,
    "an orientation of 9": _exif((0x0112, 3, 1, 9)),
    "an orientation of nothing": _exif((0x0112, 3, 0, 0)),
    "an orientation of 65,535": _exif((0x0112, 3, 1, 65535)),
    "an orientation of 4 billion": _exif((0x0112, 4, 1, 2**32 - 1)),
    "an orientation in words": _exif((0x0112, 2, 4, 0x41414141)),
    "eight orientations": _exif(*[(0x0112, 3, 1, turn) for turn in range(1, 9)]),
    "values beyond it": _exif((0x010F, 2, 2**32 - 1, 2**32 - 1)),
    "values before it": _exif((0x010F, 2, 400, 0)),
    "values of an unknown type": _exif((0x010F, 99, 9, 9)),
    "a maker's note without end": _exif((0x927C, 7, 60000, 8)),
    "a preview that is itself": _exif((0x0201, 4, 1, 0), (0x0202, 4, 1, 60000), following=8),
    "fractions of nothing": _exif((0x011A, 5, 1, 26), more=bytes(8)),
    "letters that end the line": _exif((0x010F, 2, 40, 26), more=b"\r\nSet-Cookie: a=b\r\n\r\n<script>\0\xff\xfe" * 3),
}


def _exif_in_webp(exif):
    return webp(vp8x(48, 32, 8), *riff_chunks(saved(scene((48, 32)), "WEBP")), (b"EXIF", exif))


def _exif_in_avif(exif):
    """What Pillow would not write: it is put in place of what it has written."""
    true = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0".ljust(len(exif), b"\7")
    return picture(form="AVIF", exif=true).replace(true[6:], exif.ljust(len(true), b"\0")[6:])


DESCRIBED = tuple(
    Case(f"{form}: an EXIF of {what}", SHOWN_OR_NOT, lambda _, made=(carry, exif): made[0](made[1]))
    for form, carry in {
        "JPEG": lambda exif: jpeg_with(picture(), (0xE1, exif)),
        "PNG": lambda exif: png_with(plain(), (b"eXIf", exif[6:])),
        "WebP": _exif_in_webp,
        "AVIF": _exif_in_avif,
        "HEIC": lambda exif: picture(form="HEIF", exif=exif or b"Exif\0\0"),
    }.items()
    for what, exif in EXIFS.items()
)

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><x>&j;</x>"
)

SAID = (
    *(
        Case(
            f"JPEG: 350 segments of 64 kB called {marker:02x} {head[:4]!r}",
            SHOWN,
            lambda _, made=(marker, head): jpeg_with(
                picture(), *[(made[0], made[1] + bytes(65533 - len(made[1])))] * 350
            ),
        )
        for marker, head in (
            (0xE1, b"Exif\0\0"),
            (0xE1, _XMP),
            (0xE2, b"ICC_PROFILE\0\1\1"),
            (0xFE, b""),
            (0xEF, b""),
            (0xED, b"Photoshop 3.0\x008BIM"),
            (0xE2, b"MPF\0II*\0"),
        )
    ),
    Case("JPEG: 300,000 empty segments", SHOWN, lambda _: jpeg_with(picture(), *[(0xEF, b"")] * 300_000)),
    Case("JPEG: an XMP of laughs", SHOWN, lambda _: jpeg_with(picture(), (0xE1, _XMP + _LAUGHS))),
    Case(
        "WebP: an XMP of laughs",
        SHOWN,
        lambda _: webp(vp8x(48, 32, 4), *riff_chunks(saved(scene((48, 32)), "WEBP")), (b"XMP ", _LAUGHS)),
    ),
    Case(
        "WebP: an XMP of a megabyte",
        SHOWN,
        lambda _: webp(vp8x(48, 32, 4), *riff_chunks(saved(scene((48, 32)), "WEBP")), (b"XMP ", bytes(10**6))),
    ),
    Case(
        "WebP: a hundred thousand chunks that nobody knows",
        SHOWN_OR_NOT,
        lambda _: webp(vp8x(48, 32), *riff_chunks(saved(scene((48, 32)), "WEBP")), *[(b"ABCD", b"")] * 100_000),
    ),
    Case(
        "PNG: an XMP of laughs", SHOWN, lambda _: png_with(plain(), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _LAUGHS))
    ),
    Case("TIFF: an XMP of a megabyte", SHOWN_OR_NOT, lambda _: tiff(strip=bytes(10**6), more=[(700, 7, 10**6, 8)])),
    Case("TIFF: a profile from nowhere", SHOWN_OR_NOT, lambda _: tiff(more=[(34675, 7, 10**6, 8)])),
    Case(
        "TIFF: ten thousand tags that nobody knows",
        SHOWN_OR_NOT,
        lambda _: tiff(more=[(40_000 + number, 4, 1, 1) for number in range(10_000)]),
    ),
    Case(
        "GIF: a profile and an XMP",
        SHOWN,
        lambda _: picture(form="GIF").replace(b",", b"!\xff\x0bICCRGBG1012\5abcde\0!\xff\x0bXMP DataXMP\5abcde\0,", 1),
    ),
)


def _adobe(transform):
    return 0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])


def _without_adobe(body):
    segments, scans = jpeg_segments(body)
    return jpeg([one for one in segments if one[0] != 0xEE], scans)


_INKS = picture(mode="CMYK", colour=0)
CODED = (
    *(
        Case(
            f"JPEG of {bands}: Adobe says {transform}",
            SHOWN,
            lambda _, made=(body, transform): jpeg_with(_without_adobe(made[0]), _adobe(made[1])),
        )
        for bands, body in (("inks", _INKS), ("colours", picture()), ("grey", picture(mode="L", colour=9)))
        for transform in (0, 1, 2, 9, 255)
    ),
    Case("JPEG of inks: Adobe says nothing", SHOWN, lambda _: _without_adobe(_INKS)),
    Case("JPEG of inks: Adobe says it twice", SHOWN_OR_NOT, lambda _: jpeg_with(_INKS, _adobe(2), _adobe(0))),
    *(
        Case(f"JPEG coded as {kind:02x}", SHOWN_OR_NOT, lambda _, kind=kind: of_kind(picture(), kind))
        for kind in (0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
    ),
    *(
        Case(
            f"JPEG of {depth} bits, coded as {kind:02x}",
            SHOWN_OR_NOT,
            lambda _, made=(kind, depth): of_kind(picture(), *made),
        )
        for kind in (0xC0, 0xC1, 0xC2, 0xC3, 0xC9)
        for depth in (0, 1, 12, 16, 255)
    ),
)

CASES = (*DESCRIBED, *SAID, *CODED)
