"""docs/operations.md and its pictures, printed from the operations' declarations."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from chalicelib.limits import Limits
from chalicelib.operations import PARAMETERS, THEMES
from chalicelib.presets import Presets
from chalicelib.rendering import Rendered, prepare
from chalicelib.schema import Operation, Parameter
from chalicelib.transformation import Derivative
from cli import samples

FOLDER = Path(__file__).parent.parent / "docs"
PAGE, PICTURES = "operations.md", "pictures"


@dataclass(frozen=True)
class Example:
    """One picture of the page: what is asked of which sample."""

    query: str
    sample: str = "landscape.jpg"

    @property
    def derivative(self) -> Derivative:
        return Presets().wanted(self.sample, parse_qsl(self.query), "").derivative

    def rendered(self) -> Rendered:
        """The picture as the pipeline makes it."""
        return prepare(_original(self.sample), [self.derivative], Limits()).render(self.derivative)


EXAMPLES = {
    "orient": Example("orient=90&h=160"),
    "rect": Example("rect=center,middle,0.4,0.4&w=240"),
    "w": Example("w=160"),
    "h": Example("h=120"),
    "fit": Example("w=160&h=160&fit=fill&bg=dbe4ea"),
    "crop": Example("w=160&h=160&fit=crop&crop=right"),
    "fp-x": Example("w=160&h=160&fit=crop&crop=focalpoint&fp-x=0.15"),
    "fp-y": Example("w=240&h=90&fit=crop&crop=focalpoint&fp-y=0.9"),
    "fp-z": Example("w=240&h=160&fit=crop&crop=focalpoint&fp-z=3"),
    "ar": Example("w=240&ar=21:9&fit=crop"),
    "dpr": Example("w=120&dpr=2"),
    "max-w": Example("w=240&h=160&fit=crop&max-w=120"),
    "max-h": Example("w=240&h=160&fit=crop&max-h=80"),
    "min-w": Example("w=80&h=120&fit=crop&min-w=200"),
    "min-h": Example("w=240&h=60&fit=crop&min-h=120"),
    "bg": Example("w=160&h=160&fit=fill&bg=tomato", "transparent.png"),
    "flip": Example("w=240&flip=v"),
    "rot": Example("w=240&rot=8"),
    "sharp": Example("w=240&sharp=60"),
    "blur": Example("w=240&blur=60"),
    "fm": Example("w=240&fm=webp"),
    "auto": Example("w=240&auto=compress"),
    "q": Example("w=240&q=5"),
}
FITS = {fit: Example(f"w=150&h=150&fit={fit}&bg=dbe4ea") for fit in PARAMETERS["fit"].kind.good}
_SIDEWAYS = ("left", "right")
CROPS = {
    crop: Example(f"w=150&h=150&fit=crop&crop={crop}", "landscape.jpg" if crop in _SIDEWAYS else "portrait.jpg")
    for crop in PARAMETERS["crop"].kind.good
}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the page and its pictures; returns what was written."""
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    page = folder / PAGE
    page.write_text(markdown(), "utf-8")
    written = [page]
    for name, example in pictures().items():
        (folder / PICTURES / name).write_bytes(example.rendered().body)
        written.append(folder / PICTURES / name)
    return written


def pictures() -> dict[str, Example]:
    """Every picture of the page by its file's name."""
    named = {
        **EXAMPLES,
        **{f"fit-{fit}": example for fit, example in FITS.items()},
        **{f"crop-{crop}": example for crop, example in CROPS.items()},
        "original": Example("w=240"),
    }
    return {f"{name}.{example.derivative.format}": example for name, example in named.items()}


def markdown() -> str:
    """The whole page."""
    return "\n".join([_head(), *(line for theme in THEMES for line in _theme(theme)), _TAIL]) + "\n"


_HEAD = """\
# The operations

Printed by `make docs` from the declarations in `chalicelib/operations/`, in the order in which they are carried out.
A URL's query, a preset and a derivative's own path speak this one language; names, ranges and defaults are imgix's
wherever imgix has them. Nothing is guessed: what is unknown or out of range is answered with 400, and says what was
expected:

    {refusal}
{contents}

All pictures come from this one of 2400 x 1600 pixels, unless a portrait or a transparent one shows more:

![a lake at dawn]({pictures}/original.jpg)"""

_TAIL = """
## What is always done

- The picture is turned upright by its EXIF orientation; its colours are converted to sRGB by its profile.
- Metadata goes, the place where a photo was taken included.
- Transparency stays where the format has it; elsewhere the picture lies on `bg`, or on white.
- An animated GIF or WebP stays animated in `gif` and `webp`; other formats show its first frame.
- Nothing is enlarged, unless `fit` is `crop`, `fill`, `clamp` or `scale`."""


def _head() -> str:
    contents = (
        f"- **{theme}**: " + " ".join(f"[`{p.name}`](#{entry.name})" for entry in operations for p in entry.parameters)
        for theme, operations in THEMES.items()
    )
    refusal = PARAMETERS["w"].refusal("abc")
    return _HEAD.format(refusal=refusal, contents="\n" + "\n".join(contents), pictures=PICTURES)


def _theme(theme: str) -> Iterator[str]:
    yield ""
    yield f"## {theme}"
    for operation in THEMES[theme]:
        yield from _operation(operation)


def _operation(operation: Operation) -> Iterator[str]:
    yield ""
    yield f"### {operation.name}"
    yield ""
    yield operation.meaning
    yield ""
    yield "| parameter | what it is | expected | default |"
    yield "| --- | --- | --- | --- |"
    yield from map(_row, operation.parameters)
    yield ""
    yield from _shown({p.name: EXAMPLES[p.name] for p in operation.parameters}, "")
    for name, examples in (("fit", FITS), ("crop", CROPS)):
        if any(p.name == name for p in operation.parameters):
            yield ""
            yield f"`{name}` in each of its values, `{next(iter(examples.values())).query}` and so on:"
            yield ""
            yield from _shown(examples, f"{name}-")


def _row(parameter: Parameter) -> str:
    names = ", ".join(f"`{name}`" for name in (parameter.name, *parameter.aliases))
    needs = f"; only beside `{parameter.needs.expected}`" if parameter.needs else ""
    default = "none" if parameter.default in (None, ()) else f"`{parameter.kind.text(parameter.default)}`"
    return f"| {names} | {parameter.meaning}{needs} | {parameter.kind.expected} | {default} |"


def _shown(examples: dict[str, Example], prefix: str) -> Iterator[str]:
    """A table of pictures, three in a row, each above what was asked."""
    cells = [
        f'<td align="center" valign="bottom"><img src="{PICTURES}/{prefix}{name}.{example.derivative.format}" '
        f'alt="{escape(example.query)}"><br><code>{escape(example.query)}</code></td>'
        for name, example in examples.items()
    ]
    yield "<table>"
    for start in range(0, len(cells), 3):
        yield "<tr>" + "".join(cells[start : start + 3]) + "</tr>"
    yield "</table>"


@cache
def _original(sample: str) -> bytes:
    return samples.SAMPLES[f"samples/{sample}"][1]()
