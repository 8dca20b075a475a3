"""The example pictures in docs/operations.md: a few for each parameter, each made from a sample."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl

from chalicelib.decoding.header import Header, open_original
from chalicelib.decoding.source import Source
from chalicelib.geometry import Size
from chalicelib.limits import Limits
from chalicelib.operations import PARAMETERS
from chalicelib.parameters.schema import Parameter
from chalicelib.presets.presets import Presets
from chalicelib.rendering.renderer import layout_of, prepare
from chalicelib.transformation import Derivative
from cli.samples.files import sample as sample_file


@dataclass(frozen=True)
class Picture:
    """A picture on the page: a sample, the whole query, and as a caption the part that differs from its neighbours."""

    sample: str
    query: str
    caption: str

    @property
    def derivative(self) -> Derivative:
        return Presets().request(f"samples/{self.sample}", parse_qsl(self.query), "").derivative

    @property
    def file(self) -> str:
        """The name of its file: the sample and the query, in characters that need no escaping."""
        stem = self.sample.partition(".")[0]
        return f"{re.sub('[^a-z0-9.]+', '-', f'{stem}-{self.query}').strip('-')}.{self.derivative.format}"

    @property
    def size(self) -> Size:
        """Its width and height, computed by the operations."""
        return layout_of(_header(self.sample), self.derivative.values, Limits()).output

    def rendered(self) -> bytes:
        """The picture, rendered by the pipeline."""
        return prepare([_source(self.sample)], [self.derivative], Limits()).render(self.derivative).body


@dataclass(frozen=True)
class Example:
    """Pictures side by side: each has the common query and one of the variations."""

    sample: str
    query: str
    varied: tuple[str, ...]
    note: str = ""

    def __iter__(self) -> Iterator[Picture]:
        for part in self.varied:
            yield Picture(self.sample, "&".join(filter(None, (self.query, part))), part or "without it")


LANDSCAPE, PORTRAIT, TREE = "landscape.jpg", "portrait.jpg", "sideways.jpg"
BALLOON, BOAT = "transparent.png", "animated.gif"
_FOCUS = "fit=crop&crop=focalpoint"
_FITS = tuple(f"fit={fit}" for fit in PARAMETERS["fit"].kind.good)

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "orient": (
        Example(TREE, "w=160", ("", "orient=0", "orient=3"), "A photo that the camera stored sideways."),
        Example(LANDSCAPE, "h=140", ("orient=2", "orient=90"), "A photo that is stored upright."),
    ),
    "rect": (Example(PORTRAIT, "h=180", ("", "rect=650,440,560,560", "rect=left,bottom,0.6,0.4")),),
    "w": (Example(LANDSCAPE, "", ("w=80", "w=160", "w=0.1")),),
    "h": (Example(LANDSCAPE, "", ("h=60", "h=120", "h=0.1")),),
    "fit": (
        Example(LANDSCAPE, "w=180&h=180&bg=e8d5b7", _FITS, "The original is larger than the requested size."),
        Example(
            PORTRAIT,
            "rect=862,546,136,102&w=180&h=180&bg=e8d5b7",
            _FITS,
            "The original is smaller: `rect` leaves 136 x 102 pixels of it.",
        ),
    ),
    "crop": (
        Example(PORTRAIT, "w=200&h=130&fit=crop", ("", "crop=top", "crop=bottom", "crop=entropy", "crop=edges")),
        Example(LANDSCAPE, "w=110&h=140&fit=crop", ("", "crop=left", "crop=right")),
    ),
    "fp-x": (Example(PORTRAIT, f"w=110&h=160&{_FOCUS}&fp-y=0.3&fp-z=2", ("fp-x=0.24", "fp-x=0.5", "fp-x=0.66")),),
    "fp-y": (Example(PORTRAIT, f"w=200&h=130&{_FOCUS}", ("fp-y=0.2", "fp-y=0.5", "fp-y=0.75")),),
    "fp-z": (Example(PORTRAIT, f"w=200&h=130&{_FOCUS}&fp-x=0.66&fp-y=0.31", ("fp-z=1", "fp-z=2", "fp-z=5")),),
    "ar": (
        Example(LANDSCAPE, "w=200&fit=crop", ("ar=1:1", "ar=16:9", "ar=3:1")),
        Example(PORTRAIT, "h=140&fit=fill&bg=e8d5b7", ("ar=1:1", "ar=16:9")),
    ),
    "dpr": (Example(LANDSCAPE, "w=80", ("dpr=1", "dpr=2", "dpr=3")),),
    "max-w": (Example(LANDSCAPE, "w=240&h=130&fit=crop", ("", "max-w=160")),),
    "max-h": (Example(LANDSCAPE, "w=240&h=130&fit=crop", ("", "max-h=80")),),
    "min-w": (Example(LANDSCAPE, "w=80&h=130&fit=crop", ("", "min-w=180")),),
    "min-h": (Example(LANDSCAPE, "w=240&h=60&fit=crop", ("", "min-h=120")),),
    "bg": (Example(BALLOON, "w=170&h=170&fit=fill&fm=jpg", ("", "bg=9cc9e8", "bg=tomato")),),
    "flip": (Example(PORTRAIT, "h=180", ("", "flip=h", "flip=v", "flip=hv")),),
    "rot": (Example(LANDSCAPE, "w=200", ("", "rot=8", "rot=180")),),
    "sharp": (Example(TREE, "w=200&h=150&fit=crop", ("", "sharp=20", "sharp=80")),),
    "blur": (Example(PORTRAIT, "w=200&h=150&fit=crop&crop=top", ("blur=10", "blur=50", "blur=300")),),
    "fm": (Example(BOAT, "w=160", ("fm=webp", "fm=jpg"), "The original is an animated GIF."),),
    "auto": (Example(TREE, "w=200&h=150&fit=crop", ("", "auto=compress")),),
    "q": (Example(TREE, "w=200&h=150&fit=crop", ("q=5", "q=30", "q=75")),),
}


def examples(parameter: Parameter) -> tuple[Example, ...]:
    """The examples of a parameter: those chosen here, or else one of its first good values."""
    return EXAMPLES.get(parameter.name) or (unchosen(parameter),)


def unchosen(parameter: Parameter) -> Example:
    """An example of a parameter without a choice here, with its first good values."""
    query = "&".join(f"{name}={text}" for name, text in {"w": "200", **_beside(parameter)}.items())
    varied = tuple(f"{parameter.name}={text}" for text in parameter.kind.good[:3])
    return Example(LANDSCAPE, "" if parameter.name == "w" else query, varied)


def _beside(parameter: Parameter) -> dict[str, str]:
    """The parameters that a parameter needs, and those that they need."""
    if not parameter.needs:
        return {}
    name = parameter.needs.names[0]
    text = (parameter.needs.values or PARAMETERS[name].kind.good)[0]
    return {**_beside(PARAMETERS[name]), name: text}


def pictures() -> dict[str, Picture]:
    """Every picture of the page, by file name."""
    shown = (picture for parameter in PARAMETERS.values() for example in examples(parameter) for picture in example)
    return {picture.file: picture for picture in shown}


def sample_sizes() -> dict[str, Size]:
    """The size of each sample, by name."""
    return {sample: _header(sample).size for sample in (LANDSCAPE, PORTRAIT, TREE, BALLOON, BOAT)}


def _header(sample: str) -> Header:
    return open_original(_source(sample), Limits()).header


@cache
def _source(sample: str) -> Source:
    key = f"samples/{sample}"
    return Source(key, sample_file(key))
