"""Presets, and the derivatives that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ..errors import ParameterError
from ..formats import NEGOTIATED, candidates
from ..parameters.schema import Values
from ..text import shortened, some_of
from ..transformation import Derivative, merged, negotiates, parse, resolve_format


@dataclass(frozen=True)
class Preset:
    """A transformation with a name; `only` are globs on the original's key, none means every original."""

    name: str
    values: Values
    only: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()

    def applies(self, original: str) -> bool:
        return not self.only or any(fnmatchcase(original, glob) for glob in self.only)

    @property
    def alone(self) -> Values:
        """The values for a URL with nothing but `preset=NAME`. If the preset has `widths`, `w` is the largest."""
        return {**self.values, "w": max(self.widths)} if self.widths and "w" not in self.values else self.values

    @property
    def variants(self) -> Iterator[Values]:
        yield self.alone
        yield from ({**self.values, "w": width} for width in self.widths)


@dataclass(frozen=True)
class PictureRequest:
    """A checked request: the derivative, whether it depends on Accept, and the name of the preset.

    `max_age` is how many seconds caches may keep the response; None for the value in the settings. `signed` is whether
    the request has a signature.
    """

    derivative: Derivative
    varies: bool = False
    preset: str = ""
    max_age: int | None = None
    signed: bool = False


@dataclass(frozen=True)
class Presets:
    """The presets by name, the formats that auto=format may choose, and the default values."""

    presets: Mapping[str, Preset] = field(default_factory=dict)
    formats: tuple[str, ...] = NEGOTIATED
    defaults: Values = field(default_factory=dict)

    def derivatives(self, original: str) -> dict[str, Derivative]:
        """The derivatives that an upload renders, by key: each preset that applies, in each of its formats."""
        applying = [preset for preset in self.presets.values() if preset.applies(original)]
        found = (derivative for preset in applying for derivative in self.of(preset, original))
        return {derivative.key: derivative for derivative in found if derivative.storable}

    def of(self, preset: Preset, original: str) -> Iterator[Derivative]:
        """The derivatives of one preset for an original, in each of its widths and formats."""
        for variant in preset.variants:
            values = merged(self.defaults, variant)
            forms = candidates(original, self.formats) if negotiates(values) else (None,)
            yield from (resolve_format(original, {**values, "fm": form} if form else values) for form in forms)

    @property
    def named_values(self) -> Iterator[Values]:
        """The values of the defaults and of every preset."""
        yield self.defaults
        yield from (variant for preset in self.presets.values() for variant in preset.variants)

    def request(self, original: str, query: Iterable[tuple[str, str]], accept: str) -> PictureRequest:
        """Parse a query; raises ParameterError."""
        pairs = list(query)
        preset = self._named([text for name, text in pairs if name == "preset"])
        asked = parse(pair for pair in pairs if pair[0] != "preset")
        values = merged(self.defaults, preset.alone if preset else {}, asked)
        derivative = resolve_format(original, values, accept, self.formats)
        return PictureRequest(derivative, negotiates(values), preset.name if preset else "")

    def _named(self, names: list[str]) -> Preset | None:
        if len(names) > 1:
            raise ParameterError("expected one value for preset, received several")
        if names and names[0] not in self.presets:
            known = f"one of {some_of(self.presets)} for preset" if self.presets else "no preset, as there are none"
            raise ParameterError(f"expected {known}, received '{shortened(names[0])}'")
        return self.presets[names[0]] if names else None
