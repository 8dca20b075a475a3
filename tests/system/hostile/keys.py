"""Keys and paths that are no good."""

from support.originals import picture
from system.hostile.case import Asked, Case

FOUND, BAD, MISSING = (200,), (400,), (404,)
NO_PICTURE = (400, 404)
NEVER_500 = (200, 400, 403, 404, 405)
LONG = "a" * 1024

# As S3 may hold them: the upload trigger and the route get the same key.
KEYS = {
    "a space": ("a b.jpg", FOUND),
    "signs that mean something in a URL": ("100% a+b&c=d#e;f?.jpg", FOUND),
    "a percent code": ("a%2Fb%00%252e.jpg", FOUND),
    "quotes": ("a'b\"c`d.jpg", FOUND),
    "letters of the world": ("été/猫/🐈.jpg", FOUND),
    "letters that are put together": ("é\u0301\u202e\ufeffgpj.jpg", FOUND),
    "the way up": ("../../etc/passwd", FOUND),
    "the way up in the middle": ("a/../../b.jpg", FOUND),
    "dots alone": ("..", FOUND),
    "slashes alone": ("//a//b.jpg", FOUND),
    "a backslash": ("a\\..\\b.jpg", FOUND),
    "a folder's marker": ("folder/", MISSING),
    "a name of no letters": (" ", FOUND),
    "a control character": ("a\x01b.jpg", (200, 400)),
    "NUL": ("a\0b.jpg", (200, 400)),
    "an end of a line": ("a\r\nb.jpg", (200, 400)),
    "an escape": ("a\x1b[2Jb.jpg", (200, 400)),
    "DEL and C1": ("a\x7f\x85b.jpg", (200, 400)),
    "a coder's name": ("msl:cat.jpg", FOUND),
    "a coder that reads text": ("text:/etc/passwd", FOUND),
    "a frame's number": ("cat.jpg[0]", FOUND),
    "libvips' options": ("cat.jpg[access=sequential,n=-1]", FOUND),
    "a pipe": ("|id", FOUND),
    "a name that is read in": ("@/etc/passwd", FOUND),
    "a URL": ("http://127.0.0.1/cat.jpg", FOUND),
    "a manifest's name": ("manifest.json", FOUND),
    "another's manifest": ("cat.jpg/manifest.json", (200, 400, 404)),
    "a derivative's name": ("cat.jpg/w=40.jpg", (200, 400, 404)),
    "almost a derivative's name": ("cat.jpg/zz=40.jpg", FOUND),
    "the health": ("-/health", (200, 404)),
    "a name of 1,010 bytes": ("a" * 1006 + ".jpg", NEVER_500),
    "a name of 1,024 bytes": ("a" * 1020 + ".jpg", NEVER_500),
    "letters of 1,020 bytes": ("猫" * 340, NEVER_500),
    "a form's mark": ("a+b=c&d.jpg", FOUND),
    "a template": ("{{7*7}}${7*7}.jpg", FOUND),
    "a page": ("<script>alert(1)</script>.jpg", FOUND),
    "a query's end": ("' OR 1=1 --.jpg", FOUND),
    "a variable": ("$(id)`id`%PATH%.jpg", FOUND),
}

CASES = tuple(Case(f"a key with {what}", may, lambda _: picture((48, 32)), key) for what, (key, may) in KEYS.items())


def _escaped(what, path, may=NO_PICTURE, query="w=40"):
    return Asked(f"a path with {what}", may, f"{path}?{query}")


NAMES = [
    "w=0.jpg",
    "w=-1.jpg",
    "w=1e9.jpg",
    "w=NaN.jpg",
    "w=40,w=40.jpg",
    "h=40,w=40.html",
    "w=40.mvg",
    "w=~41.jpg",
    "w=~~~.jpg",
    "w=%00.jpg",
    "w=40,.jpg",
    ",=.jpg",
    "w==.jpg",
    "w=40.jpg.jpg",
    "bg=~FF~FE.jpg",
    "fm=png.jpg",
    "auto=format.jpg",
    "w=40.svg",
    "w=40.JPG",
    "w=40%2Ch=30.jpg",
]

ASKED = (
    _escaped("NUL", "/a%00b.jpg", BAD),
    _escaped("an end of a line", "/a%0d%0aSet-Cookie:%20a=b", BAD),
    _escaped("an overlong slash", "/%c0%af..%c0%afetc/passwd", BAD),
    _escaped("an overlong dot", "/%e0%80%ae%e0%80%ae/etc/passwd", BAD),
    _escaped("half a letter", "/%c3.jpg", BAD),
    _escaped("a surrogate", "/%ed%a0%80.jpg", BAD),
    _escaped("bytes of no letter", "/%ff%fe.jpg", BAD),
    _escaped("a letter beyond all", "/%f4%90%80%80.jpg", BAD),
    _escaped("half a code", "/a%2.jpg"),
    _escaped("a percent sign", "/%.jpg"),
    _escaped("codes of codes", "/%25252e%25252e/cat.jpg"),
    _escaped("the way up", "/../../etc/passwd"),
    _escaped("the coded way up", "/%2e%2e/%2e%2e/etc/passwd"),
    _escaped("nothing", "/"),
    _escaped("many slashes", "/" * 3000),
    _escaped("1,024 bytes", f"/{LONG}"),
    _escaped("20,000 bytes", f"/{LONG * 20}"),
    _escaped("a million bytes", f"/{LONG * 1000}"),
    _escaped("a manifest", "/cat.jpg/manifest.json"),
    _escaped("a coder", "/msl:cat.jpg"),
    _escaped("a text", "/text:%2Fetc%2Fpasswd"),
    _escaped("a page", "/%3Cscript%3Ealert(1)%3C/script%3E"),
    _escaped("raw bytes above ASCII", "/\xff\xfe.jpg", (400, 404)),
    *(
        Asked(f"a derivative named {name[:40]}", NO_PICTURE, f"/cat.jpg/{name}")
        for name in (*NAMES, f"w={'9' * 900}.jpg", f"{'w=40,' * 400}h=1.jpg")
    ),
)
