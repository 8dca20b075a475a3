"""Colour profiles, written by hand: ICC.1:2010 has the layout of each tag."""

import struct

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(name, primaries, gamma=2.2):
    """A profile of three primaries (XYZ under D50) and one gamma."""
    tags = [(f"{colour}XYZ", _xyz(xyz)) for colour, xyz in zip("rgb", primaries, strict=True)]
    return _profile(b"mntr", b"RGB ", b"XYZ ", name, [*tags, *((f"{colour}TRC", _curve(gamma)) for colour in "rgb")])


def grey_profile(gamma):
    """A profile of grey with a gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", "Grey", [("kTRC", _curve(gamma))])


def ink_profile():
    """A profile of four inks that all print the same grey: full, each takes a quarter off the lightness."""
    corners = range(16)
    lightness = [255 - 255 * bin(corner).count("1") // 4 for corner in corners]
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * (index in (0, 4, 8)) for index in range(9)))
    table += straight * 4 + b"".join(bytes([level, 128, 128]) for level in lightness) + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", "Grey inks", [("A2B0", table)])


def _profile(device, space, connection, name, tags):
    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = [("desc", described), ("cprt", b"text\0\0\0\0none\0"), ("wtpt", _xyz(_D50)), *tags]
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for signature, tag in tags:
        table += struct.pack(">4sII", signature.encode(), at + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0\0\0\0", 0x02100000, device, space, connection)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    return (head.ljust(68, b"\0") + struct.pack(">3i", *map(_fixed, _D50))).ljust(128, b"\0") + table + body


def _xyz(values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _fixed(value):
    return round(value * 65536)


def _curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
