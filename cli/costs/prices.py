"""Reads the prices in docs/prices.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli import ROOT

FILE = ROOT / "docs" / "prices.yaml"


@dataclass(frozen=True)
class Origin:
    """The source of a price, the date of that source, and the seller's own page."""

    source: str | None
    date: str
    today: str


@dataclass(frozen=True)
class Price:
    """A price: dollars for `per` of a unit."""

    service: str
    dollars: float
    per: int
    unit: str
    origin: Origin

    @property
    def each(self) -> float:
        """Dollars for one unit."""
        return self.dollars / self.per


@dataclass(frozen=True)
class Plan:
    """A plan: credits for dollars a month. `extra`: dollars for each further credit, None if none are sold."""

    name: str
    dollars: float
    credits: int
    extra: float | None = None

    def costs(self, credits: float) -> float | None:
        """Dollars a month for these credits; None if the plan has too few."""
        over = max(0.0, credits - self.credits)
        if over and self.extra is None:
            return None
        return self.dollars + over * (self.extra or 0)


@dataclass(frozen=True)
class Hosted:
    """A service sold in plans: its credits for a GB delivered or stored, and how many renders cost one credit."""

    delivered_gigabyte: float
    stored_gigabyte: float
    renders_each: int
    plans: tuple[Plan, ...]
    credits_origin: Origin
    plans_origin: Origin

    def credits(self, delivered: float, stored: float, renders: float) -> float:
        """Credits of a month, for GB delivered, GB stored and pictures rendered."""
        return delivered * self.delivered_gigabyte + stored * self.stored_gigabyte + renders / self.renders_each

    def plan(self, credits: float) -> Plan | None:
        """The cheapest plan for these credits; None if no public plan has enough."""
        prices = {plan: dollars for plan in self.plans if (dollars := plan.costs(credits)) is not None}
        return min(prices, key=prices.__getitem__, default=None)


@dataclass(frozen=True)
class Prices:
    """All prices in the file; `free` is CloudFront's and CloudWatch's monthly free tier, by name."""

    read: str
    listed: Mapping[str, Price]
    hosted: Mapping[str, Hosted]
    free: Mapping[str, int]

    def __getitem__(self, name: str) -> float:
        """Dollars for one unit, by the name of the price in the file."""
        return self.listed[name].each


def load(path: Path = FILE) -> Prices:
    """The prices in a file. Raises KeyError or TypeError if it is incomplete."""
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    listed = _listed(file["prices"])
    hosted = {name: _hosted(fields) for name, fields in file["hosted"].items()}
    return Prices(str(file["read"]), listed, hosted, file["free"])


def load_large(path: Path = FILE) -> Mapping[str, Price]:
    """The prices of jobs over a whole bucket, by name. They are not part of a monthly bill."""
    return _listed(yaml.safe_load(path.read_text(encoding="utf-8"))["large"])


def _listed(groups: Iterable[Mapping[str, Any]]) -> dict[str, Price]:
    return {name: _price(group, fields) for group in groups for name, fields in group["prices"].items()}


def _price(group: Mapping[str, Any], fields: Mapping[str, Any]) -> Price:
    origin = _origin(group, group["today"])
    return Price(group["service"], fields["dollars"], fields.get("per", 1), fields["unit"], origin)


def _hosted(fields: Mapping[str, Any]) -> Hosted:
    credits, plans, today = fields["credits"], fields["plans"], fields["today"]
    return Hosted(
        credits["delivered_gigabyte"],
        credits["stored_gigabyte"],
        credits["renders_each"],
        tuple(Plan(**plan) for plan in plans["monthly"]),
        _origin(credits, today),
        _origin(plans, today),
    )


def _origin(fields: Mapping[str, Any], today: str) -> Origin:
    return Origin(fields["source"], str(fields["date"]), today)
