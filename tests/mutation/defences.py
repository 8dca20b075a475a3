"""The defences against strangers' files and strangers' URLs, each with what switches it off and the tests of it.

Metadata has no switch: what is handed on is raw pixels, which have none.
"""

POLICY, FORMATS = "chalicelib/rendering/policy/policy.xml", "chalicelib/formats.py"
HEADER, LIBVIPS = "chalicelib/decoding/header.py", "chalicelib/decoding/libvips.py"
WORKER, POOL = "chalicelib/sandbox/worker.py", "chalicelib/sandbox/pool.py"
POLICY_OF_ACCESS = "chalicelib/access/policy.py"
EDGE = "edge/access.js"

_REFUSED = ["tests/chalicelib/decoding/test_decoder.py", "-k", "refused or limits"]
_PROCESS = ["tests/chalicelib/sandbox/test_pool.py"]
_CONFINEMENT = ["tests/chalicelib/sandbox/test_confinement.py"]
_AT_THE_EDGE = ["tests/cli/edge/test_access.py"]

DEFENCES = {
    "ImageMagick's policy denies every reading": (
        [(POLICY, 'domain="coder" rights="none" pattern="*"', 'domain="coder" rights="read" pattern="*"')],
        ["tests/chalicelib/rendering/test_renderer.py", "-k", "reads_nothing"],
    ),
    "ImageMagick spills nothing to disk": (
        [(POLICY, 'name="disk" value="0B"', 'name="disk" value="1GiB"')],
        ["tests/chalicelib/sandbox/test_self_test.py"],
    ),
    "libvips has the loaders of the table alone": (
        [(LIBVIPS, 'pyvips.operation_block_set("VipsForeignLoad", True)', "")],
        ["tests/chalicelib/sandbox/test_self_test.py"],
    ),
    "libvips opens bytes alone, and no name": (
        [(LIBVIPS, '{_loader}Buffer", False)', '{_loader}", False)')],
        ["tests/chalicelib/sandbox/test_self_test.py"],
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
        ["tests/chalicelib/flows/test_refusals.py"],
    ),
    "pixels of the canvas are limited": (
        [(HEADER, '        (size.area, limits.original_pixels, "pixels"),\n', "")],
        _REFUSED,
    ),
    "sides of the canvas are limited": (
        [(HEADER, '        (max(size.width, size.height), limits.original_side, "pixels a side"),\n', "")],
        _REFUSED,
    ),
    "frames are limited": ([(HEADER, '        (frames, limits.frames, "frames"),\n', "")], _REFUSED),
    "pixels of all frames are limited": (
        [(HEADER, "(size.area * frames if frames > 1 else 0, limits", "(0, limits")],
        _REFUSED,
    ),
    "a TIFF's pages are counted before it is opened": (
        [(HEADER, 'if source.format == "tiff" and', 'if source.format == "never" and')],
        ["tests/system/test_hostile.py", "-k", "comes_to and (tiff or pages)"],
    ),
    "damage is an error": (
        [(LIBVIPS, 'return "fail_on=error,n=-1" if every_frame else "fail_on=error"', 'return "fail_on=none"')],
        _REFUSED,
    ),
    "output is limited": (
        [("chalicelib/rendering/renderer.py", "    if scale >= 1:\n", "    if True:\n")],
        ["tests/chalicelib/decoding/test_decoder.py", "tests/chalicelib/rendering/test_renderer.py", "-k", "limits"],
    ),
    "another process opens and renders": (
        [
            (
                "chalicelib/flows/prerender.py",
                "    prepare: Prepare = field(default=WORKERS.prepare)\n",
                "    prepare: Prepare = field(default=lambda *asked: __import__('contextlib').nullcontext("
                "__import__('chalicelib.rendering.renderer').rendering.renderer.prepare(*asked[:3])))\n",
            )
        ],
        ["tests/system/test_cold_start.py"],
    ),
    "a worker ends when it hangs": (
        [(WORKER, "signal.ITIMER_REAL, 0 if ", "signal.ITIMER_REAL, 0 if True or ")],
        _PROCESS,
    ),
    "a worker loses its rights": ([(WORKER, "    confine(memory)\n", "")], _PROCESS),
    "a worker's memory is limited": (
        [("chalicelib/sandbox/confinement.py", "    _limit(resource.RLIMIT_DATA, _data() + memory)\n", "")],
        _PROCESS,
    ),
    "a worker makes no connection": (
        [("chalicelib/sandbox/confinement.py", '    "socket": (41, 198),\n', "")],
        _PROCESS,
    ),
    "a worker starts no program": (
        [("chalicelib/sandbox/confinement.py", '    "execve": (59, 221),\n', "")],
        _PROCESS,
    ),
    "a worker is filtered where prctl is refused": (
        [("chalicelib/sandbox/confinement.py", "_SECCOMP[column], _SET_MODE", "0, _SET_MODE")],
        _CONFINEMENT,
    ),
    "a worker opens nothing where no filter can be had": (
        [("chalicelib/sandbox/confinement.py", "    if not filtered:\n", "    if False:\n")],
        _CONFINEMENT,
    ),
    "the app's environment is erased": (
        [("chalicelib/sandbox/confinement.py", "        _erase_environment()\n", "")],
        _CONFINEMENT,
    ),
    "a worker opens files only to read them": (
        [
            (
                "chalicelib/sandbox/confinement.py",
                "(_OPENAT, 2, _WRITING, (refused, allowed)),",
                "(_OPENAT, 2, 0, (refused, allowed)),",
            )
        ],
        _PROCESS,
    ),
    "a worker has no credentials": (
        [
            (
                POOL,
                "env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}",
                "env=dict(os.environ)",
            )
        ],
        _PROCESS,
    ),
    "the length of a worker's messages is limited": (
        [("chalicelib/sandbox/messages.py", "if sum(lengths) > _MOST_BODY:", "if False:")],
        _PROCESS,
    ),
    "the sandbox tests itself": (
        [(WORKER, "walls = self_test.run(os.getppid())", 'walls = {self_test.FILTERED: ""}')],
        _PROCESS,
    ),
    "only the distribution is answered": (
        [("app.py", "if settings.origin_secret and not hmac", "if False and not hmac")],
        ["tests/chalicelib/http/test_origin_secret.py"],
    ),
    "a signature must fit": (
        [("chalicelib/access/signatures.py", "        if not right:\n", "        if False:\n")],
        ["tests/chalicelib/access/test_signatures.py"],
    ),
    "a signature ends": (
        [("chalicelib/access/signatures.py", "if self.expires and int(self.expires) < now:", "if False:")],
        ["tests/chalicelib/access/test_signatures.py"],
    ),
    "nothing may be added to a signature": (
        [
            (
                "chalicelib/access/signatures.py",
                'if len(names) > len({*names}) or {"s", "sig"} <= {*names}:',
                "if False:",
            )
        ],
        ["tests/chalicelib/access/test_signatures.py"],
    ),
    "the edge's word counts beside the origin's secret alone": (
        [("chalicelib/http/route.py", "return bool(self.settings.origin_secret) and request", "return request")],
        ["tests/chalicelib/access/test_signatures.py"],
    ),
    "access: only presets are open without a signature": (
        [(POLICY_OF_ACCESS, "or (named and self.opens_named)", "or True")],
        ["tests/chalicelib/access/test_policy.py", "tests/chalicelib/access/test_signatures.py"],
    ),
    "access: where presets alone are open, no signature opens more": (
        [(POLICY_OF_ACCESS, 'if (signed and self.mode != "presets") or', "if signed or")],
        ["tests/chalicelib/access/test_signatures.py"],
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
    "the edge does not trust a request that says it was verified": (
        [(EDGE, "    delete request.headers[ACCESS_HEADER];\n", "")],
        _AT_THE_EDGE,
    ),
    "unsigned requests use the ladder": (
        [(POLICY_OF_ACCESS, "values=self.ladder.apply(derivative.values)", "values=derivative.values")],
        ["tests/chalicelib/access/test_policy.py"],
    ),
    "control characters in a path are refused": (
        [("chalicelib/http/route.py", "    if _CONTROL.search(key):", "    if False:")],
        ["tests/chalicelib/http/test_route.py"],
    ),
    "queries are limited": (
        [("chalicelib/http/route.py", "        if received > most:", "        if False:")],
        ["tests/chalicelib/http/test_route.py", "-k", "the_limit_of_the_query"],
    ),
}
