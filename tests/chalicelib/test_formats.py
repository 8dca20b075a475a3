"""What a file is by its first bytes, what its name suggests, what a browser takes; and CSS's colours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.formats import NEGOTIATED, WRITTEN, accepted, natural, sniff
from chalicelib.parameters.colour_names import NAMED

HEADS = {
    "jpeg": [b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xdb"],
    "png": [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"],
    "gif": [b"GIF87a", b"GIF89a"],
    "webp": [b"RIFF\x10\0\0\0WEBPVP8 "],
    "tiff": [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"],
    "avif": [b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"],
    "heic": [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"],
    "svg": [b"<svg xmlns=''>", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<svg/>", b"\n <!DOCTYPE svg><svg>"],
}
OTHERS = [
    b"",
    b"\xff\xd8",
    b"RIFF\x10\0\0\0WAVEfmt ",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    b"%PDF-1.7",
    b"%!PS",
    b"push graphic-context\nviewbox 0 0 1 1",
    b"<html><svg></svg></html>",
    b"<?xml version='1.0'?><note/>",
    b"P6 1 1 255\n",
    b"BM\x36\0\0\0",
    b"\0\0\0\0ftypavif",
]


@pytest.mark.parametrize(("form", "head"), [(form, head) for form, heads in HEADS.items() for head in heads])
def test_a_file_is_what_its_first_bytes_say(form, head):
    assert sniff(head) == form


@pytest.mark.parametrize("head", OTHERS)
def test_everything_else_is_no_image(head):
    assert sniff(head) is None


@given(st.binary(max_size=64))
def test_no_bytes_surprise_the_look(head):
    assert sniff(head) in (None, *HEADS)


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("a.jpg", "jpg"),
        ("a.JPEG", "jpg"),
        ("a.PNG", "png"),
        ("a.svg", "png"),
        ("a.gif", "gif"),
        ("a.webp", "webp"),
        ("a.heic", "jpg"),
        ("a.png/b", "jpg"),
        (".png", "jpg"),
        ("a.", "jpg"),
        ("a", "jpg"),
    ],
)
def test_a_name_suggests_what_to_write(key, form):
    assert natural(key) == form


@pytest.mark.parametrize(
    ("header", "forms"),
    [
        ("", set()),
        ("*/*", set()),
        ("image/*", set()),
        ("image/webp", {"webp"}),
        ("text/html,image/avif,image/webp;q=0.8,*/*;q=0.5", {"avif", "webp"}),
        ("IMAGE/AVIF", {"avif"}),
        ("image/avif;q=0, image/webp", {"webp"}),
        ("image/avif ; q = 0.000", set()),
        ("image/avif;q=0.001", {"avif"}),
        (",,;q=,image/webp;", {"webp"}),
    ],
)
def test_only_what_a_browser_names_counts(header, forms):
    assert accepted(header) == forms


@given(st.text(max_size=80))
def test_no_accept_header_surprises(header):
    assert accepted(header) <= set(NEGOTIATED)


def test_every_negotiated_format_is_written():
    assert set(NEGOTIATED) <= set(WRITTEN)


def test_every_colour_has_six_digits_and_the_known_ones_are_right():
    assert len(NAMED) == 148
    assert all(re.fullmatch("[0-9a-f]{6}", digits) and name == name.lower() for name, digits in NAMED.items())
    assert (NAMED["rebeccapurple"], NAMED["tomato"], NAMED["grey"]) == ("663399", "ff6347", NAMED["gray"])
