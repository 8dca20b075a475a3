"""The defences against strangers' files and strangers' URLs, each with what switches it off and the tests of it.

Metadata has no switch: what is handed on is raw pixels, which have none.
"""

POLICY, OPENING, FORMATS = "chalicelib/magick/policy.xml", "chalicelib/opening.py", "chalicelib/formats.py"
CHILD, CHILDREN = "chalicelib/child.py", "chalicelib/children.py"
EDGE = "edge/access.js"

_REFUSED = ["tests/test_opening.py", "-k", "refused or limits"]
_PROCESS = ["tests/test_children.py"]
_AT_THE_EDGE = ["tests/test_edge_access.py"]

DEFENCES = {
    "ImageMagick's policy denies every reading": (
        [(POLICY, 'domain="coder" rights="none" pattern="*"', 'domain="coder" rights="read" pattern="*"')],
        ["tests/test_rendering.py", "-k", "reads_nothing"],
    ),
    "ImageMagick spills nothing to disk": (
        [(POLICY, 'name="disk" value="0B"', 'name="disk" value="1GiB"')],
        ["tests/test_walls.py"],
    ),
    "libvips has the loaders of the table alone": (
        [(OPENING, 'pyvips.operation_block_set("VipsForeignLoad", True)', "")],
        ["tests/test_walls.py"],
    ),
    "libvips opens bytes alone, and no name": (
        [(OPENING, '{_loader}Buffer", False)', '{_loader}", False)')],
        ["tests/test_walls.py"],
    ),
    "the first bytes say what a file is": (
        [
            (
                FORMATS,
                "    if form is None:\n        raise",
                "    if form is None:\n        return 'jpeg'\n        raise",
            )
        ],
        _REFUSED,
    ),
    "bytes are limited": (
        [("chalicelib/limits.py", "if length > self.original_bytes:", "if False:")],
        ["tests/test_refusals.py"],
    ),
    "pixels of the canvas are limited": (
        [(OPENING, '        (size.area, limits.original_pixels, "pixels"),\n', "")],
        _REFUSED,
    ),
    "sides of the canvas are limited": (
        [(OPENING, '        (max(size.width, size.height), limits.original_side, "pixels a side"),\n', "")],
        _REFUSED,
    ),
    "frames are limited": ([(OPENING, '        (frames, limits.frames, "frames"),\n', "")], _REFUSED),
    "pixels of all frames are limited": (
        [(OPENING, "(size.area * frames if frames > 1 else 0, limits", "(0, limits")],
        _REFUSED,
    ),
    "a TIFF's pages are counted before it is opened": (
        [(OPENING, 'if form == "tiff" and pages(', 'if form == "never" and pages(')],
        ["tests/test_hostile.py", "-k", "comes_to and (tiff or pages)"],
    ),
    "damage is an error": (
        [(OPENING, 'return "fail_on=error,n=-1" if every_frame else "fail_on=error"', 'return "fail_on=none"')],
        _REFUSED,
    ),
    "output is limited": (
        [("chalicelib/rendering.py", "    if scale >= 1:\n", "    if True:\n")],
        ["tests/test_opening.py", "tests/test_rendering.py", "-k", "limits"],
    ),
    "another process opens and renders": (
        [
            (
                "chalicelib/pipeline.py",
                "    prepare: Prepare = field(default=CHILDREN.prepare)\n",
                "    prepare: Prepare = field(default=lambda *asked: __import__('contextlib').nullcontext("
                "__import__('chalicelib.rendering').rendering.prepare(*asked[:3])))\n",
            )
        ],
        ["tests/test_imports.py"],
    ),
    "that process ends when it hangs": (
        [(CHILD, "signal.ITIMER_REAL, 0 if ", "signal.ITIMER_REAL, 0 if True or ")],
        _PROCESS,
    ),
    "that process loses its rights": ([(CHILD, "    confine()\n", "")], _PROCESS),
    "that process may take so much memory": (
        [("chalicelib/confinement.py", "        (resource.RLIMIT_DATA, _data() + _MEMORY),\n", "")],
        _PROCESS,
    ),
    "that process makes no connection": ([("chalicelib/confinement.py", '    "socket": (41, 198),\n', "")], _PROCESS),
    "that process starts no program": ([("chalicelib/confinement.py", '    "execve": (59, 221),\n', "")], _PROCESS),
    "that process opens files to be read alone": (
        [
            (
                "chalicelib/confinement.py",
                "(_OPENAT, 2, _WRITING, (refused, allowed)),",
                "(_OPENAT, 2, 0, (refused, allowed)),",
            )
        ],
        _PROCESS,
    ),
    "that process has no credentials": (
        [
            (
                CHILDREN,
                "env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}",
                "env=dict(os.environ)",
            )
        ],
        _PROCESS,
    ),
    "what that process says is held to its length": (
        [("chalicelib/wire.py", "not 0 <= length <= _MOST_BODY", "not 0 <= length")],
        _PROCESS,
    ),
    "the walls are proven": ([(CHILD, '"walls": proven()', '"walls": []')], _PROCESS),
    "only the distribution is answered": (
        [("app.py", "if settings.origin_secret and not hmac", "if False and not hmac")],
        ["tests/test_origin_secret.py"],
    ),
    "a signature must fit": (
        [("chalicelib/signing.py", "        if not right:\n", "        if False:\n")],
        ["tests/test_signing.py"],
    ),
    "a signature ends": (
        [("chalicelib/signing.py", "if self.expires and int(self.expires) < now:", "if False:")],
        ["tests/test_signing.py"],
    ),
    "nothing may be added to a signature": (
        [("chalicelib/signing.py", 'if len(names) > len({*names}) or {"s", "sig"} <= {*names}:', "if False:")],
        ["tests/test_signing.py"],
    ),
    "the edge's word counts beside the origin's secret alone": (
        [("chalicelib/route.py", "return bool(self.settings.origin_secret) and request", "return request")],
        ["tests/test_signing.py"],
    ),
    "access: only presets are open without a signature": (
        [("chalicelib/presets.py", "        return named and self", "        return True or self")],
        ["tests/test_access.py", "tests/test_signing.py"],
    ),
    "access: where presets alone are open, no signature opens more": (
        [("chalicelib/presets.py", 'if (signed and self.access != "presets") or', "if signed or")],
        ["tests/test_signing.py"],
    ),
    "the edge lets to S3 what is open, or signed": (
        [(EDGE, "        admit((claim.mark && SIGNATURE_OPENS) || isOpen(read.path), CLOSED);\n", "")],
        _AT_THE_EDGE,
    ),
    "at the edge a signature must fit": (
        [
            (
                EDGE,
                "            admit(claim.s ? isImgix(claim.s, spelled(request), keys) "
                ": isOurs(claim, meant(uri, rest, claim), keys), WRONG);\n",
                "",
            )
        ],
        _AT_THE_EDGE,
    ),
    "at the edge a signature ends": (
        [(EDGE, "            admit(!(claim.expires < Date.now() / 1000), EXPIRED);\n", "")],
        _AT_THE_EDGE,
    ),
    "at the edge a preset is open for the originals that it is for": (
        [(EDGE, "(!row[1] || isLike(original, row[1])) && ", "")],
        _AT_THE_EDGE,
    ),
    "the edge believes nobody who says that he was verified": (
        [(EDGE, "    delete request.headers[ACCESS_HEADER];\n", "")],
        _AT_THE_EDGE,
    ),
    "strangers are held to the ladder": (
        [("chalicelib/presets.py", "values=self.ladder.held(derivative.values)", "values=derivative.values")],
        ["tests/test_access.py"],
    ),
    "controls in a path are refused": (
        [("chalicelib/route.py", "    if _CONTROL.search(key):", "    if False:")],
        ["tests/test_route.py"],
    ),
    "queries are limited": (
        [("chalicelib/route.py", "        if received > most:", "        if False:")],
        ["tests/test_route.py", "-k", "the_limit_of_the_query"],
    ),
}
