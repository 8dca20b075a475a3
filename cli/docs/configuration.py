"""Writes docs/configuration.md from the options of `run`, the settings of the functions and the stacks' parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from chalicelib.settings import Settings
from cli import ROOT
from cli.docs.cost import table

PAGE = ROOT / "docs" / "configuration.md"
TEMPLATES = {"foundation": ROOT / "deploy" / "foundation.yaml", "edge": ROOT / "edge" / "template.yaml"}

SET_BY_DEPLOY = {
    "functions": (
        *("originals", "derivatives", "origin_secret", "invalidations", "distribution"),
        *("events", "expire_days", "stage", "keys"),
    ),
    "foundation": ("Name",),
    "edge": ("Name", "DerivativesBucket", "ApiDomain", "ApiPath", "OriginSecret", "ShieldRegion", "Guarded"),
}
"""The settings and parameters that `make deploy` sets."""

_UNDESCRIBED = {
    "LogDays": "Days that CloudWatch keeps the logs of the functions.",
    "PriceClass": "Edge locations of CloudFront. PriceClass_100 has the cheapest, PriceClass_All has all.",
}
"""Meanings of parameters whose template has no description."""

_PAGE = """\
# Configuration

`make docs` writes this page from the code. Two things are configured elsewhere:

- [presets.yaml](../presets.yaml) has presets, defaults, access and limits, and explains each of them.
- `.chalice/config.json` has the memory, the timeout and the reserved concurrency of each function, for each stage.

## The local run

`make run` reads the variables: `make run PORT=8080`. `.venv/bin/python -m cli run` takes the options, too.

{run}

The embedded S3 accepts any credentials; its region is us-east-1. The page and the S3 listen on 127.0.0.1 only.

## The functions

The Lambda functions read these environment variables. `make deploy` sets some of them; `chalice deploy` sets none.
Add others to `environment_variables` in `.chalice/config.json`, and deploy again. With a wrong value the app does not
start, and its error names the variable.

{functions}

The local run reads them, too: `IMGY_STAGE=prod make run`. It sets `IMGY_ORIGINALS`, `IMGY_DERIVATIVES` and `IMGY_KEYS`
itself, and `IMGY_ORIGIN_SECRET` with `EDGE=1`.

## The stacks

A stage has two CloudFormation stacks. `--set` changes a parameter of either:

    .venv-lambda/bin/python -m cli deploy --stage prod --set AlarmEmail=you@example.com --set LogDays=90

A parameter keeps its value until it is set again. `python -m cli plan` takes the same options, and shows what they
change.

### The foundation: buckets, queues, logs, alarms

[deploy/foundation.yaml](../deploy/foundation.yaml)

{foundation}

### The edge: CloudFront

[edge/template.yaml](../edge/template.yaml)

{edge}
"""


class _Loader(yaml.SafeLoader):
    """A YAML loader that ignores CloudFormation's tags."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: None)


def write(run: Callable[..., None], page: Path = PAGE) -> Path:
    """Write the page; `run` is the command of that name."""
    page.write_text(markdown(run), "utf-8")
    return page


def markdown(run: Callable[..., None]) -> str:
    """The whole page."""
    stacks = {name: _stack(name, parameters(path)) for name, path in TEMPLATES.items()}
    return _PAGE.format(run=_run(run), functions=_functions(), **stacks)


def parameters(template: Path) -> dict[str, dict[str, Any]]:
    """The parameters that a template declares, by name."""
    declared: dict[str, dict[str, Any]] = yaml.load(template.read_text("utf-8"), Loader=_Loader)["Parameters"]
    return declared


def _run(run: Callable[..., None]) -> str:
    hints = get_type_hints(run, include_extras=True)
    rows = []
    for name, parameter in signature(run).parameters.items():
        option = hints[name].__metadata__[0]
        variable = f"`{option.envvar}`" if option.envvar else "none"
        rows.append((variable, f"`--{name.replace('_', '-')}`", _default(parameter.default), option.help))
    return table(["variable", "option", "default", "meaning"], rows, "---")


def _functions() -> str:
    rows = (
        (f"`IMGY_{each.name.upper()}`", _default(each.default), _by("functions", each.name), each.metadata["meaning"])
        for each in fields(Settings)
        if each.metadata
    )
    return table(["variable", "default", "set by", "meaning"], rows, "---")


def _stack(stack: str, declared: dict[str, dict[str, Any]]) -> str:
    rows = (
        (
            f"`{name}`",
            ", ".join(_expected(parameter)),
            _default(parameter["Default"]) if "Default" in parameter else "none",
            _by(stack, name),
            parameter.get("Description") or _UNDESCRIBED[name],
        )
        for name, parameter in declared.items()
    )
    return table(["parameter", "expected", "default", "set by", "meaning"], rows, "---")


def _by(group: str, name: str) -> str:
    return "`make deploy`" if name in SET_BY_DEPLOY[group] else "you"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text}`" if text else "none"


def _expected(parameter: dict[str, Any]) -> Iterator[str]:
    if "AllowedValues" in parameter:
        yield from (f"`{value}`" for value in parameter["AllowedValues"])
        return
    yield {"String": "text", "Number": "number", "CommaDelimitedList": "texts separated by commas"}[parameter["Type"]]
    if "AllowedPattern" in parameter:
        yield f"as `{parameter['AllowedPattern']}`"
    if "MinValue" in parameter:
        yield f"at least {parameter['MinValue']}"
    if "MinLength" in parameter:
        yield f"at least {parameter['MinLength']} characters"
