"""SVGs that want much: sizes, groups, laughs, filters, letters."""

from base64 import b64encode

from system.hostile.case import DAMAGED, IN_TIME, REFUSED, SHOWN, SHOWN_OR_NOT, TOO_LARGE, Case
from system.hostile.parts import (
    flat_png,
    svg,
)


def _uses(levels, each=10):
    """Each group shows the one before it so many times."""
    groups = (f'<g id="g{level + 1}">' + f'<use xlink:href="#g{level}"/>' * each + "</g>" for level in range(levels))
    return svg(f'<defs><rect id="g0" width="9" height="9"/>{"".join(groups)}</defs><use xlink:href="#g{levels}"/>')


def _entities(levels):
    lines = "".join(f'<!ENTITY e{level + 1} "{f"&e{level};" * 10}">' for level in range(levels))
    return svg(f"<text y='20'>&e{levels};</text>", before=f'<!DOCTYPE svg [<!ENTITY e0 "lol">{lines}]>')


def _filter(inside, size=4000):
    attributes = f'width="{size}" height="{size}"'
    shape = f'<rect {attributes} fill="red" filter="url(#f)"/>'
    return svg(f'<filter id="f" x="0" y="0" width="1" height="1">{inside}</filter>{shape}', attributes)


def _nested_patterns(levels):
    size = 'width="1" height="1" patternUnits="userSpaceOnUse"'
    patterns = (
        f'<pattern id="p{level + 1}" {size}><rect width="64" height="48" fill="url(#p{level})"/></pattern>'
        for level in range(levels)
    )
    return svg(f'{"".join(patterns)}<rect width="64" height="48" fill="url(#p{levels})"/>')


def _letters(count):
    return svg(f'<text y="20">{"a" * count}</text>')


def _picture_in_it(side):
    link = "data:image/png;base64," + b64encode(flat_png(side, side)).decode()
    return svg(f'<image width="64" height="48" xlink:href="{link}"/>')


_SHAPE = '<rect width="64" height="48"/>'
_TURBULENCE = '<feTurbulence baseFrequency="0.01" numOctaves="9999999"/>'
_CONVOLUTION = f'<feConvolveMatrix order="99" kernelMatrix="{"1 " * 9801}"/>'
_MASKS = "".join(f'<mask id="m{n + 1}"><rect width="64" height="48" mask="url(#m{n})"/></mask>' for n in range(40))

CASES = (
    Case("SVG: a huge width", TOO_LARGE, lambda _: svg(attributes='width="9999999" height="9"')),
    Case("SVG: a huge box", IN_TIME, lambda _: svg(attributes='viewBox="0 0 1000000000 1000000000"')),
    Case("SVG: a width beyond numbers", REFUSED, lambda _: svg(attributes='width="1e99" height="1e99"')),
    Case("SVG: a negative width", SHOWN_OR_NOT, lambda _: svg(attributes='width="-9" height="-9"')),
    Case("SVG: a width that is no number", SHOWN_OR_NOT, lambda _: svg(attributes='width="NaN" height="inf"')),
    Case(
        "SVG: a tiny box in a large picture",
        SHOWN,
        lambda _: svg('<path d="M0 0h1v1z"/>', 'viewBox="0 0 0.000001 0.000001" width="2000" height="2000"'),
    ),
    Case("SVG: a hundred thousand groups in groups", IN_TIME, lambda _: svg("<g>" * 100_000 + "</g>" * 100_000)),
    Case("SVG: two hundred groups in groups", SHOWN_OR_NOT, lambda _: svg("<g>" * 200 + "</g>" * 200)),
    Case("SVG: a million groups that are not closed", DAMAGED, lambda _: svg("<g>" * 1_000_000)),
    Case("SVG: a hundred million laughs", IN_TIME, lambda _: _uses(8), slow=True),
    Case("SVG: ten thousand laughs", IN_TIME, lambda _: _uses(4)),
    Case("SVG: it uses itself", SHOWN_OR_NOT, lambda _: svg('<g id="a"><use xlink:href="#a"/></g>')),
    Case(
        "SVG: two use each other",
        SHOWN_OR_NOT,
        lambda _: svg('<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g>'),
    ),
    Case("SVG: a billion laughs of entities", REFUSED + SHOWN, lambda _: _entities(9)),
    Case(
        "SVG: an entity of itself",
        REFUSED + SHOWN,
        lambda _: svg("<text>&a;</text>", before='<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'),
    ),
    Case(
        "SVG: one long entity, many times",
        REFUSED + SHOWN,
        lambda _: svg("<text>" + "&a;" * 10_000 + "</text>", before=f'<!DOCTYPE svg [<!ENTITY a "{"a" * 10_000}">]>'),
    ),
    Case("SVG: turbulence", IN_TIME, lambda _: _filter(_TURBULENCE), slow=True),
    Case("SVG: less turbulence", IN_TIME, lambda _: _filter(_TURBULENCE, 400)),
    Case("SVG: a wide blur, often", IN_TIME, lambda _: _filter('<feGaussianBlur stdDeviation="900"/>' * 50), slow=True),
    Case("SVG: a wide blur", IN_TIME, lambda _: _filter('<feGaussianBlur stdDeviation="900"/>', 400)),
    Case("SVG: a wide morphology", IN_TIME, lambda _: _filter('<feMorphology radius="900"/>'), slow=True),
    Case("SVG: a convolution", IN_TIME, lambda _: _filter(_CONVOLUTION), slow=True),
    Case("SVG: a filter of a thousand offsets", IN_TIME, lambda _: _filter('<feOffset dx="1"/>' * 1000), slow=True),
    Case("SVG: a filter from nowhere", SHOWN_OR_NOT, lambda _: _filter('<feImage xlink:href="#nothing"/>', 64)),
    Case("SVG: patterns of patterns", IN_TIME, lambda _: _nested_patterns(12)),
    Case("SVG: masks of masks", IN_TIME, lambda _: svg(f'{_MASKS}<rect width="64" height="48" mask="url(#m40)"/>')),
    Case(
        "SVG: dashes without end",
        IN_TIME,
        lambda _: svg('<path d="M0 0H1e7" stroke="red" stroke-dasharray="1e-4"/>'),
        slow=True,
    ),
    Case("SVG: many dashes", IN_TIME, lambda _: svg('<path d="M0 0H60" stroke="red" stroke-dasharray="1e-3"/>')),
    Case(
        "SVG: a path of a million points",
        IN_TIME,
        lambda _: svg(f'<path fill="red" d="M0 0{"l60 47-60-40 59-3" * 330_000}z"/>'),
        slow=True,
    ),
    Case(
        "SVG: a path of ten thousand points",
        SHOWN,
        lambda _: svg(f'<path fill="red" d="M0 0{"l60 47-60-40 59-3" * 3300}z"/>'),
    ),
    Case(
        "SVG: a hundred thousand shapes", IN_TIME, lambda _: svg('<rect width="64" height="48"/>' * 100_000), slow=True
    ),
    Case("SVG: ten thousand shapes", IN_TIME, lambda _: svg(_SHAPE * 10_000)),
    Case("SVG: a very large letter", SHOWN, lambda _: svg('<text font-size="1e9">a</text>')),
    Case("SVG: a hundred thousand letters", IN_TIME, lambda _: _letters(100_000), slow=True),
    Case("SVG: a thousand letters", IN_TIME, lambda _: _letters(1000)),
    Case(
        "SVG: a hundred thousand rules",
        IN_TIME,
        lambda _: svg(f'<style>{".a *>.b{fill:red}" * 100_000}</style><g class="a"><g class="b"/></g>'),
    ),
    Case("SVG: a long attribute", IN_TIME, lambda _: svg(f'<g id="{"a" * 11_000_000}"/>')),
    Case(
        "SVG: a hundred thousand attributes",
        REFUSED + SHOWN,
        lambda _: svg("<g " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>"),
    ),
    Case("SVG: a picture in it that is large", IN_TIME, lambda _: _picture_in_it(12000), slow=True),
    Case("SVG: a picture in it that is smaller", IN_TIME, lambda _: _picture_in_it(3000)),
)
