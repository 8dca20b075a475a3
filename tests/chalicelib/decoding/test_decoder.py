"""What comes in: every kind of original opens upright, in sRGB, at the wanted size, or is refused with a reason."""

import io
import struct
from dataclasses import replace

import pytest
from PIL import Image, ImageCms

from chalicelib.decoding.decoder import Decoded
from chalicelib.decoding.header import open_original
from chalicelib.decoding.tiff import count_pages
from chalicelib.errors import Damaged, NotAnImage, TooLarge
from chalicelib.formats import READ, sniff
from chalicelib.geometry import Size
from chalicelib.limits import Limits
from support.icc_profiles import ADOBE_RGB, DISPLAY_P3, grey_profile, ink_profile, rgb_profile
from support.originals import (
    NOT_AN_IMAGE,
    QUARTERS,
    animation,
    cielab,
    deep_heic,
    gif,
    noise,
    on_canvas,
    picture,
    plain,
    png_bomb,
    quarters,
    saved,
    scene,
    svg,
    tiled_heic,
    turned,
)
from support.pictures import at, difference, likeness, opened, rendered, shown, shows
from support.pipeline import sources
from system.hostile.bombs import frames
from system.hostile.parts import claiming, tiff

BROWN = (200, 100, 50)
ORIENTED = ("JPEG", "WEBP", "AVIF", "HEIF", "TIFF", "PNG")
KINDS = {
    "jpeg": picture(),
    "png": picture(form="PNG"),
    "gif": picture(form="GIF"),
    "webp": picture(form="WEBP"),
    "avif": picture(form="AVIF"),
    "tiff": picture(form="TIFF"),
    "svg": svg(),
    "heic": picture(form="HEIF"),
}


def test_every_kind_that_is_read_is_tested():
    assert set(KINDS) == set(READ)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_is_its_first_bytes_say(kind):
    assert sniff(KINDS[kind][:4096]) == kind
    header = open_original(*sources(KINDS[kind]), Limits()).header
    assert (header.format, header.size, header.frames) == (kind, Size(120, 80), 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["fm=png", "w=60&fm=png"])
def test_every_kind_opens_whatever_its_key_is(kind, query):
    image = shown(KINDS[kind], query, "cat.txt")
    assert image.size == ((60, 40) if "w" in query else (120, 80))
    if kind == "svg":
        assert shows(image, QUARTERS)
    else:
        assert at(image, (0.9, 0.5)) == pytest.approx((255, 99, 71), abs=4)
        assert at(image, (0.2, 0.5)) == pytest.approx((0, 0, 128), abs=4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ORIENTED)
@pytest.mark.parametrize("query", ["fm=png", "w=60&fm=webp"])
def test_every_picture_comes_upright(form, orientation, query):
    image = shown(turned(form, orientation), query)
    assert image.size == ((60, 40) if "w" in query else (120, 80))
    assert shows(image, QUARTERS, 60)
    assert image.getexif() == {}


PROFILES = {
    "Adobe RGB": (rgb_profile("Adobe RGB (1998)", ADOBE_RGB), "RGB", (200, 100, 50)),
    "P3": (rgb_profile("Display P3", DISPLAY_P3), "RGB", (200, 100, 50)),
    "dark grey": (grey_profile(3.0), "L", 120),
    "grey inks": (ink_profile(), "CMYK", (255, 0, 0, 0)),
}


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize("query", ["fm=png", "w=20&fm=png"])
def test_colours_are_brought_to_srgb_by_the_embedded_profile(name, form, query):
    profile, mode, colour = PROFILES[name]
    original = plain(mode, colour, form, icc_profile=profile)
    source = opened(original)
    wanted = ImageCms.profileToProfile(
        source,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    ).getpixel((20, 20))
    assert at(shown(original, query), (0.5, 0.5)) == pytest.approx(wanted, abs=4)
    assert wanted != pytest.approx(at(source, (0.5, 0.5)), abs=6)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "HEIF"])
def test_profiles_of_other_formats_count_too(form):
    profile = rgb_profile("Adobe RGB (1998)", ADOBE_RGB)
    red, green, _ = at(shown(plain("RGB", BROWN, form, icc_profile=profile), "fm=png"), (0.5, 0.5))
    assert red > 215
    assert green == pytest.approx(100, abs=6)


def test_a_profile_that_says_srgb_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert at(shown(plain(icc_profile=profile), "fm=png"), (0.5, 0.5)) == BROWN


@pytest.mark.parametrize("profile", [b"nonsense" * 20, rgb_profile("Cut", ADOBE_RGB)[:200], ink_profile()])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_profile_that_is_broken_or_of_another_kind_is_left_aside(profile, form):
    image = shown(plain(form=form, icc_profile=profile), "w=20&fm=png")
    assert at(image, (0.5, 0.5)) == pytest.approx(BROWN, abs=3)


@pytest.mark.parametrize("options", [{}, {"icc_profile": b"nonsense" * 40}])
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_without_a_usable_profile_become_colours(form, options):
    red, green, blue = at(shown(plain("CMYK", (0, 200, 200, 0), form, **options), "fm=png"), (0.5, 0.5))
    assert red > 200 > 120 > max(green, blue)


DEPTHS = {
    "grey": (plain("L", 120), (120, 120, 120, 255)),
    "grey jpeg": (plain("L", 120, "JPEG"), (120, 120, 120, 255)),
    "grey heic": (plain("L", 120, "HEIF"), (120, 120, 120, 255)),
    "16 bits": (plain("I;16", 30840), (120, 120, 120, 255)),
    "16 bits tiff": (plain("I;16", 30840, "TIFF"), (120, 120, 120, 255)),
    "deep heic": (plain("I;16", 30840, "HEIF"), (120, 120, 120, 255)),
    "1 bit": (plain("1", 1), (255, 255, 255, 255)),
    "1 bit tiff": (plain("1", 1, "TIFF", compression="group4"), (255, 255, 255, 255)),
    "grey and alpha": (plain("LA", (120, 128)), (120, 120, 120, 128)),
    "alpha": (plain("RGBA", (*BROWN, 128)), (*BROWN, 128)),
    "alpha webp": (plain("RGBA", (*BROWN, 128), "WEBP", lossless=True), (*BROWN, 128)),
    "alpha tiff": (plain("RGBA", (*BROWN, 128), "TIFF"), (*BROWN, 128)),
    "alpha avif": (plain("RGBA", (*BROWN, 128), "AVIF"), (*BROWN, 128)),
    "alpha heic": (plain("RGBA", (*BROWN, 128), "HEIF"), (*BROWN, 128)),
    "key colour": (plain(transparency=BROWN), (*BROWN, 0)),
    "ycbcr tiff": (plain(form="TIFF", compression="jpeg"), (*BROWN, 255)),
    "cielab": (cielab(), (164, 105, 69, 255)),
    "deep colours heic": (deep_heic("RGB", BROWN), (*BROWN, 255)),
    "deep alpha heic": (deep_heic("RGBA", (*BROWN, 128)), (*BROWN, 128)),
    "odd heic": (plain(form="HEIF", size=(65, 47)), (*BROWN, 255)),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_every_depth_and_colour_space_becomes_8_bits(name):
    original, colour = DEPTHS[name]
    image = shown(original, "fm=png")
    assert image.mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    assert image.size == opened(original).size if name != "cielab" else (40, 30)
    assert at(image, (0.5, 0.5), "RGBA")[3] == colour[3]
    if colour[3]:
        assert at(image, (0.5, 0.5), "RGBA") == pytest.approx(colour, abs=2)
        small = shown(original, "w=20&fm=png")
        assert small.width == 20
        assert at(small, (0.5, 0.5), "RGBA") == pytest.approx(colour, abs=2)


def test_a_palette_keeps_its_translucent_colours():
    image = Image.new("P", (64, 48), 1)
    image.paste(2, (32, 0, 64, 48))
    image.putpalette([0, 0, 0, 200, 100, 50, 10, 20, 30])
    seen = shown(saved(image, "PNG", transparency=bytes([255, 128, 0])), "w=32&fm=png")
    assert at(seen, (0.25, 0.5), "RGBA") == pytest.approx((*BROWN, 128), abs=2)
    assert at(seen, (0.75, 0.5), "RGBA")[3] == 0


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="120" height="80"', (120, 80)),
        ('viewBox="0 0 120 80"', (120, 80)),
        ('width="240" viewBox="0 0 120 80"', (240, 160)),
        ('width="100%" height="100%" viewBox="0 0 120 80"', (120, 80)),
        ('width="90pt" height="60pt" viewBox="0 0 120 80"', (90, 60)),
        ("", (120, 80)),
    ],
)
def test_the_size_of_an_svg(attributes, size):
    image = shown(svg(attributes), "fm=png")
    assert image.size == size
    assert shows(image, QUARTERS)


def test_an_svg_is_drawn_at_the_size_that_is_wanted_and_not_scaled():
    big = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><path d="M0 0h100v100z" fill="red"/></svg>'
    image = shown(big, "w=50&fm=png")
    assert (at(image, (0.8, 0.3)), at(image, (0.2, 0.8), "RGBA")) == ((255, 0, 0), (0, 0, 0, 0))


def test_an_svg_loads_nothing_from_elsewhere(tmp_path):
    canary = tmp_path / "canary.png"
    canary.write_bytes(plain(colour="red"))
    for link in (str(canary), canary.as_uri()):
        size = 'width="64" height="48"'
        text = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image href="{link}" {size}/></svg>'
        assert at(shown(text.encode(), "fm=png"), (0.5, 0.5), "RGBA")[3] == 0


def test_a_heic_in_tiles_is_one_picture():
    image = shown(tiled_heic(quarters((600, 400))), "w=300&fm=png")
    assert image.size == (300, 200)
    assert shows(image, QUARTERS)


@pytest.mark.parametrize("form", ["TIFF", "AVIF", "PNG"])
def test_of_several_pictures_the_first_is_shown(form):
    image = shown(animation(("red", "lime"), form=form), "fm=gif")
    assert getattr(image, "n_frames", 1) == 1
    assert at(image, (0.5, 0.5)) == pytest.approx((255, 0, 0), abs=4)


REFUSED = {
    "nothing": (b"", NotAnImage, "expected an image"),
    "a letter": (NOT_AN_IMAGE, NotAnImage, "expected an image (jpeg, png, gif, webp, avif, tiff, svg, heic)"),
    "a page": (b"<html><body><svg></svg></body></html>", NotAnImage, "expected an image"),
    "a film": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(200), NotAnImage, "expected an image"),
    "three bytes": (b"\xff\xd8\xff", Damaged, "cannot be decoded as jpeg"),
    "bad svg": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect", Damaged, "decoded as svg"),
    "a wide bomb": (png_bomb(60000, 10), TooLarge, "at most 16000 pixels a side, received 60000"),
    "a large bomb": (png_bomb(15000, 15000), TooLarge, "at most 50000000 pixels, received 225000000"),
    "a huge svg": (svg('width="20000" height="9"'), TooLarge, "at most 16000 pixels a side, received 20000"),
    "a canvas": (on_canvas(animation(form="WEBP"), 9000, 9000), TooLarge, "at most 50000000 pixels"),
    "a frame": (gif((1, 1), [(0, 0, 60000, 1, 1, 0, 5)]), TooLarge, "at most 16000 pixels a side"),
    "frames": (gif((1, 1), [(0, 0, 1, 1, 1, 0, 5)] * 65), TooLarge, "at most 64 frames, received 65"),
    "webp frames": (frames(65), TooLarge, "at most 64 frames, received more"),
    "all frames": (on_canvas(animation(form="WEBP"), 6000, 6000), TooLarge, "over all frames, received 108000000"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence(name):
    original, error, sentence = REFUSED[name]
    with pytest.raises(error) as raised:
        rendered(original, "w=20&fm=gif", "cat.jpg")
    assert sentence in str(raised.value)


def test_a_gif_that_claims_a_far_larger_canvas_is_as_large_as_its_frames():
    assert shown(gif((65535, 65535), [(0, 0, 30, 20, 1, 0, 5)] * 2), "fm=gif").size == (30, 20)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("query", ["w=20", "fm=png"])
def test_what_is_cut_short_is_refused(form, share, query):
    whole = saved(opened(noise()), form)
    with pytest.raises(Damaged, match=r"the original is damaged: it cannot be decoded as \w+"):
        rendered(whole[: int(len(whole) * share)], query)


def test_a_progressive_jpeg_that_is_cut_short_is_refused():
    whole = saved(scene(), "JPEG", progressive=True)
    with pytest.raises(Damaged):
        rendered(whole[: len(whole) // 2], "w=20")


def test_a_heic_whose_last_tile_is_missing_is_refused():
    whole = tiled_heic(scene((300, 200)))
    assert shown(whole, "w=60").size == (60, 40)
    for missing in (1, len(whole) // 10):
        with pytest.raises(Damaged, match="cannot be decoded as heic"):
            rendered(whole[:-missing], "w=60")


def test_a_heic_of_no_size_is_refused():
    with pytest.raises(Damaged, match="cannot be decoded as heic"):
        rendered(claiming(picture(form="HEIF"), 2**32 - 1, 2**32 - 1), "w=60")


def test_a_page_of_many_bands_is_refused_before_it_is_decoded():
    with pytest.raises(TooLarge, match="at most 16 bands, received 17"):
        rendered(tiff(bands=17), "w=8")


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_pages_of_a_tiff_are_counted_before_it_is_opened(order):
    def paged(count):
        body = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
        return body + b"".join(struct.pack(f"{order}HI", 0, 8 + 6 * page % (6 * count)) for page in range(1, count + 1))

    assert count_pages(paged(3), 1000) == 1001, "the last is followed by the first"
    assert count_pages(saved(scene(), "TIFF"), 1000) == 1
    assert count_pages(animation(form="TIFF"), 1000) == 3
    assert count_pages(animation(form="TIFF"), 1) == 2
    for whole in (saved(scene(), "TIFF"), animation(form="TIFF")):
        assert all(0 <= count_pages(whole[:cut], 1000) <= 3 for cut in range(0, len(whole), 97))
    with pytest.raises(TooLarge, match="at most 1000 pages, received more"):
        rendered(paged(1001), "w=8")


@pytest.mark.parametrize("extra", [b"x", b"\0" * 500, NOT_AN_IMAGE])
@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
def test_what_follows_a_picture_does_not_matter(kind, extra):
    assert shown(KINDS[kind] + extra, "w=60").size == (60, 40)


@pytest.mark.parametrize("size", [(1, 1), (1, 16000), (16000, 1), (2, 3)])
@pytest.mark.parametrize("form", ["png", "jpg", "webp", "avif", "gif", "png8"])
def test_small_and_narrow_pictures(size, form):
    original = plain(size=size)
    image = shown(original, f"w=1&fm={form}")
    assert image.width == 1
    assert image.height == min(8192, max(1, round(size[1] / size[0])))
    assert at(image, (0.5, 0.5)) == pytest.approx(BROWN, abs=16)


def test_nothing_is_put_out_above_the_limits():
    assert shown(plain(size=(2, 16000)), "fm=png").size == (1, 8192)
    body = rendered(
        plain(size=(400, 300)), "w=400&h=400&fit=fill&fm=png", limits=replace(Limits(), output_pixels=10000)
    )
    assert opened(body).size == (100, 100)


def test_smaller_sizes_come_from_larger_ones_and_look_like_ones_of_their_own():
    original = saved(scene((960, 640)), "PNG")
    opened = open_original(*sources(original), Limits())
    sizes = [Size(640, 427), Size(320, 213), Size(160, 107)]
    together = Decoded(opened, sizes, False)
    for size in sizes:
        layout = replace(opened.header.layout, size=size)
        one = Image.frombytes("RGB", (size.width, size.height), together.pixels(layout)[0].raw)
        other = Image.frombytes("RGB", one.size, Decoded(opened, [size], False).pixels(layout)[0].raw)
        assert likeness(one, other) > 0.99
        assert difference(one, other) < 1


def test_a_reduced_picture_is_as_good_as_a_careful_resampling():
    picture = scene((960, 640))
    careful = picture.resize((240, 160), Image.Resampling.LANCZOS)
    for form, least in (("PNG", 0.985), ("JPEG", 0.98), ("WEBP", 0.97)):
        seen = shown(saved(picture, form, quality=95), "w=240&fm=png")
        assert likeness(seen, careful) > least
        assert difference(seen, careful) < 2


def test_a_region_is_taken_where_it_lies():
    original = saved(quarters((400, 200)), "PNG")
    for place, colour in zip(("0,0", "200,0", "0,100", "200,100"), QUARTERS, strict=True):
        image = shown(original, f"rect={place},200,100&w=50&fm=png")
        assert image.size == (50, 25)
        assert shows(image, [colour] * 4, 3)
