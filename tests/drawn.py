"""Originals, drawn small: a few bytes of every kind that comes."""

import io

from PIL import Image, ImageDraw

NOT_AN_IMAGE = b"This is a letter, not a picture.\n" * 20


def picture(size=(120, 80), colour="tomato", form="JPEG", mode="RGB", **options):
    """A plain picture with a darker box to the left, as a file of the format."""
    image = Image.new(mode, size, colour)
    ImageDraw.Draw(image).rectangle([size[0] // 8, size[1] // 4, size[0] // 3, size[1] * 3 // 4], "navy")
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(size=(160, 120), seed=1):
    """A PNG that does not compress."""
    width, height = size
    state, raw = seed, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1103515245 + 12345) % 2**31
        raw.append(state >> 16 & 255)
    file = io.BytesIO()
    Image.frombytes("RGB", size, bytes(raw)).save(file, "PNG")
    return file.getvalue()


def animation(colours=("red", "green", "blue"), size=(60, 40)):
    """A GIF that moves."""
    first, *others = [Image.new("RGB", size, colour) for colour in colours]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=100, loop=0)
    return file.getvalue()


def damaged():
    """A WebP whose header is whole and whose pixels are cut off."""
    whole = picture((400, 300), form="WEBP")
    return whole[: len(whole) // 3]


def colour_of(body, place=(0.9, 0.5)):
    """The RGB at a place, given as shares of width and height."""
    image = Image.open(io.BytesIO(body)).convert("RGB")
    return image.getpixel((int(place[0] * (image.width - 1)), int(place[1] * (image.height - 1))))


def size_of(body):
    """Width and height."""
    return Image.open(io.BytesIO(body)).size


def near(colour, name, tolerance=12):
    """Whether a colour is about the named one."""
    wanted = Image.new("RGB", (1, 1), name).getpixel((0, 0))
    return all(abs(one - other) <= tolerance for one, other in zip(colour, wanted, strict=True))
