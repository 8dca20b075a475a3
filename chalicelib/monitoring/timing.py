"""Measures the stages of a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass
class Timing:
    """Milliseconds by stage, in the order in which the stages were first entered."""

    stages: dict[str, float] = field(default_factory=dict)

    def __call__(
        self, stage: str, work: Callable[Arguments, Result], *args: Arguments.args, **options: Arguments.kwargs
    ) -> Result:
        start = time.perf_counter()
        try:
            return work(*args, **options)
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + (time.perf_counter() - start) * 1000
