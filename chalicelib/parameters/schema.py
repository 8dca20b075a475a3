"""Declares operations: an operation is a function, and its keyword-only parameters are those of the query."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Annotated, Any, Literal, get_args, get_origin

from ..errors import ParameterError
from ..text import shortened
from .kinds import Integer, Kind, Number, OneOf

Values = Mapping[str, Any]
"""Checked values by parameter name, without those at their default."""


@dataclass(frozen=True)
class Between:
    """The range of an int or float parameter, both ends allowed."""

    low: float
    high: float

    def of(self, base: type) -> Kind:
        return Integer(int(self.low), int(self.high)) if base is int else Number(self.low, self.high)


@dataclass(frozen=True)
class Alias:
    """Another name of the same parameter in imgix."""

    name: str


@dataclass(frozen=True)
class Needs:
    """The parameter is allowed only beside one of `names`; if there are `values`, with one of these values."""

    names: tuple[str, ...]
    values: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        chosen = [f"{name}={value}" for name in self.names for value in self.values]
        return " or ".join(chosen or self.names)

    def met(self, values: Values) -> bool:
        given = [values[name] for name in self.names if name in values]
        if not self.values:
            return bool(given)
        return any(value in self.values for entry in given for value in ((entry,) if isinstance(entry, str) else entry))


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation."""

    name: str
    argument: str
    kind: Kind
    default: Any
    needs: Needs | None
    aliases: tuple[str, ...]
    meaning: str

    def parse(self, text: str) -> Any:
        """The checked value of a text; raises ParameterError with what was expected and received."""
        try:
            return self.kind.parse(text)
        except ValueError:
            raise self.refusal(text) from None

    def refusal(self, text: str) -> ParameterError:
        return ParameterError(f"expected {self.kind.expected} for {self.name}, received '{shortened(text)}'")


@dataclass(frozen=True)
class Operation:
    """One thing done to an image, declared by its function."""

    name: str
    function: Callable[..., Any] = field(compare=False)
    subject: str
    parameters: tuple[Parameter, ...]
    meaning: str

    def asked(self, values: Values) -> bool:
        """Whether any of its parameters is given."""
        return any(parameter.name in values for parameter in self.parameters)

    def __call__(self, *subject: Any, values: Values) -> Any:
        """Call the function with the values of its own parameters."""
        own = {p.argument: values[p.name] for p in self.parameters if p.name in values}
        return self.function(*subject, **own)


def operation(function: Callable[..., Any]) -> Operation:
    """Declare an operation: its first parameter is its subject, the keyword-only ones are those of the query."""
    signature = inspect.signature(function).parameters.values()
    own = [entry for entry in signature if entry.kind is entry.KEYWORD_ONLY]
    name = function.__name__
    subject = next(iter(signature)).name
    return Operation(name, function, subject, tuple(map(_parameter, own)), inspect.getdoc(function) or "")


def _parameter(declared: inspect.Parameter) -> Parameter:
    base, *notes = get_args(declared.annotation)
    assert get_origin(declared.annotation) is Annotated, f"{declared.name} has no Annotated type"
    name = declared.name.strip("_").replace("_", "-")
    needs = next((note for note in notes if isinstance(note, Needs)), None)
    aliases = tuple(note.name for note in notes if isinstance(note, Alias))
    meaning = next((note for note in notes if isinstance(note, str)), "")
    return Parameter(name, declared.name, _kind(base, notes), declared.default, needs, aliases, meaning)


def _kind(base: Any, notes: Iterable[Any]) -> Kind:
    bases = get_args(base) if get_origin(base) not in (Literal, None) else (base,)
    for candidate in bases:
        if get_origin(candidate) is Literal:
            return OneOf(get_args(candidate))
    for note in notes:
        if isinstance(note, Between):
            return note.of(bases[0])
        if hasattr(note, "parse"):
            return note  # type: ignore[no-any-return]
    raise TypeError(f"no kind of value is declared by {base}")


def operations_of(modules: Iterable[ModuleType]) -> tuple[Operation, ...]:
    """Every operation of the modules, in source order, which is the pipeline's order."""
    return tuple(entry for module in modules for entry in vars(module).values() if isinstance(entry, Operation))
