"""Originals, drawn small: a few bytes of every kind that comes."""

import io
import struct
import zlib

import pillow_heif
from PIL import Image, ImageDraw, ImageFont

pillow_heif.register_heif_opener()

NOT_AN_IMAGE = b"This is a letter, not a picture.\n" * 20

QUARTERS = ("red", "lime", "blue", "yellow")
"""The colours of four quarters: top left, top right, bottom left, bottom right."""

_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def saved(image, form, **options):
    """A picture as a file of the format."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def picture(size=(120, 80), colour="tomato", form="JPEG", mode="RGB", **options):
    """A plain picture with a darker box to the left, as a file of the format."""
    image = Image.new(mode, size, colour)
    ImageDraw.Draw(image).rectangle([size[0] // 8, size[1] // 4, size[0] // 3, size[1] * 3 // 4], "navy")
    return saved(image, form, **options)


def plain(mode="RGB", colour=(200, 100, 50), form="PNG", size=(64, 48), **options):
    """One colour all over."""
    return saved(Image.new(mode, size, colour), form, **options)


def noise(size=(160, 120), seed=1):
    """A PNG that does not compress."""
    width, height = size
    state, raw = seed, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1103515245 + 12345) % 2**31
        raw.append(state >> 16 & 255)
    return saved(Image.frombytes("RGB", size, bytes(raw)), "PNG")


def animation(colours=("red", "green", "blue"), size=(60, 40), form="GIF", **options):
    """A GIF that moves."""
    first, *others = [Image.new("RGB", size, colour) for colour in colours]
    return saved(first, form, save_all=True, append_images=others, **{"duration": 100, "loop": 0, **options})


def damaged():
    """A WebP whose header is whole and whose pixels are cut off."""
    whole = picture((400, 300), form="WEBP")
    return whole[: len(whole) // 3]


def quarters(size=(120, 80), colours=QUARTERS):
    """Four quarters, each in its colour."""
    image = Image.new("RGB", size)
    for index, colour in enumerate(colours):
        x, y = size[0] // 2 * (index % 2), size[1] // 2 * (index // 2)
        image.paste(colour, (x, y, x + size[0] // 2, y + size[1] // 2))
    return image


def turned(form, orientation):
    """Quarters, stored so that they are upright only as the orientation says."""
    image, how, exif = quarters(), _STORED[orientation], Image.Exif()
    image = image if how is None else image.transpose(how)
    exif[0x0112] = orientation
    if form != "HEIF":
        return saved(image, form, exif=exif)
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, exif=exif.tobytes())
    return file.getvalue()


def scene(size=(480, 320)):
    """A small landscape with soft and hard parts: a sky, a sun, hills, a fence and a line of text."""
    width, height = size
    sky = Image.linear_gradient("L").resize(size)
    image = Image.merge(
        "RGB",
        [sky.point([low + grey * (high - low) // 255 for grey in range(256)]) for low, high in SKY],
    )
    draw = ImageDraw.Draw(image)
    draw.ellipse(_part(size, 0.68, 0.12, 0.82, 0.33), (255, 244, 190))
    draw.polygon(_part(size, 0, 0.75, 0.3, 0.45, 0.62, 0.8, 1, 0.55, 1, 1, 0, 1), (52, 84, 66))
    draw.polygon(_part(size, 0, 0.9, 0.5, 0.72, 1, 0.92, 1, 1, 0, 1), (34, 54, 38))
    for x in range(width // 12, width // 2, max(2, width // 24)):
        draw.line([(x, height * 3 // 4), (x, height - height // 10)], (226, 216, 196), max(1, width // 160))
    draw.text((width // 16, height // 12), "Valley 1867", (250, 250, 250), ImageFont.load_default(height // 9))
    return image


SKY = ((60, 250), (100, 190), (170, 150))
"""Red, green and blue of the scene's sky, from top to bottom."""


def _part(size, *shares):
    return [round(share * size[index % 2]) for index, share in enumerate(shares)]


def deep_heic(mode, colour, size=(64, 48)):
    """A HEIC of more than 8 bits, one colour all over."""
    file = io.BytesIO()
    level = b"".join(struct.pack("<H", band * 257) for band in colour)
    pillow_heif.from_bytes(mode=f"{mode};16", size=size, data=level * size[0] * size[1]).save(file)
    return file.getvalue()


def tiled_heic(image):
    """A HEIC in tiles, as phones write it."""
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, tile_size=256)
    return file.getvalue()


def sprite(size=(120, 80), colour="red", box=(30, 20, 80, 60)):
    """An ellipse on nothing."""
    image = Image.new("RGBA", size)
    ImageDraw.Draw(image).ellipse(box, colour)
    return image


def gif(size, frames, loop=0):
    """A GIF of one-coloured frames, each (x, y, width, height, colour, disposal, hundredths of a second).

    The colours are 0 transparent, 1 red, 2 lime, 3 blue.
    """
    palette = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    parts = [b"GIF89a", struct.pack("<HHBBB", *size, 0x81, 0, 0), palette]
    parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0")
    for x, y, width, height, colour, disposal, delay in frames:
        parts.append(b"!\xf9\x04" + struct.pack("<BHB", disposal << 2 | 1, delay, 0) + b"\0")
        parts.append(b"," + struct.pack("<HHHHB", x, y, width, height, 0) + _lzw(colour, width * height))
    return b"".join(parts) + b";"


def _lzw(colour, count):
    # Clearing the table after every second pixel keeps all codes at three bits: 4 clears, 5 ends.
    codes = [4]
    for index in range(count):
        codes += [colour, 4] if index % 2 else [colour]
    bits = sum(code << 3 * at for at, code in enumerate([*codes, 5]))
    raw = bits.to_bytes((3 * (len(codes) + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(raw[at : at + 255])]) + raw[at : at + 255] for at in range(0, len(raw), 255))
    return b"\x02" + blocks + b"\0"


def png_bomb(width, height):
    """A PNG of a few bytes whose header promises more."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def on_canvas(webp, width, height):
    """An animated WebP that claims a larger canvas than its frames'."""
    claim = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp[:24] + claim + webp[30:]


def cielab(colour=(50, 20, 30), size=(40, 30)):
    """A TIFF of 16-bit CIELAB."""
    level = tuple(round(value * scale) for value, scale in zip(colour, (655.35, 256, 256), strict=True))
    strip = struct.pack("<Hhh", *level) * size[0] * size[1]
    entries = [(256, 3, 1, size[0]), (257, 3, 1, size[1]), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 8)]
    entries += [(273, 4, 1, 128), (277, 3, 1, 3), (278, 3, 1, size[1]), (279, 4, 1, len(strip))]
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8) + table + b"\0\0\0\0"
    return head.ljust(122, b"\0") + struct.pack("<HHH", 16, 16, 16) + strip


def svg(attributes='width="120" height="80"'):
    """The quarters as an SVG."""
    boxes = "".join(
        f'<rect x="{60 * (index % 2)}" y="{40 * (index // 2)}" width="60" height="40" fill="{colour}"/>'
        for index, colour in enumerate(QUARTERS)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{boxes}</svg>'.encode()


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
