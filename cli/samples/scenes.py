"""The scenes of the sample pictures: dawn over a lake, a lighthouse, a balloon, a boat, an autumn tree."""

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from cli.samples.paint import Colour, Point, below, clouds, glow, gradient, grained, pine, ridge, stars, tint

BARK = (58, 40, 30)


def dawn() -> Image.Image:
    """Dawn over a lake: 2400 by 1600 pixels."""
    width, height, shore = 2400, 1600, 1010
    image = gradient((width, shore), (38, 62, 112), (96, 122, 168), (214, 168, 160), (255, 206, 150), (255, 226, 178))
    tint(image, (255, 214, 190), clouds((width, shore), (5, 14), 3), 0.55)
    glow(image, (1170, 600), 1000, (255, 176, 90))
    glow(image, (1170, 600), 200, (255, 250, 226))
    ImageDraw.Draw(image).ellipse([1112, 542, 1228, 658], fill=(255, 250, 228))
    far, near = (178, 160, 176), (24, 38, 52)
    for layer in range(6):
        depth = layer / 5
        outline = ridge(width, 690 + 60 * layer, 190 * (1 - depth * 0.55), 40 + layer)
        base = _mixed(far, near, depth)
        hill = gradient((width, shore), base, base, _mixed(base, (255, 214, 170), 0.42 * (1 - depth)))
        image.paste(hill, (0, 0), below((width, shore), outline))
        if layer >= 3:
            _forest(image, outline, 16 * (layer - 1), _mixed(base, (8, 14, 18), 0.45), layer)
    return grained(_with_lake(image, height), 7)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _forest(image: Image.Image, outline: list[Point], height: float, colour: Colour, seed: int) -> None:
    chance, draw = random.Random(seed), ImageDraw.Draw(image)
    for x, y in outline:
        for _ in range(2):
            pine(draw, (x + chance.uniform(-6, 6), y + height * 0.3), height * chance.uniform(0.5, 1.3), colour, chance)


def _with_lake(shore: Image.Image, height: int) -> Image.Image:
    """The picture above its own reflection, which ripples more the nearer it is."""
    width, depth = shore.width, height - shore.height
    mirror = ImageOps.flip(shore).crop((0, 0, width, depth)).filter(ImageFilter.GaussianBlur(2))
    lake, chance = Image.new("RGB", (width, depth)), random.Random(11)
    row, shift = 0, 0.0
    while row < depth:
        band = 1 + row // 90
        shift = 0.6 * shift + chance.uniform(-1, 1) * (2 + row / 26)
        lake.paste(ImageChops.offset(mirror.crop((0, row, width, row + band)), int(shift), 0), (0, row))
        row += band
    lake = Image.blend(lake, gradient(lake.size, (150, 140, 150), (38, 56, 84), (12, 24, 42)), 0.42)
    whole = Image.new("RGB", (width, height))
    whole.paste(shore, (0, 0))
    whole.paste(lake, (0, shore.height))
    return whole


def lighthouse() -> Image.Image:
    """A lighthouse by night: 1400 by 2000 pixels."""
    size, sea = (1400, 2000), 1460
    image = gradient(size, (8, 12, 34), (18, 32, 74), (52, 74, 124), (128, 128, 160), (20, 32, 60))
    stars(image, sea, 1500, 5)
    tint(image, (120, 132, 172), clouds(size, (3, 9), 21), 0.32)
    glow(image, (330, 420), 520, (120, 130, 160))
    _moon(image, (330, 420), 105)
    _sea(image, sea)
    _beam(image, (930, 640))
    _rock(image)
    _lighthouse(image)
    glow(image, (930, 640), 260, (255, 226, 150))
    return grained(image, 8)


def _moon(image: Image.Image, centre: Point, radius: int) -> None:
    x, y = int(centre[0]), int(centre[1])
    disc = Image.new("L", (4 * radius, 4 * radius))
    ImageDraw.Draw(disc).ellipse([0, 0, 4 * radius - 1, 4 * radius - 1], fill=255)
    face = gradient((2 * radius, 2 * radius), (250, 248, 236), (226, 224, 216))
    tint(face, (178, 178, 182), clouds(face.size, (5, 5), 33), 0.7)
    image.paste(face, (x - radius, y - radius), disc.resize(face.size, Image.Resampling.LANCZOS))


def _sea(image: Image.Image, horizon: int) -> None:
    width, depth = image.width, image.height - horizon
    water = gradient((width, depth), (66, 88, 130), (22, 38, 72), (8, 16, 36))
    tint(water, (104, 128, 172), clouds(water.size, (6, 60), 17), 0.5)
    chance, draw = random.Random(19), ImageDraw.Draw(water)
    for _ in range(900):
        row = depth * chance.random() ** 1.4
        x, reach = 330 + chance.gauss(0, 40 + row / 5), 4 + row / 16 * chance.random()
        light = int(150 + 90 * chance.random())
        draw.line([(x - reach, row), (x + reach, row)], fill=(light, light, light - 14), width=1 + int(row / 220))
    image.paste(water, (0, horizon))


def _beam(image: Image.Image, lamp: Point) -> None:
    light = Image.new("L", image.size)
    ImageDraw.Draw(light).polygon([lamp, (-200, lamp[1] + 40), (-200, lamp[1] - 330)], fill=150)
    ImageDraw.Draw(light).polygon([lamp, (1700, lamp[1] + 60), (1700, lamp[1] + 190)], fill=90)
    fade = (
        Image.radial_gradient("L").point([max(0, 255 - int(grey * 1.25)) for grey in range(256)]).resize((2600, 2600))
    )
    reach = Image.new("L", image.size)
    reach.paste(fade, (int(lamp[0]) - 1300, int(lamp[1]) - 1300))
    tint(image, (255, 240, 196), ImageChops.multiply(light.filter(ImageFilter.GaussianBlur(14)), reach), 0.9)


def _rock(image: Image.Image) -> None:
    slope = [
        (x, y + 900 * max(0.0, (900 - x) / 700) ** 2.2) for x, y in ridge(image.width, 1490, 60, 61, 0.6) if x > 170
    ]
    stone = gradient(image.size, (30, 32, 40), (70, 70, 78), (26, 28, 36))
    tint(stone, (16, 17, 22), clouds(image.size, (24, 40), 29), 0.8)
    image.paste(stone, (0, 0), below(image.size, [(150, 2000), *slope]))


def _lighthouse(image: Image.Image) -> None:
    draw, left, right, top, foot = ImageDraw.Draw(image), 870, 990, 700, 1500
    stripes = 8
    for stripe in range(stripes):
        upper, lower = stripe / stripes, (stripe + 1) / stripes
        for step in range(40):
            x, light = step / 40, 0.35 + 0.65 * math.sin(math.pi * (0.12 + 0.7 * (1 - step / 40)))
            paint = (206, 52, 44) if stripe % 2 == 0 else (236, 232, 222)
            corners = [
                _on_tower(x, upper),
                _on_tower(x + 1 / 39, upper),
                _on_tower(x + 1 / 39, lower),
                _on_tower(x, lower),
            ]
            draw.polygon(corners, fill=_mixed((14, 16, 34), paint, light))
    draw.rectangle([left - 34, top - 12, right + 34, top + 4], fill=(30, 32, 42))
    for x in range(left - 30, right + 34, 16):
        draw.line([(x, top - 12), (x, top - 44)], fill=(42, 46, 58), width=3)
    draw.rectangle([left + 16, top - 96, right - 16, top - 12], fill=(255, 236, 170))
    for x in (left + 16, 930, right - 16):
        draw.line([(x, top - 96), (x, top - 12)], fill=(40, 42, 52), width=5)
    draw.pieslice([left + 4, top - 156, right - 4, top - 40], 180, 360, fill=(160, 40, 38))
    draw.line([(930, top - 156), (930, top - 190)], fill=(40, 42, 52), width=5)
    for y in (860, 1060, 1260):
        draw.rounded_rectangle([920, y, 942, y + 44], 10, fill=(255, 214, 120))
    draw.rounded_rectangle([908, foot - 90, 952, foot], 20, fill=(46, 30, 26))


def _on_tower(across: float, down: float) -> Point:
    half = 56 + 36 * down
    return 930 - half + 2 * half * across, 700 + 810 * down


def balloon() -> Image.Image:
    """A hot-air balloon without a background: 1000 by 1300 pixels, its edges half transparent."""
    scale, size = 2, (1000, 1300)
    image = Image.new("RGBA", (size[0] * scale, size[1] * scale))
    draw = ImageDraw.Draw(image)
    for rope in (-150, -50, 50, 150):
        draw.line([(1000 + rope * 0.5, 1780), (1000 + rope, 2200)], fill=(92, 70, 48, 255), width=8)
    draw.rounded_rectangle([830, 2190, 1170, 2430], 44, fill=(150, 98, 52, 255))
    for row in range(2206, 2420, 22):
        draw.line([(838, row), (1162, row)], fill=(112, 70, 36, 255), width=7)
    image.alpha_composite(_envelope(image.size))
    return image.resize(size, Image.Resampling.LANCZOS)


def _envelope(size: tuple[int, int]) -> Image.Image:
    colours = ((222, 62, 54), (250, 196, 66), (36, 132, 160), (250, 240, 220))
    shape, paint = Image.new("L", size), Image.new("RGB", size)
    _gore(ImageDraw.Draw(shape), 1.0, 255)
    draw = ImageDraw.Draw(paint)
    for index in range(15, -1, -1):
        _gore(draw, 1.0 if index == 15 else math.sin((index + 0.5) / 15.5 * math.pi / 2), colours[index % 4])
    glow(paint, (680, 560), 1000, (120, 110, 90))
    shade = Image.new("L", size)
    ImageDraw.Draw(shade).ellipse([-300, -420, 1640, 1560], fill=255)
    dark = ImageOps.invert(shade.filter(ImageFilter.GaussianBlur(220)))
    tint(paint, (40, 14, 40), dark, 0.75)
    paint.putalpha(shape)
    return paint


def _gore(draw: ImageDraw.ImageDraw, reach: float, fill: int | Colour) -> None:
    """The balloon's outline, drawn in to a share of its width."""
    side = [
        (840 * math.sin(math.pi * t) ** 0.62 * (1 - 0.42 * t**2.2) if t < 1 else 0.0, 60 + 1760 * t)
        for t in _steps(0.985)
    ]
    outline = [(1000 + x * reach, y) for x, y in side] + [(1000 - x * reach, y) for x, y in reversed(side)]
    draw.polygon(outline, fill=fill)


def _steps(end: float) -> list[float]:
    return [end * index / 120 for index in range(121)]


def boat() -> list[Image.Image]:
    """A sailing boat that rocks on the swell: 480 by 320 pixels, 24 frames that begin again where they end."""
    return [_swell(index / 24) for index in range(24)]


def _swell(phase: float) -> Image.Image:
    image = gradient((960, 640), (92, 170, 214), (176, 218, 232), (252, 240, 214))
    draw, turn = ImageDraw.Draw(image), 2 * math.pi * phase
    draw.ellipse([700, 90, 810, 200], fill=(255, 226, 130))
    waves = (
        (400, 10, 2, (118, 182, 204)),
        (440, 14, 3, (66, 144, 178)),
        (490, 18, 2, (36, 108, 148)),
        (550, 22, 3, (20, 74, 112)),
    )
    for index, (level, lift, crests, colour) in enumerate(waves):
        if index == 2:
            _boat(draw, 470, 470 + 12 * math.sin(turn), math.radians(7) * math.sin(turn + 1))
        sway = turn * (1 if index % 2 else -1)
        crest = [(x, level + lift * math.sin(2 * math.pi * crests * x / 960 + sway)) for x in range(0, 961, 8)]
        draw.polygon([*crest, (960, 640), (0, 640)], fill=colour)
    return image.resize((480, 320), Image.Resampling.LANCZOS)


def _boat(draw: ImageDraw.ImageDraw, x: float, y: float, tilt: float) -> None:
    parts: list[tuple[list[Point], Colour]] = [
        ([(-120, -30), (130, -30), (90, 34), (-84, 34)], (132, 58, 42)),
        ([(-120, -30), (130, -30), (124, -20), (-115, -20)], (240, 226, 200)),
        ([(-3, -30), (3, -30), (3, -300), (-3, -300)], (84, 60, 44)),
        ([(12, -290), (12, -50), (140, -50)], (252, 248, 238)),
        ([(-12, -270), (-12, -50), (-106, -50)], (226, 84, 62)),
    ]
    cosine, sine = math.cos(tilt), math.sin(tilt)
    for corners, colour in parts:
        draw.polygon([(x + a * cosine - b * sine, y + a * sine + b * cosine) for a, b in corners], fill=colour)


def tree() -> Image.Image:
    """A tree in autumn: 1200 by 1600 pixels."""
    size = (1200, 1600)
    image = gradient(size, (120, 156, 190), (206, 214, 206), (248, 226, 176), (236, 190, 120))
    tint(image, (255, 250, 238), clouds(size, (4, 10), 51), 0.6)
    glow(image, (260, 1010), 620, (255, 214, 140))
    for layer, colour in enumerate(((168, 160, 142), (146, 130, 92), (126, 104, 50))):
        field = gradient(size, colour, colour, _mixed(colour, (40, 34, 16), 0.5))
        tint(field, _mixed(colour, (250, 214, 120), 0.5), clouds(size, (10, 120), 70 + layer), 0.45)
        image.paste(field, (0, 0), below(size, ridge(1200, 1130 + 95 * layer, 46, 80 + layer, 0.4)))
    _tree(image, (640, 1430), 300, random.Random(4))
    return grained(image, 9)


def _tree(image: Image.Image, foot: Point, length: float, chance: random.Random) -> None:
    twigs: list[Point] = []
    draw = ImageDraw.Draw(image)
    for lean in (-0.1, 0.02, 0.12):
        _branch(draw, (foot[0] - 110 * lean, foot[1]), math.pi / 2 + lean, length * (1 - abs(lean)), twigs, chance)
    leaves = ((176, 52, 26), (212, 92, 28), (236, 146, 42), (150, 40, 30), (248, 188, 72))
    for x, y in twigs:
        for _ in range(4):
            a, b, radius = x + chance.gauss(0, 15), y + chance.gauss(0, 13), chance.uniform(2.5, 6.5)
            draw.ellipse([a - radius, b - radius * 0.8, a + radius, b + radius * 0.8], fill=chance.choice(leaves))


def _branch(
    draw: ImageDraw.ImageDraw, foot: Point, angle: float, length: float, twigs: list[Point], chance: random.Random
) -> None:
    end = foot[0] + length * math.cos(angle), foot[1] - length * math.sin(angle)
    thick = max(1, int(length / 7))
    draw.line([foot, end], fill=BARK, width=thick)
    draw.ellipse([end[0] - thick / 2, end[1] - thick / 2, end[0] + thick / 2, end[1] + thick / 2], fill=BARK)
    if length < 70:
        twigs.append(end)
    if length > 16:
        for spread in (-1, 0.15, 1):
            turned = angle + spread * chance.uniform(0.3, 0.62)
            _branch(draw, end, turned, length * chance.uniform(0.6, 0.76), twigs, chance)
