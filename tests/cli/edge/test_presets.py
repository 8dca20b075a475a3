"""What presets open at the edge and in Python: the same, however presets.yaml names them."""

import random
from urllib.parse import quote, unquote, urlencode

import pytest

from chalicelib.errors import ImgyError
from chalicelib.formats import BY_EXTENSION, WRITTEN
from chalicelib.presets.file import read_configuration
from support.edge_access import MODES, asked, at_the_edge, by_python, in_mode
from support.edge_function import needs_node

pytestmark = needs_node
URLS = 600
FILES = {
    "one text by many names": """
formats: [avif, webp]
defaults: {q: 40}
presets:
  a: {w: 100, auto: [format, compress]}
  b: {only: ["x/*"], w: 100, auto: [format, compress]}
  c: {only: ["y/*", "*.png"], w: 100, fm: png}
  d: {w: 100, fm: avif}
  e: {widths: [50, 100], auto: compress}
""",
    "for some alone, and nothing changed": """
formats: [webp]
presets:
  some: {only: ["p/*"], w: 80}
  others: {only: ["q/*"], w: 80, auto: format}
  whole: {auto: format}
  gif: {fm: gif, w: 10}
  q: {q: 33, w: 70, fm: png}
  compressed: {auto: compress, w: 71, fm: png}
""",
    "most by default": """
formats: [avif]
defaults: {auto: format, w: 64}
presets:
  none: {}
  wide: {widths: [64, 65]}
  jpg: {fm: jpg}
""",
}
NAMES = ("nope", "keys", "../open/w=80.jpg", "__proto__", "")
OTHERS = [
    *(("w", text) for text in ("50", "64", "65", "70", "71", "80", "100", "0100", "1.0")),
    *(("q", text) for text in ("33", "40", "75")),
    *(("auto", text) for text in ("format", "compress", "format,compress")),
    *(("fm", form) for form in WRITTEN),
]


def drawn(presets, dice):
    """A URL of what is named, of what is nearly so, or of something else; and an Accept header."""
    folders, extensions = ("", "x/", "y/", "p/", "q/", "a b/é/"), ("", ".txt", *(f".{name}" for name in BY_EXTENSION))
    key, other = (dice.choice(folders) + "cat" + dice.choice(extensions) for _ in range(2))
    accept = dice.choice(("", "image/avif,image/webp,*/*", "image/webp"))
    named = list(presets.derivatives(dice.choice((key, other))).values())
    if named and dice.random() < 0.45:
        derivative = dice.choice(named)
        form = dice.choice((derivative.format, derivative.format, *WRITTEN))
        return f"/{quote(key)}/{quote(f'{derivative.text}.{form}', safe='=,~')}", accept
    pairs = [("preset", dice.choice((*presets.presets, *presets.presets, *NAMES)))] if dice.random() < 0.6 else []
    pairs += dict(dice.sample(OTHERS, dice.choice((0, 1, 1, 2)))).items()
    return f"/{quote(key)}?{urlencode(pairs)}", accept


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "open"])
@pytest.mark.parametrize("file", FILES)
def test_what_presets_open_is_the_same(file, mode):
    configuration, dice = in_mode(read_configuration(FILES[file]), mode), random.Random(f"{file}, {mode}")
    urls = [drawn(configuration.presets, dice) for _ in range(URLS)]
    counted = {"path": 0, "refused": 0, "api": 0}
    answers = at_the_edge(configuration, [asked(url, {"accept": accept} if accept else {}) for url, accept in urls])
    for (url, accept), answer in zip(urls, answers, strict=True):
        expected = by_python(configuration, url, accept)
        if "response" in answer:
            counted["refused"] += 1
            assert isinstance(expected, ImgyError), (url, accept)
            assert expected.status == 403, (url, accept)
        elif answer["origin"] is None:
            counted["path"] += 1
            assert unquote(answer["request"]["uri"]) == f"/{expected}", (url, accept)
        else:
            counted["api"] += 1
            assert isinstance(expected, ImgyError), (url, accept)
    assert counted["refused"] > URLS / 5 < counted["path"] + URLS * (mode == "signed presets"), counted
    assert counted["api"] > URLS / 50, counted
