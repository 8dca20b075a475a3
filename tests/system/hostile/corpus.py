"""All that is tried: every case and every request by its name."""

from collections import Counter

from system.hostile import (
    bombs,
    broken,
    colours,
    containers,
    disguised,
    drawings,
    keys,
    metadata,
    pages,
    queries,
    unusual,
)

_FILES = (bombs, pages, drawings, broken, containers, disguised, colours, metadata, unusual, keys)


def _by_name(*themes):
    named = [(one.name, one) for theme in themes for one in theme]
    twice = sorted(name for name, count in Counter(name for name, _ in named).items() if count > 1)
    if twice:
        raise ValueError(f"expected a name of its own for each case, received twice: {', '.join(twice)}")
    return dict(named)


CASES = _by_name(*(theme.CASES for theme in _FILES))
ASKED = _by_name(keys.ASKED, queries.ASKED)
