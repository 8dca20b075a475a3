"""The pipeline: the bytes of an original in, the bytes of its derivatives out."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..decoding.decoder import Decoded, whole
from ..decoding.header import Header, open_original
from ..decoding.pixels import Pixels
from ..decoding.source import Source
from ..errors import Unavailable
from ..formats import WRITTEN
from ..geometry import Layout, Size, pixels
from ..limits import Limits
from ..operations import OPERATIONS
from ..operations.output import encode
from ..parameters.schema import Operation, Values
from ..rendered import Description, Rendered
from ..transformation import Derivative
from .canvas import arrange, flatten
from .encoding import EncodingError, write
from .magick import Image, WandException
from .pixel_budget import PixelBudget
from .smart_crop import best_window


def operations_on(subject: str) -> tuple[Operation, ...]:
    """The operations on a `layout` or on an `image`, in their order."""
    return tuple(operation for operation in OPERATIONS if operation.subject == subject)


PIPELINE: tuple[Any, ...] = (
    open_original,
    *operations_on("layout"),
    Decoded,
    best_window,
    arrange,
    *operations_on("image"),
    flatten,
    encode,
)
"""Every step of a rendering, in order, from bytes to bytes."""

# A third of what policy.xml gives ImageMagick: 8 bytes for each pixel, and an operation needs up to three pictures.
_BUDGET = PixelBudget(40_000_000, seconds=60)

_PLACEHOLDER_SIDE = 24
_SWATCH_SIDE = 64
_SWATCHES = 5


@dataclass(frozen=True)
class LocalRendering:
    """One original, opened once for all wanted derivatives; `layouts` and `wanted` are by derivative key."""

    header: Header
    decoded: Decoded
    layouts: Mapping[str, Layout]
    wanted: Mapping[str, Derivative]

    def render(self, derivative: Derivative) -> Rendered:
        """Render one derivative; raises Unavailable when ImageMagick cannot do it now."""
        layout = self.layouts[derivative.key]
        frames = self.decoded.pixels(self._with_crop_placed(layout), _is_animated(self.header, derivative))
        try:
            with _BUDGET.reserve(len(frames) * max(layout.size.area, layout.output.area)), ExitStack() as stack:
                images = [stack.enter_context(arrange(frame, layout)) for frame in frames]
                return _finish(images, derivative, self.header)
        except (WandException, EncodingError) as error:
            raise Unavailable("the picture cannot be rendered now; try again in a moment") from error

    def area(self, derivative: Derivative) -> int:
        """How many pixels a derivative will have: its rendering time grows with them."""
        return self.layouts[derivative.key].output.area

    def describe(self) -> Description:
        """Describe the original for its manifest."""
        header = self.header
        facts = header.format, header.size.width, header.size.height, header.frames
        return Description(*facts, self.swatches(), self.placeholder())

    def _with_crop_placed(self, layout: Layout) -> Layout:
        """The layout on the upright original, its smart crop decided."""
        upright = layout.unturned()
        crop = upright.smart_crop
        if not crop:
            return upright
        share = crop.width / upright.region.width, crop.height / upright.region.height
        return upright.with_crop_at(*best_window(self.decoded.grey(upright), *share, crop.by))

    def swatches(self) -> tuple[str, ...]:
        """The picture's main colours as rrggbb, the most frequent first."""
        with arrange(self._small(_SWATCH_SIDE), self.header.layout, opaque=True) as image:
            image.quantize(_SWATCHES, "srgb", 0, False, False)
            counts = sorted(image.histogram.items(), key=lambda entry: (-entry[1], str(entry[0])))
        return tuple(f"{colour.red_int8:02x}{colour.green_int8:02x}{colour.blue_int8:02x}" for colour, _ in counts)

    def placeholder(self) -> str:
        """A data URI of a few hundred bytes, to show while the picture loads."""
        with arrange(self._small(_PLACEHOLDER_SIDE), self.header.layout) as image:
            body = encode(partial(write, [image]), "webp", values={"q": 30})
        return f"data:{WRITTEN['webp'].content_type};base64,{b64encode(body).decode()}"

    def _small(self, side: int) -> Pixels:
        return self.decoded.pixels(replace(self.header.layout, size=_within(self.header.size, side)))[0]


def prepare(sources: Sequence[Source], derivatives: Iterable[Derivative], limits: Limits) -> LocalRendering:
    """Open the first source, and decode it once for all these derivatives; raises Refused."""
    opened = open_original(sources[0], limits)
    header = opened.header
    wanted = {derivative.key: derivative for derivative in derivatives}
    animated = {key: _is_animated(header, derivative) for key, derivative in wanted.items()}
    layouts = {key: layout_of(header, one.values, limits, animated[key]) for key, one in wanted.items()}
    sizes, small = [whole(layout.unturned()) for layout in layouts.values()], _within(header.size, _SWATCH_SIDE)
    # The swatches can be taken from any larger size, which saves scaling every frame for them.
    if not any(size.covers(small) for size in sizes):
        sizes.append(small)
    return LocalRendering(header, Decoded(opened, sizes, any(animated.values())), layouts, wanted)


def layout_of(header: Header, values: Values, limits: Limits, animated: bool = False) -> Layout:
    """Apply the operations on the layout to a whole original; what exceeds the limits is scaled down."""
    layout = header.layout
    for operation in operations_on("layout"):
        layout = operation(layout, values=values)
    most = limits.frames_pixels // header.frames if animated else limits.output_pixels
    return _scaled_to_limits(layout, limits.output_side, min(most, limits.output_pixels))


def _within(size: Size, side: int) -> Size:
    scale = min(1.0, side / max(size.width, size.height))
    return Size(pixels(size.width * scale), pixels(size.height * scale))


def _is_animated(header: Header, derivative: Derivative) -> bool:
    return header.frames > 1 and WRITTEN[derivative.format].animated


def _scaled_to_limits(layout: Layout, side: int, area: int) -> Layout:
    """The layout scaled down to the largest allowed output, as imgix does; `side` and `area` in pixels."""
    output = layout.output
    scale = min(side / max(output.width, output.height), math.sqrt(area / output.area))
    if scale >= 1:
        return layout
    canvas = layout.canvas and _scaled(layout.canvas, scale)
    return replace(layout, size=_scaled(layout.size, scale), canvas=canvas)


def _scaled(size: Size, scale: float) -> Size:
    return Size(max(1, int(size.width * scale)), max(1, int(size.height * scale)))


def _finish(images: list[Image], derivative: Derivative, header: Header) -> Rendered:
    for image in images:
        for operation in operations_on("image"):
            if operation.asked(derivative.values):
                operation(image, values=derivative.values)
        if not WRITTEN[derivative.format].alpha:
            flatten(image)
    size = Size(images[0].width, images[0].height)
    encoder = partial(write, images, delays=header.delays, loop=header.loop)
    return Rendered(encode(encoder, derivative.format, values=derivative.values), size)
