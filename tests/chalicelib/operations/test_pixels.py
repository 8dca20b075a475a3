"""What each operation does to the picture: exact sizes, the right contents, and likeness to a few kept pictures.

After an intended change look at the results, then keep them:
`PYTHONPATH=.:tests python tests/chalicelib/operations/test_pixels.py`.
"""

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from chalicelib.operations import PARAMETERS
from support.originals import QUARTERS, near, noise, quarters, saved, scene, sprite
from support.pictures import at, difference, likeness, opened, rendered, shown, shows

KEPT = Path(__file__).parent / "pictures"

RED, LIME, BLUE, YELLOW = QUARTERS


@pytest.fixture(scope="module")
def wide():
    """400 by 200 pixels."""
    return saved(quarters((400, 200)), "PNG")


@pytest.fixture(scope="module")
def striped():
    """90 by 30 pixels in three colours, from left to right."""
    image = Image.new("RGB", (90, 30), "lime")
    image.paste("red", (0, 0, 30, 30))
    image.paste("blue", (60, 0, 90, 30))
    return image


SIZES = [
    ("", (400, 200)),
    ("w=200", (200, 100)),
    ("h=50", (100, 50)),
    ("w=202", (202, 101)),
    ("w=0.25", (100, 50)),
    ("h=0.5", (200, 100)),
    ("w=800", (400, 200)),
    ("h=800", (400, 200)),
    ("w=100&h=100", (100, 50)),
    ("w=100&h=20", (40, 20)),
    ("w=900&h=900", (400, 200)),
    ("w=100&h=100&fit=max", (100, 50)),
    ("w=900&h=900&fit=max", (400, 200)),
    ("w=100&h=100&fit=crop", (100, 100)),
    ("w=600&h=600&fit=crop", (600, 600)),
    ("w=100&fit=crop", (100, 50)),
    ("w=100&h=100&fit=fill", (100, 100)),
    ("w=800&h=800&fit=fill", (800, 800)),
    ("w=800&h=800&fit=fillmax", (800, 800)),
    ("w=100&h=100&fit=fillmax", (100, 100)),
    ("w=100&h=100&fit=min", (100, 100)),
    ("w=600&h=600&fit=min", (200, 200)),
    ("w=100&h=100&fit=scale", (100, 100)),
    ("w=500&h=20&fit=scale", (500, 20)),
    ("w=100&h=100&fit=clamp", (100, 100)),
    ("w=600&h=600&fit=clamp", (600, 600)),
    ("w=100&ar=1:1&fit=crop", (100, 100)),
    ("h=100&ar=4:1&fit=crop", (400, 100)),
    ("ar=1:1&fit=crop", (200, 200)),
    ("w=100&ar=1:2&fit=fill", (100, 200)),
    ("w=100&dpr=2", (200, 100)),
    ("w=100&dpr=0.5", (50, 25)),
    ("w=300&dpr=2", (400, 200)),
    ("w=100&h=80&fit=crop&dpr=3", (300, 240)),
    ("max-w=150&fit=crop", (150, 200)),
    ("w=300&max-w=150&h=100&fit=crop", (150, 100)),
    ("w=100&h=100&min-w=120&min-h=140&fit=crop", (120, 140)),
    ("w=100&h=100&max-h=60&dpr=2&fit=crop", (200, 120)),
    ("rect=10,20,100,60", (100, 60)),
    ("rect=0.5,0.5,0.5,0.5", (200, 100)),
    ("rect=right,bottom,100,full", (100, 200)),
    ("rect=350,150,100,100", (50, 50)),
    ("rect=0,0,100,100&w=50", (50, 50)),
    ("rect=0,0,100,100&w=300", (100, 100)),
    ("rot=90", (400, 200)),
    ("rot=17&w=100", (100, 50)),
    ("flip=hv&w=100", (100, 50)),
    ("orient=6", (200, 400)),
    ("orient=90&w=100", (100, 200)),
    ("orient=5&w=100&h=100&fit=crop", (100, 100)),
    ("orient=3", (400, 200)),
    ("blur=100&w=100", (100, 50)),
    ("sharp=50&w=100", (100, 50)),
]


@pytest.mark.parametrize(("query", "size"), SIZES)
@pytest.mark.parametrize("form", ["png", "jpg"])
def test_the_size_is_exact(wide, query, size, form):
    assert shown(wide, f"{query}&fm={form}").size == size


@pytest.mark.parametrize("fit", ["clip", "max", "scale", "crop", "min", "fill", "fillmax", "clamp"])
def test_every_fit_shows_the_whole_picture_where_the_proportions_are_its_own(wide, fit):
    assert shows(shown(wide, f"w=200&h=100&fit={fit}&fm=png"), QUARTERS, 4)


def test_scale_distorts(wide):
    assert shows(shown(wide, "w=50&h=300&fit=scale&fm=png"), QUARTERS, 4)


@pytest.mark.parametrize("fit", ["fill", "fillmax", "clamp"])
def test_padding_lies_around_the_middle(wide, fit):
    image = shown(wide, f"w=100&h=100&fit={fit}&bg=102030&fm=png")
    colours = (RED, YELLOW) if fit == "clamp" else ("#102030", "#102030")
    assert near(at(image, (0.25, 0.1)), colours[0], 2)
    assert near(at(image, (0.75, 0.9)), colours[1], 2)
    for place, colour in zip(((0.25, 0.35), (0.75, 0.35), (0.25, 0.65), (0.75, 0.65)), QUARTERS, strict=True):
        assert near(at(image, place), colour, 2)


def test_fillmax_does_not_enlarge_and_fill_does(wide):
    assert near(at(shown(wide, "w=800&h=800&fit=fillmax&bg=fff&fm=png"), (0.1, 0.5)), "white")
    assert near(at(shown(wide, "w=800&h=800&fit=fill&bg=fff&fm=png"), (0.1, 0.45)), RED)


@pytest.mark.parametrize(
    ("query", "colour"),
    [
        ("", "lime"),
        ("&crop=left", "red"),
        ("&crop=right", "blue"),
        ("&crop=top,left", "red"),
        ("&crop=bottom,right", "blue"),
        ("&crop=focalpoint&fp-x=0.1&fp-y=0.5", "red"),
        ("&crop=focalpoint&fp-x=0.5&fp-y=0", "lime"),
        ("&crop=focalpoint&fp-x=0.95", "blue"),
    ],
)
def test_a_crop_keeps_the_side_that_is_asked_for(striped, query, colour):
    image = shown(saved(striped, "PNG"), f"w=24&h=24&fit=crop{query}&fm=png")
    assert shows(image, [colour] * 4, 2)
    turn = query.replace("left", "top").replace("right", "bottom") if "," not in query else ""
    if "crop=left" in query or "crop=right" in query:
        upright = saved(striped.transpose(Image.Transpose.ROTATE_270), "PNG")
        assert shows(shown(upright, f"w=24&h=24&fit=crop{turn}&fm=png"), [colour] * 4, 2)


def test_zoom_enlarges_around_the_focal_point(wide):
    whole = shown(wide, "w=100&h=50&fit=crop&crop=focalpoint&fp-x=0.5&fp-y=0.5&fp-z=4&fm=png")
    assert shows(whole, QUARTERS, 4)
    corner = shown(wide, "w=100&h=50&fit=crop&crop=focalpoint&fp-x=0.9&fp-y=0.9&fp-z=3&fm=png")
    assert shows(corner, [YELLOW] * 4, 4)
    edge = shown(wide, "w=100&h=50&fit=crop&crop=focalpoint&fp-x=0.5&fp-y=0.9&fp-z=3&fm=png")
    assert shows(edge, [BLUE, YELLOW] * 2, 4)


@pytest.mark.parametrize("by", ["entropy", "edges"])
@pytest.mark.parametrize("left", [10, 120, 230])
def test_a_crop_looks_where_most_is_to_be_seen(by, left):
    image = Image.new("RGB", (320, 100), "#777777")
    image.paste(opened(noise((60, 60))), (left, 20))
    for turn in (None, Image.Transpose.ROTATE_90):
        original = saved(image if turn is None else image.transpose(turn), "PNG")
        for query in (f"w=100&h=100&fit=crop&crop={by}", f"w=50&h=50&fit=crop&crop={by}"):
            seen = shown(original, f"{query}&fm=png").convert("L")
            busy = ImageStat.Stat(seen.filter(ImageFilter.FIND_EDGES)).mean[0]
            middle = shown(original, query.partition("&crop")[0] + "&fm=png").convert("L")
            assert busy >= ImageStat.Stat(middle.filter(ImageFilter.FIND_EDGES)).mean[0]
            assert ImageStat.Stat(seen).stddev[0] > 8


@pytest.mark.parametrize("by", ["entropy", "edges"])
def test_a_crop_of_what_is_the_same_everywhere_is_the_middle(by):
    original = saved(Image.new("RGB", (90, 30), "lime"), "PNG")
    assert shows(shown(original, f"w=30&h=30&fit=crop&crop={by}&fm=png"), ["lime"] * 4, 2)


@pytest.mark.parametrize(
    ("query", "colours"),
    [
        ("flip=h", (LIME, RED, YELLOW, BLUE)),
        ("flip=v", (BLUE, YELLOW, RED, LIME)),
        ("flip=hv", (YELLOW, BLUE, LIME, RED)),
        ("rot=180", (YELLOW, BLUE, LIME, RED)),
        ("rot=90&w=100&h=100&fit=crop", (LIME, YELLOW, RED, BLUE)),
        ("rot=270&w=100&h=100&fit=crop", (BLUE, RED, YELLOW, LIME)),
        ("orient=1", QUARTERS),
        ("orient=2", (LIME, RED, YELLOW, BLUE)),
        ("orient=3", (YELLOW, BLUE, LIME, RED)),
        ("orient=4", (BLUE, YELLOW, RED, LIME)),
        ("orient=5", (RED, BLUE, LIME, YELLOW)),
        ("orient=6", (BLUE, RED, YELLOW, LIME)),
        ("orient=7", (YELLOW, LIME, BLUE, RED)),
        ("orient=8", (LIME, YELLOW, RED, BLUE)),
        ("orient=90", (BLUE, RED, YELLOW, LIME)),
        ("orient=180", (YELLOW, BLUE, LIME, RED)),
        ("orient=270", (LIME, YELLOW, RED, BLUE)),
    ],
)
def test_turning(wide, query, colours):
    assert shows(shown(wide, f"{query}&fm=png"), colours, 4)


def test_rotation_is_counter_clockwise_and_covers_the_frame():
    picture = Image.new("RGB", (101, 101), "blue")
    picture.paste("white", (0, 48, 101, 53))
    image = shown(saved(picture, "PNG"), "rot=30&fm=png")
    assert near(at(image, (0.5, 0.5)), "white", 4)
    assert near(at(image, (0.9, 0.5 - 0.4 * 0.577)), "white", 60)
    assert near(at(image, (0.9, 0.5 + 0.4 * 0.577)), "blue", 4)
    corners = ((0.01, 0.01), (0.99, 0.01), (0.01, 0.99), (0.99, 0.99))
    assert all(near(at(image, corner), "blue", 4) for corner in corners)


def test_a_rectangle_is_taken_after_turning_and_before_resizing(wide):
    assert shows(shown(wide, "rect=0,0,100,200&orient=6&fm=png"), [BLUE] * 4, 4)
    assert shows(shown(wide, "rect=right,top,200,100&w=20&h=20&fit=crop&fm=png"), [LIME] * 4, 4)


def test_orient_replaces_the_original_s_own_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = saved(quarters().transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    assert shows(shown(stored, "fm=png"), QUARTERS, 4)
    assert shows(shown(stored, "orient=0&fm=png"), (LIME, YELLOW, RED, BLUE), 4)
    assert shown(stored, "orient=0&fm=png").size == (80, 120)
    assert shows(shown(stored, "orient=6&fm=png"), QUARTERS, 4)


def test_blur_softens_as_a_gaussian_does_and_keeps_the_borders():
    picture = scene((240, 160))
    for blur in (10, 30, 80):
        image = shown(saved(picture, "PNG"), f"blur={blur}&fm=png")
        assert difference(image, picture.filter(ImageFilter.GaussianBlur(blur / 10))) < 2.5
    assert sum(ImageStat.Stat(shown(saved(picture, "PNG"), "blur=2000&fm=png")).stddev) < 15
    plain = Image.new("RGB", (60, 40), "tomato")
    for blur in (5, 50, 500, 2000):
        assert difference(shown(saved(plain, "PNG"), f"blur={blur}&fm=png"), plain) < 1


def test_more_blur_is_softer():
    spreads = []
    for blur in (0, 5, 20, 60, 200):
        image = shown(saved(scene(), "PNG"), f"w=240&blur={blur}&fm=png").convert("L")
        spreads.append(ImageStat.Stat(image).stddev[0])
    assert spreads == sorted(set(spreads), reverse=True)


def test_more_sharpening_is_sharper_and_keeps_what_is_plain():
    edges = []
    for sharp in (0, 5, 20, 60, 100):
        image = shown(saved(scene(), "PNG"), f"w=240&sharp={sharp}&fm=png")
        edges.append(ImageStat.Stat(image.convert("L").filter(ImageFilter.FIND_EDGES)).mean[0])
    assert edges == sorted(set(edges))
    plain = Image.new("RGB", (60, 40), "tomato")
    assert difference(shown(saved(plain, "PNG"), "sharp=100&fm=png"), plain) == 0


@pytest.mark.parametrize(("bg", "colour"), [("f00", "red"), ("tomato", "tomato"), ("ff336699", "#336699")])
def test_bg_takes_every_spelling_of_a_colour(bg, colour):
    original = saved(sprite(), "PNG")
    assert near(at(shown(original, f"bg={bg}&fm=png"), (0.02, 0.02)), colour, 1)


def test_a_translucent_bg_stays_translucent():
    assert at(shown(saved(sprite(), "PNG"), "bg=80336699&fm=png"), (0.02, 0.02), "RGBA") == (0x33, 0x66, 0x99, 0x80)


def test_nothing_asked_for_changes_nothing(wide):
    assert difference(shown(wide, "fm=png"), quarters((400, 200))) == 0


def test_a_crop_that_needs_no_scaling_is_not_resampled():
    picture = scene()
    image = shown(saved(picture, "PNG"), "rect=100,50,200,150&fm=png")
    assert ImageChops.difference(image.convert("RGB"), picture.crop((100, 50, 300, 200))).getbbox() is None


KEEP = {
    "card": "w=160&h=100&fit=crop&q=80&fm=jpg",
    "padded": "w=160&h=160&fit=fill&bg=223344&fm=jpg",
    "clamped": "w=160&h=160&fit=clamp&fm=png",
    "entropy": "w=100&h=140&fit=crop&crop=entropy&fm=webp",
    "focus": "w=140&h=100&fit=crop&crop=focalpoint&fp-x=0.75&fp-y=0.22&fp-z=2.5&fm=png",
    "tilted": "w=160&rot=12&sharp=20&fm=png",
    "soft": "w=160&blur=40&flip=h&fm=avif",
    "palette": "w=160&fm=png8",
}


@pytest.mark.parametrize("name", KEEP)
def test_it_looks_like_the_kept_picture(name):
    kept = Image.open(KEPT / f"{name}.png")
    image = shown(saved(scene(), "PNG"), KEEP[name])
    assert image.size == kept.size
    assert likeness(image, kept) > 0.97
    assert difference(image, kept) < 2


def test_every_parameter_has_its_effect_tested():
    told = " ".join([*(query for query, _ in SIZES), *KEEP.values(), Path(__file__).read_text()])
    assert [name for name in PARAMETERS if f"{name}=" not in told and name != "auto"] == []


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for kept_name, kept_query in KEEP.items():
        opened(rendered(saved(scene(), "PNG"), kept_query)).convert("RGB").save(
            KEPT / f"{kept_name}.png", optimize=True
        )
