"""Bytes in, pixels out, at the size that is wanted: the only module that opens a file.

libvips opens everything but HEIC, with no loaders but those allowed here. Nothing is decoded before the header has been
held against the limits, and what comes out is upright 8-bit sRGB without metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyvips  # type: ignore[import-untyped]

from . import heap
from .errors import Damaged, TooLarge
from .formats import known
from .geometry import Box, Layout, Size, pixels
from .heic import heic_image, open_heic
from .interest import Grey
from .limits import Limits
from .pages import pages
from .scans import without_last_bits

_LOADERS = {
    "jpeg": "Jpeg",
    "png": "Png",
    "gif": "Nsgif",
    "webp": "Webp",
    "avif": "Heif",
    "tiff": "Tiff",
    "svg": "Svg",
}
_ANIMATED = ("gif", "webp")
_UNREADABLE = (pyvips.Error, ValueError, EOFError, SyntaxError, RuntimeError, IndexError)
_MUCH_SMALLER = 7
"""From so many times smaller on, the last bits of a JPEG's details are not seen: 0.002 of SSIM (docs/bench.md)."""
_MOST_BANDS = 16
"""Colours, alpha and what else a TIFF may hold for each pixel: libvips decodes all of it, a row of tiles at once."""
_MOST_PAGES = 1000
LIBVIPS = ".".join(str(pyvips.version(part)) for part in range(3))

heap.settle()
pyvips.operation_block_set("VipsForeignLoad", True)
# From bytes alone, never from a name.
for _loader in _LOADERS.values():
    pyvips.operation_block_set(f"VipsForeignLoad{_loader}Buffer", False)
# Pictures do not come back: libvips' cache of operations would only hold on to their memory.
pyvips.cache_set_max(0)


@dataclass(frozen=True)
class Header:
    """What the first look at an original says; `size` is upright, `delays` are milliseconds for each frame."""

    format: str
    size: Size
    exif: int
    alpha: bool
    delays: tuple[int, ...] = ()
    loop: int = 0

    @property
    def frames(self) -> int:
        return max(1, len(self.delays))

    @property
    def layout(self) -> Layout:
        return Layout.of(self.size, self.exif)


@dataclass(frozen=True)
class Pixels:
    """Raw 8-bit RGB or RGBA, row by row; numpy's array interface hands it to whoever wants an array."""

    size: Size
    bands: int
    raw: bytes

    @property
    def __array_interface__(self) -> dict[str, object]:
        return {"shape": (self.size.height, self.size.width, self.bands), "typestr": "|u1", "version": 3}

    def tobytes(self) -> bytes:
        return self.raw


def read_header(original: bytes, limits: Limits) -> Header:
    """Look at an original without decoding a pixel; raises NotAnImage, TooLarge or Damaged."""
    limits.hold(len(original))
    form = known(original)
    if form == "tiff" and pages(original, _MOST_PAGES) > _MOST_PAGES:
        raise TooLarge(f"expected an original of at most {_MOST_PAGES} pages, received more")
    # libwebp looks through all frames for each of them: a megabyte of small ones takes seconds.
    if form == "webp" and original.count(b"ANMF") > limits.frames:
        raise TooLarge(f"expected an original of at most {limits.frames} frames, received more")
    try:
        header = _heic_header(original) if form == "heic" else _header(form, original)
    except _UNREADABLE as error:
        raise _damaged(form) from error
    _hold(header, limits)
    return header


def _damaged(form: str) -> Damaged:
    return Damaged(f"the original is damaged: it cannot be decoded as {form}")


def _header(form: str, original: bytes) -> Header:
    image = _look(original)
    fields = set(image.get_fields())
    exif = image.get("orientation") if "orientation" in fields else 1
    size = Size(image.width, image.height)
    if image.bands > _MOST_BANDS:
        raise TooLarge(f"expected an original of at most {_MOST_BANDS} bands, received {image.bands}")
    return Header(
        form,
        size.turned if exif >= 5 else size,
        exif if 1 <= exif <= 8 else 1,
        bool(image.hasalpha()),
        _delays(image, fields) if form in _ANIMATED else (),
        image.get("loop") if "loop" in fields else 0,
    )


def _look(original: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(_known(original), _loading(), access="sequential")


def _loading(every_frame: bool = False) -> str:
    # thumbnail_buffer takes fail_on as an argument, too, and ignores it (libvips issue 5195).
    return "fail_on=error,n=-1" if every_frame else "fail_on=error"


def _known(original: bytes) -> bytes:
    # libvips does not know a sequence of AVIF pictures by its brand; the first of them is a picture like any other.
    return original[:8] + b"avif" + original[12:] if original[4:12] == b"ftypavis" else original


def _delays(image: pyvips.Image, fields: set[str]) -> tuple[int, ...]:
    frames = image.get("n-pages") if "n-pages" in fields else 1
    delays = image.get("delay") if "delay" in fields else []
    return tuple([*delays, *[100] * frames][:frames]) if frames > 1 else ()


def _heic_header(original: bytes) -> Header:
    size, mode = open_heic(original).size_mode
    return Header("heic", Size(*size), 1, mode.endswith("A"))


def _hold(header: Header, limits: Limits) -> None:
    size, frames = header.size, header.frames
    if min(size.width, size.height) < 1:
        raise _damaged(header.format)
    for received, most, what in (
        (max(size.width, size.height), limits.original_side, "pixels a side"),
        (size.area, limits.original_pixels, "pixels"),
        (frames, limits.frames, "frames"),
        (size.area * frames if frames > 1 else 0, limits.frames_pixels, "pixels over all frames"),
    ):
        if received > most:
            raise TooLarge(f"expected an original of at most {most} {what}, received {received}")


class Opened:
    """The pixels of one original, decoded once at the largest size wanted, each smaller size from the next larger."""

    def __init__(self, original: bytes, header: Header, sizes: Iterable[Size], animated: bool) -> None:
        """Decode at `sizes` (of the whole upright original, at most its own); raises Damaged."""
        self.header = header
        self._animated = animated and header.frames > 1
        largest, *smaller = sorted(set(sizes), key=lambda size: (size.area, size.width), reverse=True)
        largest = Size(
            max([largest.width, *(size.width for size in smaller)]),
            max([largest.height, *(size.height for size in smaller)]),
        )
        try:
            self._levels = [self._decode(original, largest)]
            for size in smaller:
                self._levels.append(self._scaled(self._covering(size), size))
        except _UNREADABLE as error:
            raise _damaged(header.format) from error

    def _decode(self, original: bytes, size: Size) -> list[pyvips.Image]:
        if self.header.format == "heic":
            return [_settled(_thumbnail(heic_image(original), size))]
        original = _known(original)
        if self.header.format == "jpeg" and self.header.size.width >= _MUCH_SMALLER * size.width:
            original = without_last_bits(original)
        profiles = _profiles_of(_look(original))
        loading = _loading(self._animated)
        options = {"height": size.height, "size": "force", "option_string": loading, **profiles}
        strip = _settled(pyvips.Image.thumbnail_buffer(original, size.width, **options))
        return [strip.crop(0, top, strip.width, size.height) for top in range(0, strip.height, size.height)]

    def _covering(self, size: Size) -> list[pyvips.Image]:
        return next((level for level in reversed(self._levels) if _size(level).covers(size)), self._levels[0])

    @staticmethod
    def _scaled(level: list[pyvips.Image], size: Size) -> list[pyvips.Image]:
        return level if _size(level) == size else [_settled(_thumbnail(frame, size)) for frame in level]

    def pixels(self, layout: Layout, every_frame: bool = False) -> list[Pixels]:
        """The region of an unturned layout at its size: one Pixels a frame, only the first unless `every_frame`."""
        level = self._covering(whole(layout))
        return [_pixels(_region(frame, layout), layout.size) for frame in (level if every_frame else level[:1])]

    def grey(self, layout: Layout, side: int = 96) -> Grey:
        """The region of an unturned layout in grey, at most `side` pixels a side: for a crop to look at."""
        scale = min(1.0, side / max(layout.region.width, layout.region.height))
        size = Size(pixels(layout.region.width * scale), pixels(layout.region.height * scale))
        sample = replace(layout, size=size, look=None)
        small = _thumbnail(_region(self._covering(whole(sample))[0], sample), size)
        if small.hasalpha():
            small = small.flatten(background=[128])
        small = small.colourspace("b-w")
        return Grey(small.width, small.height, bytes(small.write_to_memory()))


def whole(layout: Layout) -> Size:
    """The whole original's size at which an unturned layout's region has its own; never above the original's."""
    original, region, size = layout.original, layout.look or layout.region, layout.size
    return Size(
        pixels(min(1.0, size.width / region.width) * original.width),
        pixels(min(1.0, size.height / region.height) * original.height),
    )


def _size(level: list[pyvips.Image]) -> Size:
    return Size(level[0].width, level[0].height)


def _region(image: pyvips.Image, layout: Layout) -> pyvips.Image:
    across, down = image.width / layout.original.width, image.height / layout.original.height
    box: Box = layout.region
    width = min(image.width, _near(pixels(box.width * across), layout.size.width))
    height = min(image.height, _near(pixels(box.height * down), layout.size.height))
    left = min(max(0, round(box.x * across)), image.width - width)
    top = min(max(0, round(box.y * down)), image.height - height)
    # A crop that leaves nothing out would still cost a pass, for each frame.
    return image if (width, height) == (image.width, image.height) else image.crop(left, top, width, height)


def _near(length: int, wanted: int) -> int:
    # A pixel more or less is rounding: taking what is wanted saves a resampling that would only blur.
    return wanted if abs(length - wanted) <= 1 else length


def _pixels(image: pyvips.Image, size: Size) -> Pixels:
    exact = image if (image.width, image.height) == (size.width, size.height) else _thumbnail(image, size)
    return Pixels(size, exact.bands, bytes(exact.write_to_memory()))


def _thumbnail(image: pyvips.Image, size: Size) -> pyvips.Image:
    return image.thumbnail_image(size.width, height=size.height, size="force", **_profiles_of(image))


def _settled(image: pyvips.Image) -> pyvips.Image:
    """8-bit sRGB in memory, with or without alpha."""
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    if image.bands > 4:
        image = image.extract_band(0, n=4)
    return image.cast("uchar").copy_memory()


def _profiles_of(image: pyvips.Image) -> dict[str, str]:
    """How thumbnailing converts colours; a picture that is sRGB already is left alone, as the transform costs time."""
    if image.interpretation == "cmyk":
        return {"input_profile": "cmyk", "output_profile": "srgb"}
    if "icc-profile-data" not in image.get_fields():
        return {}
    return {} if _says_srgb(bytes(image.get("icc-profile-data"))) else {"output_profile": "srgb"}


def _says_srgb(profile: bytes) -> bool:
    # ICC.1:2022, 7.3: a count at 128, then 12 bytes for each tag: signature, offset, length.
    for entry in range(132, min(132 + 12 * int.from_bytes(profile[128:132], "big"), 132 + 12 * 100), 12):
        if profile[entry : entry + 4] == b"desc":
            offset, length = (int.from_bytes(profile[at : at + 4], "big") for at in (entry + 4, entry + 8))
            return b"sRGB" in profile[offset : offset + length].replace(b"\0", b"")
    return False
