"""Queries, headers and methods that are no good."""

from urllib.parse import quote

from system.hostile.case import Asked

BAD, MISSING = (400,), (404,)
NO_PICTURE = (400, 404)

NUMBERS = (
    *[
        "-0",
        "+40",
        "0x28",
        "1e3",
        "1E400",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "1_000",
        "4O",
        "٤٠",
        "４０",
        "40.",
        ".5.",
        "40px",
        "40%",
        "-9999999999",
        "²",
        "½",
        "null",
    ],
    *["0.0000000001", "None", "true", "[40]", "{}", "${40}", "%s%n", "40;DROP", "'", "1/0", "--40"],
    *("", " ", "40\0", "40\n", "40 ", "\t40", "\u200b40", "9" * 400),
)
FORMS = [
    "html",
    "txt",
    "info",
    "json",
    "pdf",
    "pdfa",
    "mvg",
    "msl",
    "svg",
    "ps",
    "eps",
    "tiff",
    "bmp",
    "x",
    "png|id",
    "PNG",
    "show",
    "win",
    "ephemeral",
    "null",
    "matte",
]


def _query(what, query, may=BAD):
    return Asked(f"a query with {what}", may, f"/cat.jpg?{query}")


QUERIES = (
    *(
        _query(f"{name}={number[:20]!r}", f"{name}={quote(number)}", NO_PICTURE)
        for name in ("w", "q", "blur", "ar", "rect", "fp-x", "dpr")
        for number in NUMBERS
    ),
    _query("thousands of parameters", "&".join(f"a{n}=1" for n in range(5000))),
    _query("thousands of one", "w=1&" * 5000),
    _query("a name of a million letters", "a" * 10**6 + "=1"),
    _query("no names", "=1&=2&&&"),
    _query("names of no letters", "%00=1&%0d%0a=2"),
    _query("semicolons", "w=40;h=40"),
    _query("brackets", "w[]=40&w[a]=1"),
    _query("bytes of no letter", "w=%ff%fe&bg=%c0%af"),
    _query("a name of the inside", "__class__=1&self=2&values=3&image=4"),
    _query("a preset that is none", "preset=../../etc/passwd"),
    _query("a preset twice", "preset=small&preset=square"),
    _query("an end of a line", "fm=png%0d%0aSet-Cookie:%20a=b"),
    *(_query(f"fm={form}", f"fm={quote(form)}") for form in ("", "jpg:/tmp/x", "jpeg ", *FORMS)),
    *(
        _query(f"{name} from elsewhere", f"{name}={quote('http://127.0.0.1/x.png')}")
        for name in ("mark", "txt", "blend", "mask", "bg", "txt-font", "border", "url", "src")
    ),
)

_VALUES = {
    "Accept": ("image/webp;q=" + "9" * 5000, "," * 20_000, "\xff\xfe"),
    "Origin": ("null", "https://evil.example\r\nX-Evil: 1"),
    "Range": ("bytes=0-,1-,2-,-1",),
    "If-None-Match": ('"' * 9000, "*, W/*"),
    "If-Modified-Since": ("never", "Mon, 99 Foo 99999 99:99:99 GMT"),
    "Host": ("evil.example",),
    "X-Forwarded-Host": ("evil.example",),
    "Content-Type": ("text/html; charset=\0",),
    "Content-Length": ("-1",),
    "Transfer-Encoding": ("chunked",),
    "X-Imgy-Origin": ("guess",),
    "Cookie": ("a=b" * 3000,),
}

HEADERS = tuple(
    Asked(f"a header {name}: {value[:30]!r}", MISSING, "/cat.jpg?w=40", "GET", ((name, value),))
    for name, values in _VALUES.items()
    for value in values
)

METHODS = tuple(
    Asked(f"the method {method}", may, "/cat.jpg?w=40", method)
    for method, may in {"HEAD": MISSING, "OPTIONS": (204,), "POST": (403, 405), "TRACE": (403, 405)}.items()
)

ASKED = (*QUERIES, *HEADERS, *METHODS)
