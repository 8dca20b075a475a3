"""Looks for what must never happen: in responses, in the buckets, in the folder, and on the network."""

import base64
import io
import math
import sys
from dataclasses import dataclass, field

from PIL import Image

from cli import ROOT
from system.hostile.case import REFUSED

GRACE = 1.5
"""Seconds above a deadline in which it has to be kept."""
UPLOAD, REQUEST = "upload", "request"

LEAKS, FILES, CONNECTIONS = "canary leaks", "files left in the temporary folder", "connections to elsewhere"
OF_REFUSED, ANSWERS_500 = "derivatives of a refused original", "answers of 500"
LATE, CRASHES = "over deadline", "service crashes"
INSIDE, UNEXPECTED, AFTER = "words of the inside in an answer", "answers not expected", "good requests failed after it"
ZEROS = (CRASHES, LATE, LEAKS, CONNECTIONS, FILES, OF_REFUSED, ANSWERS_500, INSIDE, UNEXPECTED, AFTER)
"""What must never be."""


@dataclass
class Seen:
    """What came of one input by one entry: seconds, and MB that the peak of memory rose by; `wrong` are (what, how)."""

    name: str
    entry: str
    status: int
    seconds: float = 0.0
    memory: float = 0.0
    wrong: list[tuple[str, str]] = field(default_factory=list)


class Looker:
    """Writes what is wrong to what is seen; `folder` is where temporary files would be."""

    def __init__(self, bait, folder):
        self._bait, self._folder, self._connections = bait, folder, []
        self._leaks = _spellings(bait.word)
        self._inside = ["Traceback", "imgy-originals", "imgy-derivatives", str(ROOT), str(folder), "site-packages"]
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo"):
            self._connections.append(f"{event} {arguments!r}")

    def begin(self):
        """Forget the connections of whatever else this process did before."""
        self._connections.clear()

    def at_status(self, seen, may, deadline, how):
        """Whether it is one that may be, in time; `deadline` in seconds, `how` is what was said."""
        if seen.status == 500:
            seen.wrong.append((ANSWERS_500, str(how)))
        elif seen.status not in may:
            seen.wrong.append((UNEXPECTED, f"{seen.status}, not {may}: {how}"))
        if seen.seconds > deadline + GRACE:
            seen.wrong.append((LATE, f"{seen.seconds:.1f} s"))

    def at_surroundings(self, seen):
        """Whether files are left, and whether anybody was called."""
        seen.wrong += [(FILES, str(path)) for path in self._folder.rglob("*")]
        seen.wrong += [(CONNECTIONS, one) for one in self._connections]
        self._connections.clear()

    def at_stored(self, seen, stored, painted):
        """What stands in the derivatives bucket."""
        picture = not stored.key.endswith("/manifest.json")
        if seen.status in REFUSED and picture:
            seen.wrong.append((OF_REFUSED, stored.key))
        self.at_body(seen, stored.key, stored.read(), painted and picture)

    def at_body(self, seen, where, body, painted):
        """What goes out or is stored; where it is a picture that may be `painted`, its colours, too."""
        if any(leak in body for leak in self._leaks) or (painted and self._shows_canary(body)):
            seen.wrong.append((LEAKS, where))
        seen.wrong += [(INSIDE, f"{word} in {where}") for word in self._inside if word.encode() in body]

    def _shows_canary(self, body):
        """Whether a sixteenth of a picture or more has the canary's colour."""
        raw = Image.open(io.BytesIO(body)).convert("RGB").resize((16, 16)).tobytes()
        return sum(math.dist(raw[at : at + 3], self._bait.colour) < 60 for at in range(0, len(raw), 3)) > 16


def _spellings(word):
    """A word as it may be found: as it is, in hexadecimal digits, in base64 wherever it begins."""
    encoded = [base64.b64encode(bytes(shift) + word.encode())[4:-4] for shift in range(3)]
    return [word.encode(), word.encode().hex().encode(), word.encode().hex().upper().encode(), *encoded]
