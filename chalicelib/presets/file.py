"""Reads presets.yaml: checks the whole file, and reports every mistake with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from ..access.ladder import OTHERWISE, Ladder
from ..access.policy import MODES, Access
from ..errors import MisconfiguredError, ParameterError
from ..formats import NEGOTIATED
from ..limits import Limits
from ..operations import ALIASES, PARAMETERS
from ..operations.size import MOST
from ..parameters.kinds import Integer
from ..parameters.schema import Values
from ..text import shortened
from ..transformation import merged, parse
from .configuration import Configuration
from .presets import Preset, Presets

SHIPPED = Path(__file__).parents[1] / "presets.yaml"


def load_configuration(stage: str = "", path: Path = SHIPPED) -> Configuration:
    """Read and check a whole presets.yaml for a stage; by default the one that is deployed.

    Raises MisconfiguredError with every mistake, a line each.
    """
    try:
        return read_configuration(path.read_bytes(), path.name, stage)
    except OSError as error:
        raise MisconfiguredError(f"{path.name}: expected a file that can be read, but {error.strerror}") from error


def read_configuration(text: str | bytes, name: str = "presets.yaml", stage: str = "") -> Configuration:
    """As `load_configuration`, from the file's text; mistakes are reported under `name`."""
    reader = _Reader(name, stage)
    configuration = reader.file(text.encode() if isinstance(text, str) else text)
    if reader.mistakes:
        raise MisconfiguredError("\n".join(reader.mistakes))
    return configuration


_WIDTH = Integer(1, MOST)
_GLOB = re.compile(r"(?:[^\[]|\[!?\]?[^\]]*\])+")

# The C loader, if PyYAML has it, shortens a cold start.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Reader:
    """A reader of YAML nodes, which know their lines. It collects mistakes instead of stopping at the first."""

    def __init__(self, name: str, stage: str) -> None:
        self.name, self.stage = name, stage
        self.mistakes: list[str] = []
        self.names: dict[str, yaml.ScalarNode] = {}

    def wrong(self, node: yaml.Node, sentence: str) -> None:
        self.mistakes.append(f"{self.name}:{node.start_mark.line + 1}: {sentence}")

    def root(self, text: bytes) -> yaml.Node | None:
        """The file's node; None for an empty file, and for invalid YAML."""
        try:
            return yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            reason = str(error.problem).removeprefix("but ")
        except yaml.reader.ReaderError as error:
            line, reason = text[: error.position].count(b"\n") + 1, error.reason
        self.mistakes.append(f"{self.name}:{line}: expected YAML, but {reason}")
        return None

    def file(self, text: bytes) -> Configuration:
        root = self.root(text)
        if root is None:
            return Configuration()
        sections = {
            "formats": self.formats,
            "defaults": self.defaults,
            "limits": self.limits,
            "access": self.access,
            "sign_presets": self.sign_presets,
            "ladder": self.ladder,
            "presets": self.presets,
        }
        read: dict[str, Any] = {}
        for key, node in self.entries(root, "the file"):
            if key.value in sections:
                read[key.value] = sections[key.value](node)
            else:
                self.wrong(key, f"expected one of {', '.join(sections)}, received '{key.value}'")
        return self.configuration(read)

    def configuration(self, read: dict[str, Any]) -> Configuration:
        """The sections put together; those that are missing have their defaults."""
        presets = Presets(**{name: read[name] for name in ("presets", "formats", "defaults") if name in read})
        self.together(presets)
        ladder = read["ladder"].with_steps_of(presets.named_values) if "ladder" in read else Ladder()
        access = Access(read.get("access", Access.mode), read.get("sign_presets", False), ladder)
        return Configuration(presets, access, read.get("limits", Limits()))

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """The keys and values of a mapping; a repeated key is a mistake."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"expected a mapping for {what}")
            return
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, f"expected a name in {what}, received a list or mapping")
                continue
            if key.value in seen:
                self.wrong(key, f"expected each name once in {what}, received '{key.value}' again")
                continue
            seen.add(key.value)
            yield key, value

    def texts(self, node: yaml.Node, what: str) -> list[yaml.ScalarNode]:
        """A scalar, or a list of scalars."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for entry in nodes:
            if not isinstance(entry, yaml.ScalarNode):
                self.wrong(entry, f"expected a value or a list of values for {what}")
        return [entry for entry in nodes if isinstance(entry, yaml.ScalarNode)]

    def choice(self, node: yaml.Node, what: str, options: tuple[str, ...]) -> str:
        text = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        if text not in options:
            self.wrong(node, f"expected one of {', '.join(options)} for {what}, received '{shortened(text)}'")
        return text

    def formats(self, node: yaml.Node) -> tuple[str, ...]:
        return tuple(self.choice(entry, "formats", NEGOTIATED) for entry in self.texts(node, "formats"))

    def access(self, node: yaml.Node) -> str:
        """One mode, or one for each stage; a stage that is not listed gets the strictest of the listed modes."""
        if not isinstance(node, yaml.MappingNode):
            return self.choice(node, "access", MODES)
        entries = self.entries(node, "access")
        by_stage = {key.value: self.choice(value, f"access: {key.value}", MODES) for key, value in entries}
        known = [word for word in by_stage.values() if word in MODES]
        return by_stage.get(self.stage) or max(known, key=MODES.index, default=MODES[-1])

    def sign_presets(self, node: yaml.Node) -> bool:
        return self.choice(node, "sign_presets", ("true", "false")) == "true"

    def ladder(self, node: yaml.Node) -> Ladder:
        rungs: dict[str, tuple[float, ...]] = {}
        snap = False
        for key, value in self.entries(node, "ladder"):
            if key.value == "otherwise":
                snap = self.choice(value, "ladder: otherwise", OTHERWISE) == "snap"
            else:
                rungs[key.value] = self.rungs(key, value)
        return Ladder(rungs, snap)

    def rungs(self, key: yaml.ScalarNode, node: yaml.Node) -> tuple[float, ...]:
        parsed = [value for one in self.several(node, "ladder") for _, value in self.value(key, one, "ladder")]
        numbers = {value for value in parsed if isinstance(value, int | float)}
        if len(numbers) < len(parsed) or not numbers or key.value not in PARAMETERS:
            self.wrong(key, f"expected numbers of a parameter for ladder: {key.value}, each once")
        return tuple(sorted(numbers))

    def limits(self, node: yaml.Node) -> Limits:
        known = [entry.name for entry in fields(Limits)]
        chosen: dict[str, int] = {}
        for key, value in self.entries(node, "limits"):
            if self.choice(key, "limits", tuple(known)) in known:
                chosen[key.value] = self.integer(value, key.value, Integer(1, 999_999_999))
        return replace(Limits(), **chosen)

    def integer(self, node: yaml.Node, what: str, kind: Integer) -> int:
        text = node.value.replace("_", "") if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        try:
            return kind.parse(text)
        except ValueError:
            self.wrong(node, f"expected {kind.expected} for {what}, received '{shortened(text)}'")
            return kind.low

    def defaults(self, node: yaml.Node) -> Values:
        values = self.values(self.entries(node, "defaults"), "defaults")
        try:
            merged(values)
        except ParameterError as error:
            self.wrong(node, f"defaults: {error}")
            return {}
        return values

    def values(self, entries: Iterable[tuple[yaml.ScalarNode, yaml.Node]], where: str) -> dict[str, Any]:
        """The checked values of parameters, each given once, under any of its names."""
        values: dict[str, Any] = {}
        for key, node in entries:
            for name, value in self.value(key, node, where):
                if name in values:
                    self.wrong(key, f"{where}: expected one value for {name}, received another by the name {key.value}")
                values[name] = value
        return values

    def value(self, key: yaml.ScalarNode, node: yaml.Node, where: str) -> Iterator[tuple[str, Any]]:
        """The checked value of one parameter; lists may be written as YAML lists."""
        known, before = ALIASES.get(key.value, key.value) in PARAMETERS, len(self.mistakes)
        text = ",".join(entry.value for entry in self.texts(node, f"{where}: {key.value}")) if known else ""
        if len(self.mistakes) > before:
            return
        try:
            yield from parse([(key.value, text)]).items()
        except ParameterError as error:
            self.wrong(key, f"{where}: {error}")

    def presets(self, node: yaml.Node) -> dict[str, Preset]:
        return {key.value: self.preset(key, entry) for key, entry in self.entries(node, "presets")}

    def preset(self, name: yaml.ScalarNode, node: yaml.Node) -> Preset:
        where = f"preset {name.value}"
        self.names[name.value] = name
        own = {"only": self.only, "widths": self.widths}
        entries = list(self.entries(node, where))
        chosen: dict[str, Any] = {key.value: own[key.value](entry, where) for key, entry in entries if key.value in own}
        values = self.values((entry for entry in entries if entry[0].value not in own), where)
        return Preset(name.value, values, **chosen)

    def only(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        for glob in (globs := self.several(node, f"{where}: only")):
            if not _GLOB.fullmatch(glob.value):
                self.wrong(glob, f"expected a glob for {where}: only, received '{shortened(glob.value)}'")
        return tuple(glob.value for glob in globs)

    def widths(self, node: yaml.Node, where: str) -> tuple[int, ...]:
        what = f"{where}: widths"
        return tuple(self.integer(width, what, _WIDTH) for width in self.several(node, what))

    def several(self, node: yaml.Node, what: str) -> list[yaml.ScalarNode]:
        """A scalar, or a list of scalars that is not empty."""
        if isinstance(node, yaml.SequenceNode) and not node.value:
            self.wrong(node, f"expected a value or a list of values for {what}, received none")
        return self.texts(node, what)

    def together(self, presets: Presets) -> None:
        """Check each preset together with the defaults, as some parameters need others."""
        for preset in presets.presets.values():
            try:
                list(presets.of(preset, "original.jpg"))
            except ParameterError as error:
                self.wrong(self.names[preset.name], f"preset {preset.name}: {error}")
