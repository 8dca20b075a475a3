"""Which region becomes how large: every fit at odd sizes, never larger than the original unless the fit asks for it."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.decoding.decoder import whole
from chalicelib.decoding.header import Header
from chalicelib.decoding.pixels import Grey
from chalicelib.geometry import Box, Layout, Size, pixels
from chalicelib.limits import Limits
from chalicelib.operations import PARAMETERS
from chalicelib.rendering.renderer import layout_of
from chalicelib.rendering.smart_crop import best_window
from chalicelib.transformation import merged, parse
from support.queries import queries

FITS = PARAMETERS["fit"].kind.good
ENLARGING = ("crop", "fill", "clamp", "scale")
SIDES = st.integers(1, 3000)
SIZES = st.builds(Size, SIDES, SIDES)
LIMITS = Limits(output_pixels=10**9)


def layout(original, exif=1, **values):
    header = Header("jpeg", original, exif, alpha=False)
    return layout_of(header, {name.replace("_", "-"): value for name, value in values.items()}, LIMITS)


def asked(w=None, h=None, **others):
    return {name: value for name, value in {"w": w, "h": h, **others}.items() if value is not None}


@given(SIZES, st.none() | SIDES, st.none() | SIDES, st.sampled_from(FITS))
def test_nothing_is_larger_than_the_original_unless_the_fit_asks_for_it(original, w, h, fit):
    made = layout(original, **asked(w, h, fit=fit))
    if fit not in ENLARGING:
        assert made.size.width <= math.ceil(made.region.width)
        assert made.size.height <= math.ceil(made.region.height)


@given(SIZES, SIDES, SIDES, st.sampled_from(["crop", "fill", "fillmax", "clamp", "scale"]))
def test_these_fits_are_as_large_as_was_asked(original, w, h, fit):
    assert layout(original, **asked(w, h, fit=fit)).output == Size(w, h)


@given(SIZES, st.none() | SIDES, st.none() | SIDES, st.sampled_from(["clip", "max", "fill", "fillmax", "clamp"]))
def test_these_fits_keep_the_whole_picture_and_its_proportions(original, w, h, fit):
    made = layout(original, **asked(w, h, fit=fit))
    assert made.region == Box(0, 0, original.width, original.height)
    assert made.size.width <= (w or math.inf)
    assert made.size.height <= (h or math.inf)
    scale = (
        made.size.width / original.width if original.width >= original.height else made.size.height / original.height
    )
    assert abs(made.size.width - original.width * scale) <= 1
    assert abs(made.size.height - original.height * scale) <= max(1, scale)


@given(SIZES, SIDES, SIDES, st.sampled_from(["crop", "min"]))
def test_a_crop_keeps_proportions_within_the_picture(original, w, h, fit):
    made = layout(original, **asked(w, h, fit=fit))
    region = made.region
    assert region.x >= -1e-6
    assert region.y >= -1e-6
    assert region.x + region.width <= original.width + 1e-6
    assert region.y + region.height <= original.height + 1e-6
    assert math.isclose(region.width / region.height, made.size.width / made.size.height, rel_tol=1e-9)
    assert math.isclose(region.width, original.width) or math.isclose(region.height, original.height)


@given(SIZES, SIDES, SIDES, st.floats(0, 1), st.floats(0, 1), st.floats(1, 100))
def test_a_focal_point_stays_in_the_picture(original, w, h, x, y, zoom):
    made = layout(original, w=w, h=h, fit="crop", crop=("focalpoint",), fp_x=x, fp_y=y, fp_z=zoom)
    region = made.region
    for centre, start, length, extent in (
        (x, region.x, region.width, original.width),
        (y, region.y, region.height, original.height),
    ):
        assert start >= -1e-6
        assert start + length <= extent + 1e-6
        assert start - 1e-6 <= centre * extent <= start + length + 1e-6


@pytest.mark.parametrize(
    ("values", "output"),
    [
        ({}, (1200, 800)),
        ({"w": 300}, (300, 200)),
        ({"h": 200}, (300, 200)),
        ({"w": 0.5}, (600, 400)),
        ({"w": 3000}, (1200, 800)),
        ({"w": 300, "dpr": 2.0}, (600, 400)),
        ({"w": 300, "h": 300}, (300, 200)),
        ({"w": 300, "h": 300, "fit": "max"}, (300, 200)),
        ({"w": 300, "h": 300, "fit": "min"}, (300, 300)),
        ({"w": 2000, "h": 1000, "fit": "min"}, (1200, 600)),
        ({"w": 2000, "h": 2000, "fit": "fillmax"}, (2000, 2000)),
        ({"w": 300, "fit": "crop", "ar": (1.0, 1.0)}, (300, 300)),
        ({"h": 300, "fit": "crop", "ar": (16.0, 9.0)}, (533, 300)),
        ({"fit": "crop", "ar": (1.0, 1.0)}, (800, 800)),
        ({"w": 300, "h": 300, "fit": "crop", "max-w": 200}, (200, 300)),
        ({"w": 300, "h": 300, "fit": "crop", "min-h": 400}, (300, 400)),
        ({"w": 300, "h": 300, "fit": "crop", "max-w": 100, "dpr": 2.0}, (200, 600)),
        ({"rect": (100, 100, 300, 200)}, (300, 200)),
        ({"rect": ("center", "middle", 0.5, 1.0)}, (600, 800)),
        ({"rect": (1100, 700, 300, 300)}, (100, 100)),
        ({"rect": (0, 0, 600, 800), "w": 300}, (300, 400)),
        ({"orient": "90"}, (800, 1200)),
        ({"orient": "90", "w": 200}, (200, 300)),
    ],
)
def test_sizes_that_imgix_documents(values, output):
    header = Header("jpeg", Size(1200, 800), 1, alpha=False)
    assert layout_of(header, values, LIMITS).output == Size(*output)


@pytest.mark.parametrize(
    ("crop", "x", "y"),
    [((), 50, 0), (("left",), 0, 0), (("right",), 100, 0), (("top",), 50, 0), (("bottom", "right"), 100, 0)],
)
def test_a_crop_is_where_it_was_asked_for(crop, x, y):
    made = layout(Size(200, 100), w=50, h=50, fit="crop", **({"crop": crop} if crop else {}))
    assert (made.region.x, made.region.y, made.region.width) == (x, y, 100)


@given(SIZES, st.integers(1, 8), st.integers(1, 8))
def test_another_orientation_turns_the_picture_and_back(original, exif, orientation):
    made = layout(original, exif=exif, orient=str(orientation))
    assert layout(original, exif=exif, orient=str(exif)).turn == 1
    assert made.unturned().region == Box(0, 0, original.width, original.height)
    assert made.output in (original, original.turned)


EDGES = st.sampled_from([1, 2, 3, 7, 100, 1000, 15999, 16000])


@given(st.builds(Size, SIDES | EDGES, SIDES | EDGES), st.integers(1, 8), queries(), st.floats(0, 1), st.floats(0, 1))
def test_whatever_is_asked_for_is_a_region_of_the_original(original, exif, query, x, y):
    header, limits = Header("jpeg", original, exif, alpha=False), Limits()
    made = layout_of(header, merged({}, parse(query)), limits)
    output = made.output
    assert output.width >= made.size.width >= 1
    assert output.height >= made.size.height >= 1
    assert max(output.width, output.height) <= limits.output_side
    assert output.area <= limits.output_pixels
    assert 1 <= whole(made.unturned()).area <= original.area
    for region, within in ((made.region, made.shown), (made.unturned().with_crop_at(x, y).region, original)):
        assert region.width > 0
        assert region.height > 0
        assert region.x >= -1e-6
        assert region.y >= -1e-6
        assert region.x + region.width <= within.width + 1e-6
        assert region.y + region.height <= within.height + 1e-6


@given(SIZES, st.sampled_from(PARAMETERS["rect"].kind.good), SIDES, SIDES)
def test_a_rectangle_lies_within_the_original(original, rect, x, y):
    for text in (rect, f"{x},{y},{y},{x}", f"{x},{y},full,0.5"):
        made = layout(original, rect=PARAMETERS["rect"].parse(text))
        region = made.region
        assert made.output.width <= original.width
        assert made.output.height <= original.height
        assert 0 <= region.x < original.width
        assert 0 <= region.y < original.height
        assert region.x + region.width <= original.width + 1e-6
        assert region.y + region.height <= original.height + 1e-6


@given(SIZES, st.integers(1, 800), st.integers(1, 800), st.floats(0.01, 5))
def test_dpr_multiplies_what_was_asked(original, w, h, dpr):
    made = layout(original, w=w, h=h, fit="crop", dpr=dpr).output
    assert made == Size(pixels(w * dpr), pixels(h * dpr))


@given(SIZES, SIDES, SIDES, SIDES, SIDES, SIDES)
def test_least_and_most_hold_and_the_most_before_the_least(original, w, h, least, more, height):
    made = layout(original, w=w, h=h, fit="crop", **{"min-w": least, "max-w": least + more, "max-h": height}).output
    assert least <= made.width <= least + more
    assert made == Size(min(max(w, least), least + more), min(h, height))


@given(SIZES, SIDES, st.floats(0.5, 10), st.sampled_from(["crop", "fill"]))
def test_an_aspect_ratio_is_kept_within_a_pixel(original, w, ratio, fit):
    made = layout(original, w=w, fit=fit, ar=(ratio, 1.0)).output
    assert made.width == w
    assert abs(made.height - max(1, w / ratio)) <= 0.5 + 1e-6


@given(SIZES, SIZES)
def test_what_is_put_out_stays_within_the_limits(original, output):
    limits = Limits(output_side=500, output_pixels=100_000)
    header = Header("jpeg", original, 1, alpha=False)
    made = layout_of(header, {"w": output.width, "h": output.height, "fit": "fill"}, limits).output
    assert max(made.width, made.height) <= 500
    assert made.area <= 100_000


@pytest.mark.parametrize("by", ["entropy", "edges"])
@given(st.integers(10, 60), st.integers(10, 60), st.floats(0, 1), st.floats(0, 1))
def test_a_look_finds_the_only_detail_there_is(by, width, height, across, down):
    x, y = round(across * (width - 4)), round(down * (height - 4))
    levels = bytearray([128]) * (width * height)
    for row in range(4):
        for column in range(4):
            levels[(y + row) * width + x + column] = 255 * ((row + column) % 2)
    share_x, share_y = 8 / width, 8 / height
    assume(share_x < 1 and share_y < 1)
    at_x, at_y = best_window(Grey(width, height, bytes(levels)), share_x, share_y, by)
    left, top = at_x * (width - 8), at_y * (height - 8)
    assert left - 1.5 <= x
    assert x + 4 <= left + 8 + 1.5
    assert top - 1.5 <= y
    assert y + 4 <= top + 8 + 1.5


@pytest.mark.parametrize("by", ["entropy", "edges"])
def test_where_all_is_alike_a_look_finds_the_middle(by):
    assert best_window(Grey(20, 20, bytes([90]) * 400), 0.5, 0.5, by) == (0.5, 0.5)


def test_the_whole_is_the_whole():
    assert Layout.of(Size(3, 2), 6).unturned().output == Size(3, 2)
