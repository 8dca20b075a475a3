"""Strokes that the sample pictures are drawn with: gradients, noise, ridges, glows. The same seed, the same pixels."""

import random
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
Size = tuple[int, int]


def gradient(size: Size, *colours: Colour) -> Image.Image:
    """The colours from top to bottom, evenly spaced."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    return column.resize((1, size[1]), Image.Resampling.BICUBIC, box=(0, 0.5, 1, len(colours) - 0.5)).resize(size)


def noise(size: Size, cells: Size, seed: int) -> Image.Image:
    """Soft grey noise, so many cells across and down."""
    grey = Image.frombytes("L", cells, random.Random(seed).randbytes(cells[0] * cells[1]))
    return grey.resize(size, Image.Resampling.BICUBIC)


def clouds(size: Size, cells: Size, seed: int) -> Image.Image:
    """Noise in four octaves, as a mask: nothing below the middle, dense above."""
    total = noise(size, cells, seed)
    for octave in (2, 4, 8):
        finer = noise(size, (cells[0] * octave, cells[1] * octave), seed + octave)
        total = Image.blend(total, finer, 1 / (octave + 1))
    return total.point([max(0, min(255, int((grey - 118) * 2.6))) for grey in range(256)])


def tint(image: Image.Image, colour: Colour, mask: Image.Image, strength: float) -> None:
    """Lay a colour over the picture where the mask is."""
    image.paste(colour, (0, 0), mask.point([int(grey * strength) for grey in range(256)]))


def glow(image: Image.Image, centre: Point, radius: int, colour: Colour) -> None:
    """Add light that fades out at the radius."""
    fade = [int(255 * max(0.0, 1 - grey / 255 * 1.41) ** 2) for grey in range(256)]
    mask = Image.radial_gradient("L").point(fade).resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC)
    light = Image.new("RGB", image.size)
    light.paste(colour, (int(centre[0]) - radius, int(centre[1]) - radius), mask)
    image.paste(ImageChops.screen(image, light))


def ridge(width: int, height: float, relief: float, seed: int, roughness: float = 0.52) -> list[Point]:
    """A mountain's outline by midpoint displacement, around a height."""
    chance = random.Random(seed)
    line = [chance.uniform(-relief, relief) for _ in range(4)]
    while len(line) < width // 4:
        relief *= roughness
        middles = [(left + right) / 2 + chance.uniform(-relief, relief) for left, right in pairwise(line)]
        line = [height for pair in zip(line, middles, strict=False) for height in pair] + line[-1:]
    return [(index * width / (len(line) - 1), height + offset) for index, offset in enumerate(line)]


def below(size: Size, outline: list[Point]) -> Image.Image:
    """A mask of everything below an outline."""
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([*outline, (size[0], size[1]), (0, size[1])], fill=255)
    return mask.filter(ImageFilter.GaussianBlur(0.8))


def pine(draw: ImageDraw.ImageDraw, foot: Point, height: float, colour: Colour, chance: random.Random) -> None:
    """A spruce of uneven tiers."""
    x, y = foot
    draw.line([(x, y), (x, y - height)], fill=colour, width=max(1, int(height / 40)))
    tiers = 11
    for tier in range(tiers):
        top = y - height * (1 - tier / (tiers + 1))
        reach = height * 0.22 * (tier + 1) / tiers * chance.uniform(0.75, 1.15)
        droop = height * chance.uniform(0.1, 0.15)
        draw.polygon(
            [(x, top - height * 0.02), (x - reach, top + droop), (x + reach * 0.95, top + droop * 1.1)], fill=colour
        )


def stars(image: Image.Image, horizon: float, count: int, seed: int) -> None:
    """Small stars of uneven brightness above the horizon."""
    chance, draw = random.Random(seed), ImageDraw.Draw(image)
    for _ in range(count):
        x, y, light = chance.uniform(0, image.width), chance.uniform(0, horizon), int(90 + 165 * chance.random() ** 3)
        radius = 0.4 + 1.6 * chance.random() ** 6
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(light, light, min(255, light + 20)))


def grained(image: Image.Image, seed: int) -> Image.Image:
    """The picture with the fine grain of a camera's sensor."""
    grain = Image.frombytes("L", image.size, random.Random(seed).randbytes(image.width * image.height))
    soft = grain.filter(ImageFilter.GaussianBlur(0.7)).convert("RGB")
    return Image.blend(image, ImageChops.overlay(image, soft), 0.1)
