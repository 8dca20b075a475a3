"""The widths and qualities to which strangers' requests are held, lest they be without number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .errors import ParameterError
from .operations import PARAMETERS
from .schema import Values
from .transformation import merged

OTHERWISE = ("refuse", "snap")


@dataclass(frozen=True)
class Ladder:
    """Rungs by parameter, in rising order; a value beside them is refused, or snapped to the nearest rung."""

    rungs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    snap: bool = False

    def with_steps_of(self, named: Iterable[Values]) -> Ladder:
        """The ladder with what presets and defaults say on it, too: these are the owner's own."""
        steps = list(named)
        rungs = {
            name: tuple(sorted({*rungs, *(values[name] for values in steps if name in values)}))
            for name, rungs in self.rungs.items()
        }
        return Ladder(rungs, self.snap)

    def held(self, values: Values) -> Values:
        """The values, each on its rung; raises ParameterError that names the nearest."""
        beside = {name for name, rungs in self.rungs.items() if name in values and values[name] not in rungs}
        if not beside:
            return values
        if not self.snap:
            raise self._refusal(sorted(beside)[0], values)
        return merged({}, {**values, **{name: self._nearest(name, values[name]) for name in beside}})

    def _nearest(self, name: str, value: float) -> float:
        """The nearest rung, of two the larger; a share of the original has no place among pixels."""
        return min(self.rungs[name], key=lambda rung: (abs(rung - value), -rung))

    def _refusal(self, name: str, values: Values) -> ParameterError:
        text = PARAMETERS[name].kind.text
        rungs, nearest = (
            ", ".join(map(text, some)) for some in (self.rungs[name], [self._nearest(name, values[name])])
        )
        return ParameterError(
            f"expected one of {rungs} for {name}, received '{text(values[name])}'; the nearest is {nearest}"
        )
