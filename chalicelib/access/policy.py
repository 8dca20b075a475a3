"""The access mode: which derivatives may be asked for with a signature, without one, or not at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from ..errors import Forbidden, ParameterError
from ..text import some_of
from ..transformation import KEY_BYTES, Derivative
from .ladder import Ladder

_UNSIGNED = "expected a signature: without one only presets are open here"
_UNSIGNED_PRESETS = "expected a signature: nothing is open here without one"

MODES = ("open", "signed", "presets")
"""The access modes, from most open to strictest."""


@dataclass(frozen=True)
class Access:
    """The access of one stage; with `sign_presets`, mode signed requires a signature for presets, too."""

    mode: str = "open"
    sign_presets: bool = False
    ladder: Ladder = field(default_factory=Ladder)

    @property
    def opens_everything(self) -> bool:
        """Whether any derivative may be requested without a signature."""
        return self.mode == "open" and not self.ladder.rungs

    @property
    def opens_named(self) -> bool:
        """Whether the derivatives of presets may be requested without a signature."""
        return not (self.mode == "signed" and self.sign_presets)

    def admit(self, derivative: Derivative, named: bool, signed: bool, presets: Collection[str] = ()) -> Derivative:
        """Apply the mode and the ladder. The ladder does not limit what is `named` by a preset or `signed`.

        Raises ParameterError for a key that S3 does not accept, and Forbidden, with a list of `presets`, for a
        request that the mode does not allow.
        """
        if not derivative.storable:
            raise ParameterError(f"expected a URL whose derivative key has at most {KEY_BYTES} bytes of UTF-8")
        if (signed and self.mode != "presets") or self.opens_everything or (named and self.opens_named):
            return derivative
        if self.mode == "presets":
            raise Forbidden(f"only presets are open here: add preset=NAME, one of {some_of(presets)}")
        if self.mode == "signed":
            raise Forbidden(_UNSIGNED_PRESETS if self.sign_presets else _UNSIGNED)
        return replace(derivative, values=self.ladder.apply(derivative.values))
