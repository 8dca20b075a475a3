"""Files taken apart and put together again, right or wrong: chunks, segments, boxes, tables."""

import re
import struct
import zlib

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name, body=b"", crc=None, length=None):
    """A chunk of a PNG, with its own CRC and length unless others are given."""
    lock_data_dir = len(body) if length is None else length
    return (
        struct.pack(">I", lock_data_dir)
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body) if crc is None else crc)
    )


def png_chunks(body):
    """The chunks of a whole PNG: (name, body)."""
    at, found = len(PNG), []
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        found.append((body[at + 4 : at + 8], body[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png(*chunks):
    """A PNG of these chunks: (name, body)."""
    return PNG + b"".join(chunk(*one) for one in chunks)


def png_with(body, *more):
    """A PNG with these chunks behind its header."""
    first, *rest = png_chunks(body)
    return png(first, *more, *rest)


def ihdr(width, height, depth=8, colour=2, interlaced=0, compression=0, filtering=0):
    """A PNG's header; `colour` 0 is grey, 2 RGB, 3 a palette, 4 and 6 have alpha."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlaced)


def zeros(count, level=9):
    """So many zeros, deflated piece by piece."""
    packer, piece = zlib.compressobj(level), bytes(1 << 20)
    packed = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*packed, packer.compress(bytes(count & (1 << 20) - 1)), packer.flush()])


def flat_png(width, height, depth=8, colour=2, interlaced=0):
    """A whole black PNG, of hardly any bytes for its size."""
    bands = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    # Interlaced, each of the seven passes has rows of its own, and each row a byte for its filter.
    rows = height * (1 + (width * bands * depth + 7) // 8) + interlaced * (2 * height + width)
    return png(ihdr(width, height, depth, colour, interlaced), (b"IDAT", zeros(rows)), (b"IEND", b""))


def segment(marker, body=b"", length=None):
    """A segment of a JPEG, with its own length unless another is given."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2 if length is None else length) + body


def jpeg_segments(body):
    """The segments of a JPEG before its first scan, (marker, body), and the scans as they are."""
    at, found = 2, []
    while body[at + 1] != 0xDA:
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        found.append((body[at + 1], body[at + 4 : at + 2 + length]))
        at += 2 + length
    return found, body[at:]


def jpeg(segments, scans):
    """The inverse of `jpeg_segments`."""
    return b"\xff\xd8" + b"".join(segment(*one) for one in segments) + scans


def jpeg_with(body, *more):
    """A JPEG with these segments, (marker, body) each, before its own."""
    segments, scans = jpeg_segments(body)
    return jpeg([*more, *segments], scans)


def of_size(body, width, height):
    """A JPEG whose frame claims another size."""
    return _framed(body, lambda marker, frame: (marker, frame[:1] + struct.pack(">HH", height, width) + frame[5:]))


def of_kind(body, kind, depth=8):
    """A JPEG whose frame claims to be coded in another way (0xC0 to 0xCF), of so many bits."""
    return _framed(body, lambda marker, frame: (kind, bytes([depth]) + frame[1:]))


def _framed(body, change):
    segments, scans = jpeg_segments(body)
    frames = (0xC0, 0xC1, 0xC2)
    return jpeg([change(*one) if one[0] in frames else one for one in segments], scans)


def scans_of(jpeg_body):
    """A progressive JPEG's scans, each with the tables before it."""
    _, scans = jpeg_segments(jpeg_body)
    starts = [match.start() for match in re.finditer(rb"\xff[\xc4\xda]", scans)]
    begins = [one for one in starts if scans[one + 1] == 0xDA]
    return [scans[begin:end] for begin, end in zip(begins, [*begins[1:], len(scans) - 2], strict=True)]


def riff_chunk(name, body=b"", length=None):
    """A chunk of a WebP, padded to an even length."""
    return name + struct.pack("<I", len(body) if length is None else length) + body + bytes(len(body) % 2)


def riff_chunks(webp):
    """The chunks of a WebP: (name, body)."""
    at, found = 12, []
    while at < len(webp):
        length = int.from_bytes(webp[at + 4 : at + 8], "little")
        found.append((webp[at : at + 4], webp[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def webp(*chunks, length=None):
    """A WebP of these chunks: (name, body)."""
    inside = b"WEBP" + b"".join(riff_chunk(*one) for one in chunks)
    return b"RIFF" + struct.pack("<I", len(inside) if length is None else length) + inside


def vp8x(width, height, flags=0):
    """A WebP's canvas, as an extended header says it; flags: 2 moves, 16 alpha, 32 ICC, 8 EXIF, 4 XMP."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def box(name, body=b"", length=None):
    """A box of an AVIF or HEIC."""
    return struct.pack(">I", len(body) + 8 if length is None else length) + name + body


def claiming(body, width, height):
    """An AVIF or HEIC all of whose `ispe` boxes claim another size."""
    return re.sub(rb"(ispe\0\0\0\0).{8}", lambda match: match[1] + struct.pack(">II", width, height), body, flags=re.S)


def relength(body, name, length):
    """A file whose boxes of a name claim another length."""
    return re.sub(rb".{4}" + name, lambda match: struct.pack(">I", length) + name, body, flags=re.S)


def ifd(entries, following=0):
    """A table of a TIFF: (tag, type, count, value or offset) each."""
    packed = [struct.pack("<HHII", tag, kind, count, value & 0xFFFFFFFF) for tag, kind, count, value in entries]
    return struct.pack("<H", len(packed)) + b"".join(packed) + struct.pack("<I", following)


def tiff(width=16, height=16, strip=None, following=0, more=(), **changed):
    """A grey TIFF of one strip; `changed` are tags by name, `more` further entries."""
    strip = bytes(min(width * height, 256)) if strip is None else strip
    tags = {"width": width, "height": height, "bits": 8, "compression": 1, "photometric": 1, "offset": 8, "bands": 1}
    tags |= {"rows": height, "bytes": len(strip)} | changed
    entries = [(TAGS[name], 4, 1, value) for name, value in tags.items() if value is not None]
    at = 8 + len(strip) + len(strip) % 2
    table = ifd(sorted([*entries, *more]), at if following == "itself" else following)
    return b"II*\0" + struct.pack("<I", at) + strip.ljust(at - 8, b"\0") + table


TAGS = {"width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "offset": 273, "bands": 277}
TAGS |= {"rows": 278, "bytes": 279, "planar": 284, "predictor": 317, "tile_width": 322, "tile_height": 323}
TAGS |= {"tile_offset": 324, "tile_bytes": 325, "subifd": 330, "jpeg_tables": 347, "format": 339}


def svg(inside="", attributes='width="64" height="48"', before=""):
    """An SVG with something in it."""
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {spaces} {attributes}>{inside}</svg>".encode()
