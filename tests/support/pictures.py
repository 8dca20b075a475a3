"""What a derivative shows, decoded by Pillow: never by the code under test."""

import io
from urllib.parse import parse_qsl

from PIL import Image, ImageChops, ImageStat

from chalicelib.limits import Limits
from chalicelib.rendering.renderer import prepare
from chalicelib.transformation import merged, parse, resolve_format
from support.originals import near
from support.pipeline import sources

CORNERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


def derivative_of(query, key="cat.jpg"):
    return resolve_format(key, merged({}, parse(parse_qsl(query))))


def rendered(original, query="", key="cat.jpg", limits=None):
    """The bytes that an original and a query come to."""
    derivative = derivative_of(query, key)
    return prepare(sources(original), [derivative], limits or Limits()).render(derivative).body


def opened(body):
    return Image.open(io.BytesIO(body))


def shown(original, query="", key="cat.jpg"):
    """The decoded picture that an original and a query come to."""
    return opened(rendered(original, query, key))


def at(image, place, mode="RGB"):
    """The colour at a place, given as shares of width and height."""
    return image.convert(mode).getpixel((int(place[0] * image.width), int(place[1] * image.height)))


def shows(image, colours, tolerance=40):
    """Whether the four quarters have these colours."""
    return all(near(at(image, place), colour, tolerance) for place, colour in zip(CORNERS, colours, strict=True))


def frames(body):
    """Every frame as it is seen, with its milliseconds."""
    image, seen = opened(body), []
    for index in range(image.n_frames):
        image.seek(index)
        image.load()
        seen.append((image.convert("RGBA"), image.info["duration"]))
    return seen


def difference(one, other):
    """The mean absolute difference of two pictures of one size, 0 to 255."""
    assert one.size == other.size
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean) / 3


def likeness(one, other, window=8):
    """The structural similarity (SSIM) of two pictures of one size, in grey: 1 where they are the same."""
    assert one.size == other.size
    (width, height), one, other = one.size, one.convert("L"), other.convert("L")
    boxes = [
        (x, y, x + window, y + window)
        for y in range(0, height - window + 1, window // 2)
        for x in range(0, width - window + 1, window // 2)
    ]
    return sum(_alike(one.crop(box).tobytes(), other.crop(box).tobytes()) for box in boxes) / len(boxes)


def _alike(one, other):
    count, a, b = len(one), sum(one) / len(one), sum(other) / len(other)
    spread_one = sum(level * level for level in one) / count - a * a
    spread_other = sum(level * level for level in other) / count - b * b
    shared = sum(level * twin for level, twin in zip(one, other, strict=True)) / count - a * b
    return (2 * a * b + 6.5) * (2 * shared + 58.5) / ((a * a + b * b + 6.5) * (spread_one + spread_other + 58.5))
