"""Pixels and transformations in, encoded bytes out: the only module that imports Wand; ImageMagick reads no file."""

from __future__ import annotations

import math
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

# ImageMagick reads these once, when Wand loads it. One thread a picture: parallelism belongs to whole derivatives.
os.environ["MAGICK_CONFIGURE_PATH"] = str(Path(__file__).parent / "magick")
# On Lambda what stood in vendor/ lies beside app.py.
os.environ.update([("MAGICK_HOME", str(file.parents[1])) for file in Path(__file__).parents[1].glob("lib/libMagickW*")])
os.environ["MAGICK_THREAD_LIMIT"] = os.environ["OMP_NUM_THREADS"] = "1"

from wand.color import Color
from wand.exceptions import PolicyError as PolicyError
from wand.exceptions import WandException
from wand.image import Image as Image
from wand.resource import limits as limits
from wand.version import MAGICK_VERSION

from .encoding import ENCODERS, NOT_WRITTEN
from .errors import Unavailable
from .formats import WRITTEN
from .geometry import Layout, Size, pixels
from .interest import best_window
from .limits import Limits
from .opening import LIBVIPS, Header, Opened, Pixels, read_header, whole
from .operations import OPERATIONS
from .operations.output import encode
from .rendered import Description, Rendered
from .room import Room
from .schema import Values
from .transformation import Derivative

POLICY = Path(os.environ["MAGICK_CONFIGURE_PATH"]) / "policy.xml"
VERSIONS = MappingProxyType({"imagemagick": MAGICK_VERSION.split(" ", 2)[1], "libvips": LIBVIPS})

# A third of what policy.xml gives ImageMagick: 8 bytes a pixel, and an operation holds up to three such pictures.
_ROOM = Room(40_000_000, seconds=60)

_PLACEHOLDER_SIDE = 24
_SWATCH_SIDE = 64
_SWATCHES = 5


@dataclass(frozen=True)
class Rendering:
    """One original, opened once for all the derivatives that are wanted of it, by their keys."""

    header: Header
    opened: Opened
    layouts: Mapping[str, Layout]
    wanted: Mapping[str, Derivative]

    def render(self, derivative: Derivative) -> Rendered:
        """One derivative; raises Unavailable when ImageMagick cannot make it now."""
        layout = self.layouts[derivative.key]
        moves = _moves(self.header, derivative)
        raw = self.opened.pixels(self._settled(layout), moves)
        try:
            with _ROOM.taken(len(raw) * max(layout.size.area, layout.output.area)), ExitStack() as stack:
                images = [stack.enter_context(_arranged(frame, layout)) for frame in raw]
                return _finished(images, derivative, self.header)
        except (WandException, NOT_WRITTEN) as error:
            raise Unavailable("the picture cannot be rendered now; try again in a moment") from error

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have, by which it takes longer or shorter."""
        return self.layouts[derivative.key].output.area

    def describe(self) -> Description:
        """What the original's manifest tells."""
        header = self.header
        seen = header.format, header.size.width, header.size.height, header.frames
        return Description(*seen, self.swatches(), self.placeholder())

    def _settled(self, layout: Layout) -> Layout:
        """The layout on the upright original, with the place of its crop found."""
        flat = layout.unturned()
        if not flat.look:
            return flat
        share = flat.look.width / flat.region.width, flat.look.height / flat.region.height
        return flat.sought(*best_window(self.opened.grey(flat), *share, flat.look.by))

    def swatches(self) -> tuple[str, ...]:
        """The picture's main colours as rrggbb, the most frequent first."""
        with _arranged(self._small(_SWATCH_SIDE), self.header.layout, flatten=True) as image:
            image.quantize(_SWATCHES, "srgb", 0, False, False)
            counts = sorted(image.histogram.items(), key=lambda entry: (-entry[1], str(entry[0])))
        return tuple(f"{colour.red_int8:02x}{colour.green_int8:02x}{colour.blue_int8:02x}" for colour, _ in counts)

    def placeholder(self) -> str:
        """A data URI of a few hundred bytes to show while the picture loads."""
        with _arranged(self._small(_PLACEHOLDER_SIDE), self.header.layout) as image:
            body = encode(partial(_written, [image]), "webp", values={"q": 30})
        return f"data:{WRITTEN['webp'].content_type};base64,{b64encode(body).decode()}"

    def _small(self, side: int) -> Pixels:
        return self.opened.pixels(replace(self.header.layout, size=_bounded(self.header.size, side)))[0]


def prepare(original: bytes, derivatives: Iterable[Derivative], limits: Limits) -> Rendering:
    """Open an original once for all these derivatives; raises Refused."""
    header = read_header(original, limits)
    wanted = list(derivatives)
    layouts = {
        derivative.key: layout_of(header, derivative.values, limits, _moves(header, derivative))
        for derivative in wanted
    }
    sizes, small = [whole(layout.unturned()) for layout in layouts.values()], _bounded(header.size, _SWATCH_SIDE)
    # Any size above it will do for the swatches, so that nothing is scaled, frame by frame, only for them.
    if not any(size.covers(small) for size in sizes):
        sizes.append(small)
    animated = any(_moves(header, derivative) for derivative in wanted)
    opened = Opened(original, header, sizes, animated)
    return Rendering(header, opened, layouts, {derivative.key: derivative for derivative in wanted})


def layout_of(header: Header, values: Values, limits: Limits, moves: bool = False) -> Layout:
    """What the operations on the layout make of a whole original, within the limits; for one frame where it `moves`."""
    layout = header.layout
    for operation in OPERATIONS:
        if operation.subject == "layout":
            layout = operation(layout, values=values)
    most = limits.frames_pixels // header.frames if moves else limits.output_pixels
    return _held(layout, limits.output_side, min(most, limits.output_pixels))


def _bounded(size: Size, side: int) -> Size:
    scale = min(1.0, side / max(size.width, size.height))
    return Size(pixels(size.width * scale), pixels(size.height * scale))


def _moves(header: Header, derivative: Derivative) -> bool:
    return header.frames > 1 and WRITTEN[derivative.format].animated


def _held(layout: Layout, side: int, area: int) -> Layout:
    """The layout scaled down, where it must be, to what may be put out, as imgix does; `side` and `area` in pixels."""
    output = layout.output
    scale = min(side / max(output.width, output.height), math.sqrt(area / output.area))
    if scale >= 1:
        return layout
    canvas = layout.canvas and _scaled(layout.canvas, scale)
    return replace(layout, size=_scaled(layout.size, scale), canvas=canvas)


def _scaled(size: Size, scale: float) -> Size:
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


_TURNS: dict[int, Callable[[Image], object]] = {
    1: lambda image: None,
    2: lambda image: image.flop(),
    3: lambda image: image.rotate(180),
    4: lambda image: image.flip(),
    5: lambda image: image.transpose(),
    6: lambda image: image.rotate(90),
    7: lambda image: image.transverse(),
    8: lambda image: image.rotate(270),
}


def _arranged(raw: Pixels, layout: Layout, flatten: bool = False) -> Image:
    """The layout's picture: turned, on its background, on its canvas."""
    image: Image = Image.from_array(raw)
    _TURNS[layout.turn](image)
    image.background_color = _colour(layout.background or ("ffffff" if flatten else "00ffffff"))
    if flatten or layout.background:
        _flatten(image)
    if layout.canvas:
        _pad(image, layout.canvas, layout.extend)
    image.reset_coords()
    return image


def _colour(hexadecimal: str) -> Color:
    """Wand's colour of rrggbb or aarrggbb, which Wand writes the other way around."""
    return Color(f"#{hexadecimal[-6:]}{hexadecimal[:-6] or 'ff'}")


def _flatten(image: Image) -> None:
    """Put the picture on its background colour."""
    if image.alpha_channel:
        # A background may be translucent itself: what is left of its alpha stays.
        with Image(width=image.width, height=image.height, background=image.background_color) as ground:
            ground.composite(image, operator="over")
            image.composite(ground, operator="copy")
        if image.background_color.alpha == 1:
            image.alpha_channel = "off"


def _pad(image: Image, canvas: Size, extend: str) -> None:
    left, top = (canvas.width - image.width) // 2, (canvas.height - image.height) // 2
    clear = image.alpha_channel or (extend == "background" and image.background_color.alpha < 1)
    if extend == "edge":
        image.virtual_pixel = "edge"
        image.artifacts["distort:viewport"] = f"{canvas.width}x{canvas.height}-{left}-{top}"
        image.distort("scale_rotate_translate", (0,))
    else:
        image.alpha_channel = "on" if clear else "off"
        image.compose = "copy"
        image.extent(canvas.width, canvas.height, -left, -top)
    if not clear:  # distort adds an alpha channel, and so does ImageMagick 7's extent
        image.alpha_channel = "off"


def _finished(images: list[Image], derivative: Derivative, header: Header) -> Rendered:
    for image in images:
        for operation in OPERATIONS:
            if operation.subject == "image" and operation.asked(derivative.values):
                operation(image, values=derivative.values)
        if not WRITTEN[derivative.format].alpha:
            image.background_color = _colour("ffffff")
            _flatten(image)
    size = Size(images[0].width, images[0].height)
    write = partial(_written, images, delays=header.delays, loop=header.loop)
    return Rendered(encode(write, derivative.format, values=derivative.values), size)


# ImageMagick's name of each format that it writes. The others libvips writes.
_WRITERS = {"jpg": "jpeg", "pjpg": "pjpeg"}


def _written(images: list[Image], form: str, quality: int, delays: Sequence[int] = (), loop: int = 0) -> bytes:
    """One image, or the frames of an animation with their delays in milliseconds; quality is 1 to 100."""
    if form in ENCODERS:
        return ENCODERS[form](_raw(images), quality, delays, loop)
    images[0].compression_quality = quality
    return bytes(images[0].make_blob(_WRITERS[form]))


def _raw(images: list[Image]) -> list[Pixels]:
    channels = "rgba" if any(image.alpha_channel for image in images) else "rgb"
    for image in images:
        image.depth = 8
    return [
        Pixels(Size(image.width, image.height), len(channels), bytes(image.make_blob(channels))) for image in images
    ]
