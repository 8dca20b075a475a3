"""Whatever is asked of whatever size, a picture comes out, exactly as large as the layout says."""

from functools import cache
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chalicelib.decoding.header import open_original
from chalicelib.formats import WRITTEN
from chalicelib.limits import Limits
from chalicelib.presets.presets import Presets
from chalicelib.rendering.renderer import layout_of, prepare
from support.originals import saved
from support.pipeline import sources
from support.queries import queries

LIMITS = Limits(output_side=96, output_pixels=6000)
SIZES = [(1, 1), (1, 90), (90, 1), (2, 3), (31, 17), (64, 64), (7, 300)]


@cache
def original(size, mode, form):
    """Stripes and a dot: something to look at in every corner, stored on its side where the format can say so."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    if form == "GIF":
        return saved(image, form, save_all=True, append_images=[image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)])
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(image, form, exif=exif)


@pytest.mark.parametrize(("mode", "form"), [("RGB", "JPEG"), ("RGBA", "PNG"), ("P", "GIF")])
@given(st.sampled_from(SIZES), queries(), st.sampled_from([*WRITTEN]))
@settings(max_examples=60)
def test_a_picture_comes_out_as_large_as_the_layout_says(mode, form, size, query, written):
    body = original(size, mode, form)
    pairs = [pair for pair in query if pair[0] not in ("fm", "auto")] + [("fm", written)]
    derivative = Presets().request("cat", pairs, "").derivative
    rendered = prepare(sources(body), [derivative], LIMITS).render(derivative)
    output = layout_of(open_original(*sources(body), LIMITS).header, derivative.values, LIMITS).output
    assert rendered.size == output
    with Image.open(BytesIO(rendered.body)) as image:
        image.load()
        assert image.size == (output.width, output.height)
        assert Image.MIME[image.format] == WRITTEN[written].content_type
