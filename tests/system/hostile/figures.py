"""What all that was seen comes to: the figures that must be zero, and what it took to refuse."""

import platform
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from system.hostile.observer import REQUEST, UPLOAD, ZEROS

MOST_MILLISECONDS = 50
"""In which 99 of 100 are refused that their first bytes or their header give away."""
AT_SIGHT, BY_DAMAGE = (413, 415), (422,)
COUNTED = """A time is that of a whole request or event, its manifest written, on buckets in memory; memory is what the
processes held at most meanwhile above what they held before."""


@dataclass(frozen=True)
class Figures:
    """`seen` is everything; seconds and MB are those of one entry each."""

    seen: list
    seed: int

    @property
    def tried(self):
        return [one for one in self.seen if one.entry]

    def count(self, what):
        """How often something happened that must not."""
        return sum(found == what for one in self.seen for found, _ in one.wrong)

    def refused(self, by):
        """What was refused with one of these statuses, whichever way it came."""
        return [one for one in self.tried if one.status in by]

    @property
    def held(self):
        """Whether all is as it must be."""
        at_sight = [one.seconds for one in self.refused(AT_SIGHT)]
        return not any(map(self.count, ZEROS)) and (not at_sight or 1000 * share(at_sight, 0.99) < MOST_MILLISECONDS)

    def rows(self):
        """Each figure, and what it is."""
        yield "inputs tried", f"{len({one.name for one in self.tried}):,}"
        for entry in (UPLOAD, REQUEST):
            yield f"… by {entry}", f"{sum(one.entry == entry for one in self.tried):,}"
        yield from ((what, f"{self.count(what):,}") for what in ZEROS)
        statuses = Counter(one.status for one in self.tried)
        yield "answers", ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
        yield from self._costs("refused at sight (413, 415)", self.refused(AT_SIGHT))
        yield from self._costs("refused by their damage (422)", self.refused(BY_DAMAGE))
        yield from self._costs("shown (200)", self.refused((200,)))

    @staticmethod
    def _costs(what, ones):
        if ones:
            seconds, memory = [one.seconds for one in ones], [one.memory for one in ones]
            shares = " / ".join(f"{1000 * share(seconds, part):,.1f}" for part in (0.5, 0.99, 1))
            yield f"{what}: ms, p50 / p99 / most", shares
            yield f"{what}: MB, p50 / p99 / most", " / ".join(f"{share(memory, part):,.0f}" for part in (0.5, 0.99, 1))

    def markdown(self):
        """The figures as a table for docs/security.md."""
        lines = [f"{where(self.seed)}", "", "| figure | |", "| --- | --- |"]
        return "\n".join([*lines, *(f"| {what} | {figure} |" for what, figure in self.rows()), "", COUNTED])

    def text(self):
        """The figures by lines."""
        return "\n".join([where(self.seed), "", *(f"{what:<52} {figure}" for what, figure in self.rows())])

    def wrongs(self, most=40):
        """What was wrong, by lines."""
        found = [f"{what}: {one.name}, {one.entry}: {how}" for one in self.seen for what, how in one.wrong]
        return found[:most] + ([f"… and {len(found) - most} more"] if len(found) > most else [])

    def slowest(self, count=8):
        """What took longest and what took most memory, by lines."""
        slow = sorted(self.tried, key=lambda one: -one.seconds)[:count]
        large = sorted(self.tried, key=lambda one: -one.memory)[:count]
        return [
            *(f"{one.seconds:6.2f} s   {one.status} {one.entry:8} {one.name}" for one in slow),
            *(f"{one.memory:6.0f} MB  {one.status} {one.entry:8} {one.name}" for one in large),
        ]


def share(values, part):
    """The value below which such a part of them lies, the largest for 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def where(seed):
    """When it was tried, on what, and by which seed."""
    from chalicelib.rendering.magick import VERSIONS

    versions = (
        f"libvips {VERSIONS['libvips']}, ImageMagick {VERSIONS['imagemagick']}, Python {platform.python_version()}"
    )
    return f"{datetime.now(UTC):%Y-%m-%d}, {versions}, seed {seed}."
