"""The edge function under node, and random queries to ask it."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from urllib.parse import quote, quote_plus

import pytest

from chalicelib.operations import ALIASES, PARAMETERS
from chalicelib.parameters.colour_names import NAMED
from cli.edge.function import under_node

NODE = shutil.which("node")


KEYS = (
    "cat.jpg", "photos/cat.PNG", "a b/ü+%41/日本 😀.webp", "anim.gif", "logos/x.svg", "no-extension", ".png",
    "x.jpg/w=3", "x.avif", "👨‍👩‍👧.jpeg", "deep/" * 40 + "y.jpg", "k" * 1000 + ".jpg",
    "cat.jpg/w=300,h=200,fit=crop.webp", "cat.jpg/h=200,w=300.png", "cat.jpg/fit=clip.gif", "cat.jpg/w=300,w=3.jpg",
    "cat.jpg/bg=~46fff.jpg", "cat.jpg/w=300,fm=png.jpg", "cat.jpg/crop=top~2Cleft,fit=crop,w=9.jpg", "cat.jpg/q=10.png",
    "cat.jpg/zz=3.jpg", "cat.jpg/w=300.bmp", "cat.jpg/rect=0,0,1,1.jpg", "cat.jpg/auto=format.jpg", "-/health",
)  # fmt: skip


ACCEPTS = (
    "",
    "*/*",
    "image/avif,image/webp,*/*;q=0.8",
    "image/webp",
    "IMAGE/AVIF ; q=0 , image/webp;q=0.0",
    "image/avif; Q = 0.00",
)


ODD = (
    "", "0", "-0", "007", "1.", ".5", "0.0000001", "1.9999999", "٣", "ﬀ", "null",
    "a,b", "top,top", "left,top", "%", "+", "~", "é", "x" * 90,
)  # fmt: skip


PRESETS = """
formats: [webp]
defaults: {q: 60, bg: fff}
presets:
  small: {w: 200, auto: format}
  wide: {widths: [300, 600], fit: crop, ar: "16:9", auto: [format, compress]}
  mark: {only: "logos/*", fm: png, crop: [top, left], fit: crop, w: 10, h: 10}
"""


needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


EVERY = """
(async function () {
    var answers = [];
    for (const asked of JSON.parse(require('fs').readFileSync(0))) answers.push(await answered(asked));
    process.stdout.write(JSON.stringify(answers));
}());
"""


def run_function(text: str, events: list[dict], items: Mapping[str, str] = MappingProxyType({})) -> list[dict]:
    """What the function makes of each event, under node, with these items in its store."""
    with NamedTemporaryFile("w", suffix=".cjs") as script:
        script.write(under_node(text, items) + EVERY)
        script.flush()
        command = [NODE, script.name]
        ended = subprocess.run(command, input=json.dumps(events), capture_output=True, text=True, check=True)
    assert not ended.stderr.replace("Error: KeyNotFound\n", "")
    return json.loads(ended.stdout)


def event(key: str, pairs: list[tuple[str, str]], accept: str, method: str = "GET") -> dict:
    """A viewer request as CloudFront gives it: everything still percent-encoded."""
    query: dict[str, dict] = {}
    for name, text in ((quote_plus(name), quote_plus(text)) for name, text in pairs):
        entry = query.setdefault(name, {"value": text})
        if entry["value"] != text or "multiValue" in entry or sum(name == quote_plus(n) for n, _ in pairs) > 1:
            entry.setdefault("multiValue", []).append({"value": text})
    headers = {"accept": {"value": accept}} if accept else {}
    return {"request": {"method": method, "uri": "/" + quote(key), "querystring": query, "headers": headers}}


def queries(seed: int, presets) -> Iterator[tuple[str, list[tuple[str, str]], str]]:
    """Queries of every parameter with texts good, bad and odd, in any order, by any of its names."""
    dice = random.Random(seed)
    names = [*PARAMETERS, *ALIASES]
    while True:
        pairs = []
        for name in dice.sample(names, dice.choice((0, 1, 1, 2, 2, 3, 4, 6))):
            kind = PARAMETERS[ALIASES.get(name, name)].kind
            texts = dice.choices((kind.good, kind.bad, ODD), (40, 1, 1))[0]
            pairs.append((name, dice.choice(texts)))
        if dice.random() < 0.8:
            given = {ALIASES.get(name, name) for name, _ in pairs}
            beside = [("fit", "crop"), ("w", str(dice.randint(1, 8300))), ("crop", "focalpoint")]
            pairs += [(name, text) for name, text in beside if name not in given]
        if dice.random() < 0.3:
            pairs.append(("preset", dice.choice([*presets.presets, *presets.presets, "nope"])))
        if dice.random() < 0.1:
            pairs.append(("ixlib", "js-3.0"))
        if dice.random() < 0.01:
            pairs.append((dice.choice(("__proto__", "constructor", "toString")), "1"))
        if dice.random() < 0.05 and pairs:
            pairs.append(dice.choice(pairs))
        dice.shuffle(pairs)
        yield dice.choice(KEYS), pairs, dice.choice(ACCEPTS)


def names_a_colour(pairs: list[tuple[str, str]]) -> bool:
    return any(name == "bg" and text.lower() in NAMED for name, text in pairs)
