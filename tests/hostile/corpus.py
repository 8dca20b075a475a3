"""All that is tried: every case and every request by its name."""

from collections import Counter

from hostile import bombs, broken, disguised, keys, metadata, odd


def _by_name(*themes):
    named = [(one.name, one) for theme in themes for one in theme]
    twice = sorted(name for name, count in Counter(name for name, _ in named).items() if count > 1)
    if twice:
        raise ValueError(f"expected a name of its own for each case, received twice: {', '.join(twice)}")
    return dict(named)


CASES = _by_name(*(theme.CASES for theme in (bombs, broken, disguised, metadata, odd, keys)))
ASKED = _by_name(keys.ASKED)
