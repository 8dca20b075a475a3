"""Good files changed by chance, each by its seed and number: the same ones come again."""

import random
import re
import zlib
from itertools import pairwise

from system.hostile.good import good
from system.hostile.parts import PNG, png, png_chunks

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
NUMBERS = ("0", "-1", "1e9", "1e-9", "NaN", "inf", "999999999999", "100%", "1e308", "", "url(#r)", "none")
TURNS = (1, 1, 1, 2, 2, 3, 5)
"""How often one file is changed."""


def mutation(seed, number):
    """Its name and its bytes."""
    chance = random.Random(f"{seed} {number}")
    form = chance.choice(list(good()))
    name, body = chance.choice(list(good()[form].items()))
    for _ in range(chance.choice(TURNS)):
        change = chance.choice(SVG_CHANGES if form == "svg" else CHANGES)
        body = change(chance, form, body) or b"\0"
    if form == "png" and chance.random() < 0.6:  # else nothing but a wrong sum would be tried
        body = with_sums(body)
    return f"mutation {number} of {form}, {name}", body


def _place(chance, body):
    # Much of what is changed lies where headers do; the first bytes mostly stay, or nothing else would be tried.
    least = 0 if chance.random() < 0.05 or len(body) < 16 else 12
    return chance.randrange(least, min(len(body), 160) if chance.random() < 0.3 else len(body))


def _flip(chance, form, body):
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8, 32))):
        changed[_place(chance, body)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _run(chance, form, body):
    start, length = _place(chance, body), chance.choice((1, 2, 4, 16, 64, 256))
    filler = chance.choice((b"\0", b"\xff", b"\x80", None))
    run = chance.randbytes(length) if filler is None else filler * length
    return body[:start] + run + body[start + length :]


def _insertion(chance, form, body):
    start = _place(chance, body)
    return body[:start] + chance.randbytes(chance.choice((1, 2, 8, 500))) + body[start:]


def _number(chance, form, body):
    start, size = _place(chance, body), chance.choice((1, 2, 4))
    value = chance.choice(EXTREMES) & (1 << 8 * size) - 1
    return body[:start] + value.to_bytes(size, chance.choice(("big", "little"))) + body[start + size :]


def _length(chance, form, body):
    """The length of a part is another."""
    start, end = chance.choice(pieces(form, body))
    size, order = {"jpeg": (2, "big"), "gif": (1, "big"), "webp": (4, "little"), "tiff": (4, "little")}.get(
        form, (4, "big")
    )
    at = start + {"jpeg": 2, "webp": 4, "tiff": 4}.get(form, 0)
    value = chance.choice((end - start + 1, end - start - 9, 2 * (end - start), chance.choice(EXTREMES)))
    return body[:at] + (value & (1 << 8 * size) - 1).to_bytes(size, order) + body[at + size :]


def _twice(chance, form, body):
    start, end = chance.choice(pieces(form, body))
    return body[:end] + body[start:end] * chance.choice((1, 1, 2, 50)) + body[end:]


def _gone(chance, form, body):
    start, end = chance.choice(pieces(form, body))
    return body[:start] + body[end:]


def _swapped(chance, form, body):
    (start, middle), (other, end) = sorted((chance.choice(pieces(form, body)), chance.choice(pieces(form, body))))
    return body[:start] + body[other:end] + body[max(middle, end) :] if middle <= other else _gone(chance, form, body)


def _spliced(chance, form, body):
    """The head of this one, and the tail of another."""
    other = chance.choice(list(good()[chance.choice(list(good()))].values()))
    return body[: _place(chance, body)] + other[chance.randrange(len(other)) :]


def _spliced_with_kin(chance, form, body):
    other = chance.choice(list(good()[form].values()))
    at = _place(chance, body)
    return body[:at] + other[min(at, len(other)) :]


def _cut(chance, form, body):
    return body[: chance.randrange(len(body))]


def _inside(chance, form, body):
    """The rows of a PNG are changed before they are deflated: a stream that is broken would hide what they hold."""
    chunks = png_chunks(body) if form == "png" else []
    try:
        rows = zlib.decompress(b"".join(part for name, part in chunks if name == b"IDAT"))
    except zlib.error:
        rows = b""
    if not rows:
        return _flip(chance, form, body)
    packed = b"IDAT", zlib.compress(chance.choice((_flip, _run, _insertion))(chance, form, rows))
    others = [one for one in chunks if one[0] != b"IDAT"]
    return png(*others[:-1], packed, *others[-1:])


def _svg_number(chance, form, body):
    found = list(re.finditer(rb"[\d.]+", body))
    match = chance.choice(found) if found else re.search(b"", body)
    return body[: match.start()] + chance.choice(NUMBERS).encode() + body[match.end() :]


def _svg_nested(chance, form, body):
    depth, name = chance.choice((2, 30, 300)), chance.choice((b"g", b"svg", b"mask", b"pattern", b"a", b"symbol"))
    start, end = chance.choice(pieces(form, body))
    return body[:start] + b"<" + name + b">" * depth + body[start:end] + (b"</" + name + b">") * depth + body[end:]


def _svg_name(chance, form, body):
    names = sorted(set(re.findall(rb"[a-zA-Z-]{3,}", body)))
    old, new = (chance.choice(names), chance.choice(names)) if names else (b"", b"")
    return body.replace(old, new, chance.choice((1, 9))) if old else body


CHANGES = (
    _flip,
    _inside,
    _run,
    _insertion,
    _number,
    _length,
    _twice,
    _gone,
    _swapped,
    _spliced,
    _spliced_with_kin,
    _cut,
    _inside,
)
SVG_CHANGES = (_svg_number, _svg_number, _svg_nested, _svg_name, _twice, _gone, _swapped, _flip, _spliced, _cut)

_STARTS = {
    "jpeg": rb"\xff[\xc0-\xfe]",
    "gif": rb"[,!](?=.{8})|\xfe|\xf9",
    "webp": rb"VP8[ LX]|ALPH|ANIM|ANMF|ICCP|EXIF|XMP ",
    "svg": rb"<",
    "tiff": rb"[\xfe\xff\0-\x1f][\1\2\x80-\x8f][\1-\x0c]\0",
}


def pieces(form, body):
    """Where the parts of a file begin and end, as far as it still has any."""
    if form in ("png", "avif", "heic"):
        starts = [match.start() - 4 for match in re.finditer(rb"[a-zA-Z]{4}", body) if match.start() >= 4]
    else:
        starts = [match.start() for match in re.finditer(_STARTS[form], body, re.DOTALL)]
    return list(pairwise([*starts, len(body)])) or [(0, len(body))]


def with_sums(body):
    """A PNG whose sums are right again, up to where it is no PNG any more."""
    at, parts = len(PNG), [body[: len(PNG)]]
    while at + 12 <= len(body):
        end = at + 12 + int.from_bytes(body[at : at + 4], "big")
        parts.append(body[at : end - 4] + zlib.crc32(body[at + 4 : end - 4]).to_bytes(4, "big"))
        at = end
    return b"".join(parts) + (body[at:] if at < len(body) else b"")
