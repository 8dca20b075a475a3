"""Transformations with a name, and what they come to for an original and for a request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import islice

from .errors import Forbidden, ParameterError
from .formats import NEGOTIATED, candidates
from .ladder import Ladder
from .limits import Limits
from .schema import Values, shortened
from .transformation import KEY_BYTES, Derivative, merged, negotiates, parse, settle

UNSIGNED = "expected a signature: without one only presets are open here"
UNSIGNED_PRESETS = "expected a signature: nothing is open here without one"

ACCESS = ("open", "signed", "presets")
"""Who may ask, from what anybody may ask for to what is named alone."""


_SHOWN = 20
"""How many presets a sentence names."""


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
    def bare(self) -> Values:
        """What the preset means when a URL names it and nothing else: its widest, where it has widths."""
        return {**self.values, "w": max(self.widths)} if self.widths and "w" not in self.values else self.values

    @property
    def variants(self) -> Iterator[Values]:
        yield self.bare
        yield from ({**self.values, "w": width} for width in self.widths)


@dataclass(frozen=True)
class Wanted:
    """A request understood: the derivative, whether Accept had a say in it, and the preset it was asked by.

    `kept`: so many seconds caches may keep the answer at most, where not the settings say it. `signed`: whether
    somebody who has a key asks.
    """

    derivative: Derivative
    varies: bool = False
    preset: str = ""
    kept: int | None = None
    signed: bool = False


@dataclass(frozen=True)
class Presets:
    """All that presets.yaml says."""

    presets: Mapping[str, Preset] = field(default_factory=dict)
    formats: tuple[str, ...] = NEGOTIATED
    defaults: Values = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    access: str = "open"
    sign_presets: bool = False
    ladder: Ladder = field(default_factory=Ladder)

    def derivatives(self, original: str) -> dict[str, Derivative]:
        """What an upload renders, by derivative key: each preset that is for the original, in each of its formats."""
        applying = [preset for preset in self.presets.values() if preset.applies(original)]
        made = (derivative for preset in applying for derivative in self.of(preset, original))
        return {derivative.key: derivative for derivative in made if derivative.storable}

    def of(self, preset: Preset, original: str) -> Iterator[Derivative]:
        """What one preset comes to for an original, in each of its widths and formats."""
        for variant in preset.variants:
            values = merged(self.defaults, variant)
            forms = candidates(original, self.formats) if negotiates(values) else (None,)
            yield from (settle(original, {**values, "fm": form} if form else values) for form in forms)

    @property
    def named(self) -> Iterator[Values]:
        """All values that the file itself asks for."""
        yield self.defaults
        yield from (variant for preset in self.presets.values() for variant in preset.variants)

    def wanted(self, original: str, query: Iterable[tuple[str, str]], accept: str, signed: bool = False) -> Wanted:
        """The derivative that a query asks for; raises ParameterError, or Forbidden where it is not open."""
        pairs = list(query)
        preset = self._named([text for name, text in pairs if name == "preset"])
        asked = parse(pair for pair in pairs if pair[0] != "preset")
        values = merged(self.defaults, preset.bare if preset else {}, asked)
        derivative = settle(original, values, accept, self.formats)
        derivative = self.admitted(derivative, signed)
        return Wanted(derivative, negotiates(values), preset.name if preset else "")

    def admitted(self, derivative: Derivative, signed: bool = False) -> Derivative:
        """The derivative, on the ladder where it is held to it.

        Raises ParameterError for a key that S3 does not take, Forbidden where access does not allow it.
        """
        if not derivative.storable:
            raise ParameterError(f"expected a URL whose derivative key has at most {KEY_BYTES} bytes of UTF-8")
        if (signed and self.access != "presets") or self._opens(derivative):
            return derivative
        if self.access == "presets":
            raise Forbidden(f"only presets are open here: add preset=NAME, one of {_some(self.presets)}")
        if self.access == "signed":
            raise Forbidden(UNSIGNED_PRESETS if self.sign_presets else UNSIGNED)
        return replace(derivative, values=self.ladder.held(derivative.values))

    @property
    def opens_named(self) -> bool:
        """Whether anybody may ask for what the file names."""
        return not (self.access == "signed" and self.sign_presets)

    def _opens(self, derivative: Derivative) -> bool:
        """Whether anybody may ask for it."""
        if self.access == "open" and not self.ladder.rungs:
            return True
        named = derivative.key in self.derivatives(derivative.original)
        return named and self.opens_named

    def _named(self, names: list[str]) -> Preset | None:
        if len(names) > 1:
            raise ParameterError("expected one value for preset, received several")
        if names and names[0] not in self.presets:
            known = f"one of {_some(self.presets)} for preset" if self.presets else "no preset, as there are none"
            raise ParameterError(f"expected {known}, received '{shortened(names[0])}'")
        return self.presets[names[0]] if names else None


def _some(presets: Collection[str]) -> str:
    others = len(presets) - _SHOWN
    return ", ".join(islice(presets, _SHOWN)) + (f" and {others} others" if others > 0 else "")
