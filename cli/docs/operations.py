"""Writes docs/operations.md and its pictures from the operations' declarations."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from chalicelib import operations
from chalicelib.errors import ParameterError
from chalicelib.formats import BY_EXTENSION, NEGOTIATED, WRITTEN, candidates, natural
from chalicelib.operations import THEMES
from chalicelib.operations.output import COMPRESSED_QUALITY
from chalicelib.parameters.schema import Operation, Parameter
from chalicelib.transformation import merged, parse
from cli import ROOT
from cli.docs.examples import Example, Picture, examples, pictures, sample_sizes

FOLDER = ROOT / "docs"
PAGE, PICTURES = "operations.md", "pictures"


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the page and its pictures, delete old pictures, and return the paths of the written files."""
    shown = pictures()
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for old in (folder / PICTURES).iterdir():
        if old.name not in shown:
            old.unlink()
    for name, picture in shown.items():
        (folder / PICTURES / name).write_bytes(picture.rendered())
    (folder / PAGE).write_text(markdown(), "utf-8")
    return [folder / PAGE, *(folder / PICTURES / name for name in shown)]


def markdown() -> str:
    """The whole page."""
    themes = [line for theme in THEMES for line in _theme(theme)]
    return "\n".join([_HEAD.replace("{samples}", _samples()), *_refusals(), *_contents(), *themes, _TAIL]) + "\n"


_HEAD = """\
# The operations

All parameters of a URL, a preset or a derivative's own path, in the order in which they are applied: first the part of
the original and its size, then the background, the pixels, and the output. Names, ranges and defaults are imgix's.

To try the queries below, start `make run` and open `http://127.0.0.1:8000/samples/landscape.jpg?w=160`. The samples
are {samples}.

`make docs` writes this page from the declarations in [chalicelib/operations](../chalicelib/operations): change those,
not this page.

## How to request a picture

| by | example |
| --- | --- |
| a query | `/photos/cat.jpg?w=300&h=200&fit=crop&fm=webp` |
| a preset | `/photos/cat.jpg?preset=card`, where presets.yaml has `card: {w: 300, h: 200, fit: crop, fm: webp}` |
| a preset, refined | `/photos/cat.jpg?preset=card&fm=png`: parameters of the query replace those of the preset |
| its own path | `/photos/cat.jpg/w=300,h=200,fit=crop.webp` |

- Names are lower case, in any order, each of them once; only `auto` can be repeated.
- For `w`, `h` and `rect`, a whole number is pixels, and a number with a decimal point is a share of the original: `w=1`
  is one pixel, `w=1.0` is the whole width.
- A number is a plain decimal, of which six decimal places count.
- A colour is three, four, six or eight hexadecimal digits, the alpha first (`f63`, `8f63`, `ff6633`, `80ff6633`), or a
  colour name of CSS (`tomato`).
- `ixlib`, with which imgix's clients identify themselves, has no effect.

Each picture is made once and has one path, however it is requested. The path is also its key in S3. It has the
parameters in the order of this page, without those at their default. Each value has one spelling, and the extension is
the format chosen by `fm` and `auto`. Characters of a value other than letters, digits, `.`, `_`, `:` and `-` are
written as `~` and two hexadecimal digits for each byte: `crop=top~2Cleft`.

No parameter is guessed or ignored. A parameter that is unknown, repeated, out of range, or has no effect without
another one is answered with 400 and a sentence on what was expected:
"""

_TAIL = """
## What is always done

- The picture is turned upright by its EXIF orientation, and its colours are converted to sRGB by its profile.
- Metadata is removed, including the place where a photo was taken.
- Transparency is kept if the format has it; otherwise the background is `bg`, or white.
- An animated GIF or WebP stays animated in `webp` and `gif`; other formats show its first frame.
- A picture is not enlarged, unless `fit` is `crop`, `fill`, `clamp` or `scale`.
- A picture above the limits in presets.yaml is scaled down to them.

## Differences from imgix

- `fit=clip`, and a width or a height alone, do not enlarge.
- A parameter that imgix ignores, because it is unknown or has no effect, such as `crop` without `fit=crop`, is 400.
- Padding is transparent if the format has transparency and no `bg` is given.
- `rect` also accepts shares, and `full` for its width and height. `bg` accepts an alpha, if the format has it.
- Not supported: faces (`crop=faces`, `fit=facearea`), `auto=enhance,redeye`, `rot-type=pivot`, and the formats jp2,
  jxr, json, mp4, webm, png32 and blurhash."""


def _samples() -> str:
    sizes = (f"`{sample}` ({size.width} x {size.height})" for sample, size in sample_sizes().items())
    return ", ".join(sizes)


def _refusals() -> Iterator[str]:
    for query in ("blur=abc", "zoom=2", "w=3&w=4", "crop=top"):
        yield f"    ?{query:<10} {_refusal(query)}"


def _refusal(query: str) -> str:
    try:
        merged({}, parse(parse_qsl(query)))
    except ParameterError as refusal:
        return str(refusal)
    raise AssertionError("an example of a mistake is none")


def _contents() -> Iterator[str]:
    yield from ("", "## Overview", "", "| | parameter | what it is | default |", "| --- | --- | --- | --- |")
    for theme, entries in THEMES.items():
        title = f"[{theme}](#{theme.lower()})"
        for operation, parameter in ((entry, parameter) for entry in entries for parameter in entry.parameters):
            named = f"[`{parameter.name}`](#{parameter.name})"
            yield f"| {title} | {named} | {_summary(operation, parameter)} | {_default(parameter)} |"
            title = ""


def _summary(operation: Operation, parameter: Parameter) -> str:
    if not _alone(operation):
        return parameter.meaning
    first = re.split(r"[.;:](?:\s|$)", operation.meaning)[0]
    return first[0].lower() + first[1:]


def _alone(operation: Operation) -> bool:
    """Whether an operation has only one parameter; the page then shows it under the parameter's name."""
    return len(operation.parameters) == 1


def _default(parameter: Parameter) -> str:
    return "" if parameter.default in (None, ()) else f"`{parameter.kind.text(parameter.default)}`"


def _theme(theme: str) -> Iterator[str]:
    yield from ("", f"## {theme}", "", str(getattr(operations, theme.lower()).__doc__))
    for operation in THEMES[theme]:
        yield from _operation(operation)


def _operation(operation: Operation) -> Iterator[str]:
    alone = _alone(operation)
    yield from ("", f"### {operation.parameters[0].name if alone else operation.name.capitalize()}")
    yield from ("", _note(operation.meaning))
    for parameter in operation.parameters:
        yield from ("",) if alone else ("", f"#### {parameter.name}", "")
        yield from _parameter(parameter)


def _note(meaning: str) -> str:
    """A docstring with NAME=VALUE in backticks."""
    return re.sub(r"\b([a-z-]+=[a-z0-9]+)", r"`\1`", meaning)


def _parameter(parameter: Parameter) -> Iterator[str]:
    needs = f"`{parameter.needs.expected}`".replace(" or ", "` or `") if parameter.needs else ""
    facts = {
        "what it is": parameter.meaning,
        "expected": parameter.kind.expected,
        "default": _default(parameter) or "none",
        "only beside": needs,
        "also written": ", ".join(f"`{alias}`" for alias in parameter.aliases),
    }
    known = {name: fact for name, fact in facts.items() if fact}
    yield from (f"| {' | '.join(known)} |", "| --- " * len(known) + "|", f"| {' | '.join(known.values())} |")
    if parameter.name in _TABLES:
        yield from ("", *_TABLES[parameter.name]())
    for example in examples(parameter):
        yield from ("", *_shown(example))
    wrong = f"{parameter.name}={parameter.kind.bad[1]}"
    yield from ("", f"`{wrong}` is refused: {_refusal(wrong)}.")


def _shown(example: Example) -> Iterator[str]:
    """Pictures in rows, each with its query and its size below."""
    yield from ((example.note, "") if example.note else ())
    whole = "&".join(filter(None, (example.query, next(part for part in example.varied if part))))
    yield from (f"`/samples/{example.sample}?{whole}`", "")
    yield "<table>"
    row: list[str] = []
    width = 0
    for picture in example:
        wide = max(picture.size.width, _CAPTION) + _MARGINS
        if row and width + wide > _ROW:
            yield from ("<tr>", *row, "</tr>")
            row, width = [], 0
        row.append(_cell(picture))
        width += wide
    yield from ("<tr>", *row, "</tr>", "</table>")


_ROW, _CAPTION, _MARGINS = 840, 80, 27
"""Pixels on GitHub: the most for a row of pictures, the width of a caption, and the margins of a picture."""


def _cell(picture: Picture) -> str:
    size, query = picture.size, escape(picture.query)
    shown = f'<img src="{PICTURES}/{picture.file}" width="{size.width}" height="{size.height}" alt="{query}">'
    caption = f"<code>{escape(picture.caption)}</code><br>{size.width} x {size.height}"
    return f'<td align="center" valign="bottom">{shown}<br>{caption}</td>'


def _formats() -> Iterator[str]:
    yield from (f"{len(WRITTEN)} formats are written:", "")
    yield "| format | Content-Type | transparency | animation | `q` |"
    yield "| --- | --- | --- | --- | --- |"
    for form in WRITTEN.values():
        has = " | ".join("yes" if it else "" for it in (form.alpha, form.animated, form.quality))
        yield f"| `{form.name}` | {form.content_type} | {has} |"
    yield ""
    yield "Without `fm` and `auto=format` the format follows the original's name:"
    yield ", ".join(f"`.{ending}` is written as `{form}`" for ending, form in BY_EXTENSION.items())
    yield f"and everything else as `{natural('')}`."


def _choices() -> Iterator[str]:
    yield "`auto=format` takes the first of these that the browser's Accept header names, or else the last:"
    yield ""
    yield "| original | formats |"
    yield "| --- | --- |"
    for ending in ("jpg", *BY_EXTENSION):
        names = ", ".join(f"`{form}`" for form in candidates(f"a.{ending}", NEGOTIATED))
        yield f"| `.{ending}`{' and others' if ending == 'jpg' else ''} | {names} |"
    yield ""
    yield f"`auto=compress` takes {COMPRESSED_QUALITY} for `q` where none is given, and `png8` instead of `png`."


_TABLES = {"fm": _formats, "auto": _choices}
