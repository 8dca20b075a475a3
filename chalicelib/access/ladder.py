"""Limits unsigned requests to a fixed list of widths and qualities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import ParameterError
from ..operations import PARAMETERS
from ..parameters.kinds import Length
from ..parameters.schema import Values
from ..transformation import merged

OTHERWISE = ("refuse", "snap")


@dataclass(frozen=True)
class Ladder:
    """The allowed values (rungs) by parameter, in ascending order; any other is refused, or snapped to the nearest."""

    rungs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    snap: bool = False

    def with_steps_of(self, named: Iterable[Values]) -> Ladder:
        """The ladder with the values of these presets and defaults as further rungs."""
        steps = list(named)
        rungs = {
            name: tuple(sorted({*rungs, *(values[name] for values in steps if name in values)}))
            for name, rungs in self.rungs.items()
        }
        return Ladder(rungs, self.snap)

    def apply(self, values: Values) -> Values:
        """Snap the values to the nearest rungs; raises ParameterError, which names them, if the ladder refuses."""
        beside = sorted(name for name in self.rungs if name in values and not self._is_rung(name, values[name]))
        if not beside:
            return values
        for name in beside:
            if not self.snap or _is_share(name, values[name]):
                raise self._refusal(name, values[name])
        return merged({}, {**values, **{name: self._nearest(name, values[name]) for name in beside}})

    def _is_rung(self, name: str, value: float) -> bool:
        """Whether a value is a rung. Its text is compared, as 1.0 is the whole original and 1 is one pixel."""
        text = PARAMETERS[name].kind.text
        return text(value) in map(text, self.rungs[name])

    def _nearest(self, name: str, value: float) -> float:
        """The nearest rung; of two equally near ones the larger."""
        return min(self.rungs[name], key=lambda rung: (abs(rung - value), -rung))

    def _refusal(self, name: str, value: float) -> ParameterError:
        text = PARAMETERS[name].kind.text
        rungs = ", ".join(map(text, self.rungs[name]))
        ends = "" if _is_share(name, value) else f"; the nearest is {text(self._nearest(name, value))}"
        return ParameterError(f"expected one of {rungs} for {name}, received '{text(value)}'{ends}")


def _is_share(name: str, value: float) -> bool:
    """Whether a value is a share of the original, which cannot be compared with pixels."""
    return isinstance(PARAMETERS[name].kind, Length) and isinstance(value, float)
