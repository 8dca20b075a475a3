"""What goes out: every format is what it says, holds nothing but the picture, and is the same each time."""

import hashlib
import io
import os
import struct
import subprocess
import sys
from base64 import b64decode

import pytest
import pyvips
from PIL import Image, PngImagePlugin
from wand.image import Image as WandImage

from chalicelib.decoding import decoder
from chalicelib.errors import Unavailable
from chalicelib.formats import WRITTEN
from chalicelib.limits import Limits
from chalicelib.rendering import encoding
from chalicelib.rendering import renderer as rendering
from cli import ROOT
from support.icc_profiles import ADOBE_RGB, rgb_profile
from support.originals import animation, gif, near, picture, plain, saved, scene, sprite
from support.pictures import at, derivative_of, difference, frames, likeness, opened, rendered, shown
from support.pipeline import sources

pytestmark = pytest.mark.filterwarnings("ignore:Palette images with Transparency")
DECODED = {"jpg": "JPEG", "pjpg": "JPEG", "png": "PNG", "png8": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF"}
CANARY = "Kilroy was here"


@pytest.fixture(scope="module")
def original():
    return saved(scene(), "PNG")


def test_every_format_that_is_written_is_tested():
    assert set(DECODED) == set(WRITTEN)


@pytest.mark.parametrize("form", DECODED)
def test_a_format_is_what_it_says_and_looks_like_the_original(original, form):
    image = shown(original, f"fm={form}")
    assert (image.format, image.size) == (DECODED[form], (480, 320))
    assert likeness(image, scene()) > (0.85 if form in ("png8", "gif") else 0.9)
    assert difference(image, scene()) < 5


def test_png_loses_nothing(original):
    assert difference(shown(original, "fm=png"), scene()) == 0


def test_pjpg_is_progressive_and_jpg_is_not(original):
    assert "progressive" in shown(original, "fm=pjpg").info
    assert "progressive" not in shown(original, "fm=jpg").info


def test_png8_has_a_palette(original):
    image = shown(original, "fm=png8")
    assert image.mode == "P"
    assert len(image.getcolors(257)) <= 256


@pytest.mark.parametrize("form", [name for name, entry in WRITTEN.items() if entry.quality])
def test_less_quality_takes_fewer_bytes_and_looks_less_alike(original, form):
    bodies = [rendered(original, f"w=240&fm={form}&q={q}") for q in (10, 40, 75, 95)]
    assert [len(body) for body in bodies] == sorted({len(body) for body in bodies})
    whole = shown(original, "w=240&fm=png")
    alike = [likeness(opened(body), whole) for body in bodies]
    assert alike == sorted(alike)
    assert alike[2] > 0.9


@pytest.mark.parametrize("form", DECODED)
def test_the_lowest_and_highest_quality(original, form):
    assert [shown(original, f"w=24&q={q}&fm={form}").size for q in (0, 1, 100)] == [(24, 16)] * 3


def test_compress_takes_fewer_bytes(original):
    for query, key in (("", "a.jpg"), ("", "a.png"), ("fm=webp", "a.jpg"), ("fm=avif", "a.jpg")):
        assert len(rendered(original, f"auto=compress&{query}", key)) < len(rendered(original, query, key))


def spoken(form):
    """A picture that tells all about itself."""
    exif = Image.Exif()
    exif[0x010F], exif[0x9286], exif[0x0112] = CANARY, CANARY, 1
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 0x1D: CANARY})
    options = {"exif": exif, "icc_profile": rgb_profile(CANARY, ADOBE_RGB)}
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{CANARY}</x:xmpmeta>'.encode()
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Author", CANARY)
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    else:
        options["xmp"] = xmp
    body = saved(scene((96, 64)), form, **options)
    return _with_iptc_and_comment(body) if form == "JPEG" else body


def _with_iptc_and_comment(jpeg):
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", 5 + len(CANARY)) + b"\x1c\x02\x05\0\x0f"
    parts = [(0xED, iptc + CANARY.encode()), (0xFE, CANARY.encode())]
    told = b"".join(struct.pack(">BBH", 0xFF, marker, len(text) + 2) + text for marker, text in parts)
    return jpeg[:2] + told + jpeg[2:]


@pytest.mark.parametrize("form", DECODED)
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_metadata_is_gone(source, form):
    told = spoken(source)
    assert told.count(CANARY.encode()) >= (5 if source == "JPEG" else 2)
    body = rendered(told, f"fm={form}")
    for trace in (CANARY, "Exif", "ICC_PROFILE", "iCCP", "Photoshop", "xmp", "XMP ", "adobe", "tEXt", "iTXt", "tIME"):
        assert trace.encode() not in body
    image = opened(body)
    assert dict(image.getexif()) == {}
    assert not {"icc_profile", "xmp", "exif", "comment", "photoshop"} & set(image.info)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_metadata_of_animations_is_gone(form):
    options = {"comment": CANARY} if form == "GIF" else {"exif": CANARY.encode(), "xmp": CANARY.encode()}
    told = animation(form=form, **options)
    assert CANARY.encode() in told
    for target in ("gif", "webp"):
        assert CANARY.encode() not in rendered(told, f"fm={target}")


@pytest.mark.parametrize("form", ["png", "png8", "webp", "avif", "gif"])
@pytest.mark.parametrize("query", ["", "w=60&", "w=60&h=60&fit=fill&", "blur=10&", "sharp=10&", "rot=8&"])
def test_transparency_is_kept_where_the_format_has_it(form, query):
    image = shown(saved(sprite(), "PNG"), f"{query}fm={form}")
    assert at(image, (0.02, 0.02), "RGBA")[3] <= 4
    assert at(image, (0.45, 0.5), "RGBA")[3] >= 251
    assert near(at(image, (0.45, 0.5)), "red", 16)


@pytest.mark.parametrize("form", ["png", "webp", "avif"])
@pytest.mark.parametrize(
    "query", ["w=50", "rot=10", "w=50&h=50&fit=clamp", "blur=20", "sharp=20", "w=50&h=50&fit=fill&bg=fff"]
)
def test_what_has_no_transparency_gets_none(form, query):
    image = shown(picture(), f"{query}&fm={form}")
    assert image.mode in ("RGB", "P")
    assert "transparency" not in image.info


@pytest.mark.parametrize("form", ["png", "png8", "webp", "avif"])
def test_translucent_parts_stay_translucent(form):
    image = shown(plain("RGBA", (0, 0, 255, 100)), f"fm={form}")
    assert at(image, (0.5, 0.5), "RGBA") == pytest.approx((0, 0, 255, 100), abs=5)


@pytest.mark.parametrize("form", DECODED)
def test_bg_lies_behind_what_is_transparent(form):
    image = shown(saved(sprite(), "PNG"), f"bg=204060&fm={form}")
    assert near(at(image, (0.02, 0.02)), "#204060", 6)
    assert at(image, (0.02, 0.02), "RGBA")[3] == 255
    assert near(at(image, (0.45, 0.5)), "red", 16)


@pytest.mark.parametrize("form", ["jpg", "pjpg"])
@pytest.mark.parametrize(("query", "colour"), [("", "white"), ("bg=0f0&", "lime"), ("bg=8000&", "#777777")])
def test_jpeg_is_flattened_on_bg_or_white(form, query, colour):
    image = shown(saved(sprite(), "PNG"), f"{query}fm={form}")
    assert near(at(image, (0.02, 0.02)), colour, 4)


@pytest.mark.parametrize("hidden", [(255, 255, 255, 0), (0, 0, 0, 0), (0, 255, 0, 0)])
@pytest.mark.parametrize("query", ["w=60&bg=a00", "w=60&bg=a00&blur=20", "w=60&bg=a00&rot=8"])
def test_no_fringe_of_the_colour_that_transparency_hides(hidden, query):
    image = Image.new("RGBA", (240, 160), hidden)
    image.paste((170, 0, 0, 255), (80, 40, 160, 120))
    red, green, blue = shown(saved(image, "PNG"), f"{query}&fm=png").convert("RGB").getextrema()
    assert min(red) >= 166
    assert max(*red, *(level + 170 for level in (*green, *blue))) <= 190


MOVING = {
    "gif": animation(duration=[100, 250, 40]),
    "webp": animation(duration=[100, 250, 40], form="WEBP", lossless=True),
}


@pytest.mark.parametrize("form", ["gif", "webp"])
@pytest.mark.parametrize("source", MOVING)
@pytest.mark.parametrize(("query", "size"), [("", (60, 40)), ("w=30&", (30, 20)), ("w=20&h=20&fit=crop&", (20, 20))])
def test_animations_stay_animated(source, form, query, size):
    seen = frames(rendered(MOVING[source], f"{query}fm={form}"))
    assert [delay for _, delay in seen] == [100, 250, 40]
    assert {image.size for image, _ in seen} == {size}
    for (image, _), colour in zip(seen, ("red", "green", "blue"), strict=True):
        assert near(at(image, (0.5, 0.5)), colour)


@pytest.mark.parametrize("source", ["GIF", "WEBP"])
@pytest.mark.parametrize("loop", [0, 1, 3])
def test_loops_are_kept(source, loop):
    # A GIF counts repetitions after the first showing and has none where it shows once; WebP counts showings.
    options = {"loop": loop - 1 if loop > 1 else loop} if source == "GIF" else {"loop": loop}
    told = animation(form=source, **options) if (source, loop) != ("GIF", 1) else _once(animation())
    assert opened(rendered(told, "fm=webp")).info["loop"] == loop
    assert opened(rendered(told, "fm=gif")).info.get("loop") == {0: 0, 1: None, 3: 2}[loop]


def _once(looping):
    at = looping.index(b"!\xff\x0bNETSCAPE2.0")
    return looping[:at] + looping[at + 19 :]


def test_frames_that_are_alike_keep_their_time():
    told = animation(("red", "red", "blue", "blue"), duration=[100, 200, 300, 400], form="WEBP", allow_mixed=True)
    for form in ("gif", "webp"):
        assert sum(delay for _, delay in frames(rendered(told, f"fm={form}"))) == 1000


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_small_frames_lie_where_they_belong(form):
    told = gif((30, 20), [(0, 0, 30, 20, 1, 1, 10), (10, 5, 10, 10, 2, 1, 20), (1, 1, 6, 6, 3, 1, 30)])
    seen = [image for image, _ in frames(rendered(told, f"q=100&fm={form}"))]
    for index, colours in enumerate((("red", "red", "red"), ("red", "lime", "red"), ("blue", "lime", "red"))):
        for place, colour in zip(((0.13, 0.2), (0.5, 0.5), (0.9, 0.9)), colours, strict=True):
            assert near(at(seen[index], place), colour, 90)


@pytest.mark.parametrize("form", ["gif", "webp"])
@pytest.mark.parametrize("disposal", [2, 3])
def test_what_a_frame_leaves_behind(form, disposal):
    told = gif((30, 20), [(0, 0, 30, 20, 0, 1, 10), (0, 0, 10, 10, 1, disposal, 10), (20, 10, 10, 10, 2, disposal, 10)])
    first, second, third = (image for image, _ in frames(rendered(told, f"fm={form}")))
    alphas = [[at(image, place, "RGBA")[3] for place in ((0.1, 0.2), (0.9, 0.8))] for image in (first, second, third)]
    assert alphas == [[0, 0], [255, 0], [0, 255]]


@pytest.mark.parametrize("form", ["gif", "webp"])
@pytest.mark.parametrize("query", ["", "w=60&", "w=60&h=60&fit=fill&"])
def test_transparent_animations_leave_no_trace(form, query):
    images = [sprite(box=(left, 20, left + 40, 60)) for left in (0, 40, 80)]
    told = saved(images[0], "GIF", save_all=True, append_images=images[1:], duration=80, loop=0, disposal=2)
    seen = [image for image, _ in frames(rendered(told, f"{query}fm={form}"))]
    opaque = [[at(image, (x, 0.5), "RGBA")[3] > 128 for x in (0.17, 0.5, 0.83)] for image in seen]
    assert opaque == [[True, False, False], [False, True, False], [False, False, True]]


@pytest.mark.parametrize("form", ["jpg", "pjpg", "png", "png8", "avif"])
@pytest.mark.parametrize("source", MOVING)
def test_where_the_format_cannot_move_the_first_frame_is_shown(source, form):
    image = shown(MOVING[source], f"fm={form}")
    assert getattr(image, "n_frames", 1) == 1
    assert near(at(image, (0.5, 0.5)), "red")


def test_an_animated_gif_does_not_grow():
    ground = scene((240, 160))
    images = [ground.copy() for _ in range(10)]
    for index, image in enumerate(images):
        image.paste("red", (20 * index, 60, 20 * index + 24, 84))
    palette = ground.quantize(200)
    told = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    original = saved(told[0], "GIF", save_all=True, append_images=told[1:], duration=80, loop=0)
    assert len(rendered(original, "fm=gif")) < 1.2 * len(original)
    assert len(rendered(original, "w=120&fm=gif")) < 0.8 * len(original)
    for (seen, _), image in zip(frames(rendered(original, "fm=gif")), told, strict=True):
        assert difference(seen, image) < 4


EVERYTHING = "w=50&h=40&fit=crop&crop=entropy&rot=3&blur=5&sharp=5"


@pytest.mark.parametrize("form", DECODED)
def test_the_same_request_gives_the_same_bytes(original, form):
    query = f"{EVERYTHING}&fm={form}"
    assert rendered(original, query) == rendered(original, query)


def test_another_process_gives_the_same_bytes(original):
    script = (
        "import sys, hashlib; from support.pictures import rendered; original = sys.stdin.buffer.read();"
        "print(*(hashlib.sha256(rendered(original, query)).hexdigest() for query in sys.argv[1:]))"
    )
    queries = [f"{EVERYTHING}&fm={form}" for form in DECODED]
    first = filter(None, [os.environ.get("PYTHONPATH")])
    paths = os.pathsep.join([*first, str(ROOT / "tests"), str(ROOT)])
    there = subprocess.run(
        [sys.executable, "-c", script, *queries],
        input=original,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=True,
    )
    assert there.stdout.decode().split() == [hashlib.sha256(rendered(original, query)).hexdigest() for query in queries]


def prepared(original, queries):
    derivatives = [derivative_of(query) for query in queries]
    whole = rendering.prepare(sources(original), derivatives, Limits())
    return [opened(whole.render(derivative).body) for derivative in derivatives]


def test_all_derivatives_of_an_original_come_from_one_decoding(original, monkeypatch):
    decoded = []
    decode = decoder.Decoded._decode
    monkeypatch.setattr(
        decoder.Decoded, "_decode", lambda self, *args: (decoded.append(args[-1]), decode(self, *args))[1]
    )
    images = prepared(original, [f"w={width}&fm={form}" for width in (40, 80, 240) for form in ("jpg", "webp", "png")])
    assert [image.width for image in images] == [40] * 3 + [80] * 3 + [240] * 3
    assert [size.width for size in decoded] == [240]


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
def test_made_with_others_or_alone_looks_the_same(source):
    queries = ["w=480", "w=240", "w=120&h=120&fit=crop", "w=60&rot=10", "w=100&h=100&fit=fill&bg=fff", "w=200&orient=6"]
    queries = [f"{query}&fm=png" for query in queries]
    told = saved(scene((960, 640)), source, quality=95)
    for query, image in zip(queries, prepared(told, queries), strict=True):
        alone = shown(told, query)
        assert image.size == alone.size
        assert likeness(image, alone) > 0.98
        assert difference(image, alone) < 2


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "SVG", "WEBP"])
def test_imagemagick_reads_nothing(form):
    body = b"<svg xmlns='http://www.w3.org/2000/svg'/>" if form == "SVG" else picture(form=form)
    for options in ({}, {"format": form.lower()}):
        with pytest.raises(Exception, match=r"(?i)not allowed|not authorized|policy|no decode delegate|insufficient"):
            WandImage(blob=body, **options)


@pytest.mark.parametrize("name", ["{path}", "png:{path}", "text:{path}", "@{path}", "gradient:red-blue", "xc:red"])
def test_imagemagick_opens_no_file_and_no_pseudo_image(name, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(picture(form="PNG"))
    with pytest.raises(Exception, match=r"(?i)not allowed|not authorized|policy|no decode delegate|unable to open"):
        WandImage(filename=name.format(path=path))


def test_nothing_is_written_to_disk(original, tmp_path, monkeypatch):
    for name in ("TMPDIR", "MAGICK_TMPDIR", "MAGICK_TEMPORARY_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    for form in DECODED:
        rendered(original, f"{EVERYTHING}&fm={form}")
        rendered(MOVING["webp"], f"w=30&fm={form}")
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_s_swatches_and_placeholder_are_the_picture_s(original):
    told = rendering.prepare(sources(picture(colour="tomato", form="PNG")), [], Limits())
    first, second, *_ = told.swatches()
    assert near(tuple(bytes.fromhex(first)), "tomato")
    assert near(tuple(bytes.fromhex(second)), "navy")
    scheme, _, encoded = told.placeholder().partition("base64,")
    assert scheme == "data:image/webp;"
    image = Image.open(io.BytesIO(b64decode(encoded)))
    assert max(image.size) == 24
    assert len(told.placeholder()) < 500


def test_a_picture_that_cannot_be_written_may_be_asked_for_again(monkeypatch, original):
    def full(*given):
        raise pyvips.Error("no memory")

    monkeypatch.setitem(encoding._LIBVIPS, "webp", full)
    with pytest.raises(Unavailable):
        rendered(original, "w=30&fm=webp")
