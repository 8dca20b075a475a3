"""Queries of every kind, for property tests: drawn from the declarations."""

from hypothesis import strategies as st

from chalicelib.operations import PARAMETERS
from chalicelib.transformation import parse


@st.composite
def queries(draw):
    """Names and texts that go together, each parameter at most once."""
    chosen = {
        name: draw(st.sampled_from(PARAMETERS[name].kind.good))
        for name in draw(st.sets(st.sampled_from([*PARAMETERS])))
    }
    for name in list(chosen):
        needs = PARAMETERS[name].needs
        if needs and not needs.met(dict(parse(chosen.items()))):
            chosen[needs.names[0]] = needs.values[0] if needs.values else PARAMETERS[needs.names[0]].kind.good[0]
    if "crop" in chosen:
        chosen["fit"] = "crop"
    if any(name in chosen for name in ("fp-x", "fp-y", "fp-z")):
        chosen |= {"crop": "focalpoint", "fit": "crop"}
    if any(name in chosen for name in ("ar", "max-w", "max-h", "min-w", "min-h")):
        chosen["fit"] = "crop"
    return list(chosen.items())
