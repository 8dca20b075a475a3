"""The content of presets.yaml: presets, access and limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..access.policy import Access
from ..limits import Limits
from ..transformation import Derivative
from .presets import PictureRequest, Presets


@dataclass(frozen=True)
class Configuration:
    """A checked presets.yaml."""

    presets: Presets = field(default_factory=Presets)
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)

    def request(
        self, original: str, query: Iterable[tuple[str, str]], accept: str, signed: bool = False
    ) -> PictureRequest:
        """Parse a query; raises ParameterError, or Forbidden if access does not allow it."""
        request = self.presets.request(original, query, accept)
        return replace(request, derivative=self.admit(request.derivative, signed))

    def admit(self, derivative: Derivative, signed: bool = False) -> Derivative:
        """The derivative, its values snapped to the ladder if it applies; raises ParameterError or Forbidden."""
        presets = self.presets
        named = not self.access.opens_everything and derivative.key in presets.derivatives(derivative.original)
        return self.access.admit(derivative, named, signed, presets.presets)
