"""What a service is asked to try: a case, a request, a mutation, a question, each found by name or by number."""

from chalicelib.storage.store import Content
from support.originals import picture
from system.hostile.case import REFUSED
from system.hostile.corpus import ASKED, CASES
from system.hostile.mutations import mutation
from system.hostile.observer import REQUEST, UPLOAD
from system.hostile.random_requests import question

ANY_FILE = (200, *REFUSED)
ANY_QUESTION = (200, 302, 400, 403, 404, 503)
SELDOM = 25
"""After so many mutations a good picture is asked for."""


def tried(service, kind, **options):
    """Try one job; what was seen by each entry."""
    return list(JOBS[kind](service, **options))


def _case(service, name):
    case = CASES[name]
    body = case.draw(service.bait)
    for entry in (UPLOAD, REQUEST):
        # The colours of what is changed by chance may be the canary's by chance, too; these are not.
        yield _followed(service, getattr(service, entry)(name, case.key, body, case.may, painted=True))


def _asked(service, name):
    one = ASKED[name]
    service.clear()
    yield _followed(service, service.ask(name, one.target, one.may, one.method, one.headers))


def _mutation(service, seed, name):
    """Uploads and requests take turns."""
    what, body = mutation(seed, name)
    entry = service.request if name % 2 else service.upload
    seen = entry(what, "cat.jpg", body, ANY_FILE)
    yield _followed(service, seen) if seen.wrong or name % SELDOM == 0 else seen


def _question(service, seed, name):
    target = question(seed, name)
    service.clear()
    service.originals.put("cat.jpg", Content(picture((48, 32))))
    seen = service.ask(f"question {name}: {target[:200]}", target, ANY_QUESTION)
    yield _followed(service, seen) if seen.wrong or name % SELDOM == 0 else seen


def _followed(service, seen):
    service.after(seen)
    return seen


JOBS = {"case": _case, "asked": _asked, "mutation": _mutation, "question": _question}
