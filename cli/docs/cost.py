"""`python -m cli.docs.cost`: writes docs/cost.md from docs/prices.yaml and the scenario in cli/costs/cost_model.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

from cli import ROOT
from cli.costs.cost_model import SOLUTION_MEGABYTES, TASK_CPUS, TASK_GIGABYTES, Bill, Model, Scenario, shipped
from cli.costs.prices import Hosted, Origin, Plan, load

PAGE = ROOT / "docs" / "cost.md"
RATES = (0.5, 0.9, 0.99)
USUAL = 0.9
"""The hit rate of the tables that show one rate only."""
TRAFFIC = (1_000_000, 10_000_000, 100_000_000)

CONTENDERS: Mapping[str, Callable[[Model, float], Bill | None]] = {
    "imgy": Model.imgy,
    "AWS's solution": Model.solution,
    "imgproxy on Fargate": Model.imgproxy,
    "imgix": Model.imgix,
    "Cloudinary": Model.cloudinary,
}

_PAGE = """\
# What it costs

Dollars for a month with {site.requests:,} requests, for a site with {site.originals:,} originals and {site.uploads:,}
uploads a month, in us-east-1. Computed from [prices.yaml](prices.yaml), not read from a bill: none of this has run on
a real account yet, and prices change.

The hit rate is the share of requests that the CDN answers from its own caches. The others, the misses, go to whoever
stands behind it, and there the contenders differ.

{rates}

Delivery is CloudFront's gigabytes and requests, the same at every hit rate. Making is all the rest: rendering, keeping,
and what runs while nobody asks. A plan of imgix's or Cloudinary's has both in one price.

## What it says

{said}
- imgy asks {fixed} a month more than AWS's solution before the first miss, above all for keeping derivatives and for
  what stands ready, and {saved} less for each million misses. So AWS's solution is the cheaper of the two up to about
  {even:,} misses a month.
- Delivery is {share:.0%} of imgy's bill at {usual:.0%}. CloudFront's free tier takes it from {delivered} to {free}, for
  everybody behind CloudFront; its free runs of the edge function take {edge} more off imgy and AWS's solution.
- A stage that nobody asks costs {idle} a month: {stage.alarms} alarms, {stage.secrets} secret, and a queue that Lambda
  polls. AWS's solution costs nothing then, imgproxy's tasks and load balancer {idle_tasks}.

## With more traffic

The same site with more requests, its whole bill at {usual:.0%}:

{traffic}

imgy renders a picture once, so a miss costs it a read of S3. AWS's solution and imgproxy render at every miss; imgproxy
runs {tasks} tasks. Hit rates tend to rise with traffic, which makes the difference smaller. "By agreement" stands
where no plan with a public price reaches.

## What imgy's bill is for, at {usual:.0%}

{items}

## What is assumed

The same for all:

{assumed}

A new picture misses once: {site.new:,} of them are {new:.0%} of the requests, so {best:.0%} is the best rate that this
site can have. Misses beyond those are pictures that CloudFront has dropped, or never had in that part of the world.

A picture delivered weighs what the shipped presets weigh as AVIF, or little less. A picture on demand takes as long as
AWS counts [for its own solution][aws]. Both times are longer than what [bench.md](bench.md) measures without S3.
A GB is a thousand million bytes, of a function's memory 1,024 MB.

[aws]: https://docs.aws.amazon.com/solutions/latest/dynamic-image-transformation-for-amazon-cloudfront/cost.html

- **imgy** renders the {stage.presets} pictures of the shipped presets at each upload, in {stage.upload_megabytes:,} MB,
  and keeps them all, asked for or not. For a miss CloudFront asks S3. Only the first request for one of the
  {site.ad_hoc} pictures that no preset renders goes on to API Gateway and Lambda, in {stage.route_megabytes:,} MB, and
  is stored. Origin Shield stands before both.
- **AWS's solution** is Dynamic Image Transformation for Amazon CloudFront, formerly Serverless Image Handler, in its
  Lambda architecture: API Gateway and Lambda, in {solution:,} MB, at every miss. It stores no result. Its Origin Shield
  is off unless asked for. Its other architecture has tasks that always run, as imgproxy has.
- **imgproxy** has two tasks of {cpus} vCPU and {gigabytes} GB, or as many as the busiest second needs, an Application
  Load Balancer, and CloudFront before it. Public addresses or a NAT gateway are left out, in its favour.
- **imgix** and **Cloudinary** take credits for what is delivered and kept, and for each picture once; hit rates change
  nothing. The cheapest plan paid by the month is taken, with more credits where they are sold. Cloudinary keeps the
  originals, too; imgix reads them from a bucket, and what S3 asks for that is left out, in its favour.

Left out for all: tax, discounts, CloudFront's flat-rate plans, free tiers other than CloudFront's above, and people's
time. To forget a replaced or removed picture costs {invalidation} beyond the first {forgotten:,} a month, for everybody
behind CloudFront.

## The prices

Collected on {read}, none of them at the seller's own page, which the first column links: look there before you rely on
a figure. The last column is the date of the text where a price was read; "as known" says that it has none, a dash
that there is nothing to link. imgix's and Cloudinary's plans are from a third party's list.

{prices}

## To compute it again

Change [prices.yaml](prices.yaml), or the scenario in [cost_model.py](../cli/costs/cost_model.py); then `make cost`
writes this page. The memory of functions is that of .chalice/config.json, the pictures of an upload are those of
presets.yaml, and the alarms those of deploy/foundation.yaml.
"""


def main(page: Path = PAGE) -> None:
    """Write the page."""
    page.write_text(markdown(Model(Scenario(), load(), shipped())), encoding="utf-8")
    print(f"wrote {page}")


def markdown(model: Model) -> str:
    """The whole page."""
    site, prices = model.scenario, model.prices
    return _PAGE.format(
        site=site,
        stage=model.stage,
        usual=USUAL,
        rates=_rates(model),
        said="\n".join(f"- {_compared(model, rate)}" for rate in RATES),
        traffic=_traffic(model),
        items=_items(model.imgy(USUAL)),
        assumed=_assumed(site),
        prices=_prices(model),
        new=site.new / site.requests,
        best=1 - site.new / site.requests,
        solution=SOLUTION_MEGABYTES,
        cpus=TASK_CPUS,
        gigabytes=TASK_GIGABYTES,
        invalidation=_price(prices["invalidation"]),
        forgotten=prices.free["invalidations"],
        read=prices.read,
        **_findings(model),
    )


def _findings(model: Model) -> dict[str, float | str]:
    """What the text says of the bills."""
    own, fixed, saved = model.imgy(USUAL), *against_solution(model)
    idle = replace(model, scenario=replace(model.scenario, requests=0, uploads=0, originals=0, replaced=0))
    runs = min(model.scenario.requests, model.prices.free["edge_functions"])
    tasks = [str(each.tasks(USUAL)) for each in _busier(model)]
    return {
        "fixed": _dollars(fixed),
        "saved": _dollars(saved * 1_000_000),
        "even": round(fixed / saved / 1000) * 1000,
        "share": own.delivered / own.total,
        "delivered": _dollars(own.delivered),
        "free": _dollars(sum(model.delivery(free=True).values())),
        "edge": _dollars(runs * model.prices["edge_function"]),
        "idle": _dollars(idle.imgy(USUAL).total),
        "idle_tasks": _dollars(idle.imgproxy(USUAL).total),
        "tasks": f"{', '.join(tasks[:-1])} and {tasks[-1]}",
    }


def against_solution(model: Model) -> tuple[float, float]:
    """What imgy costs more than AWS's solution without a miss, and less for each miss: the bills are straight lines."""
    low, high = (model.imgy(rate).total - model.solution(rate).total for rate in (RATES[0], RATES[-1]))
    misses = [model.scenario.misses(rate) for rate in (RATES[0], RATES[-1])]
    saved = (high - low) / (misses[0] - misses[1])
    return high + saved * misses[1], saved


def _rates(model: Model) -> str:
    headings = [f"{what}, {rate:.0%}" for what in ("making", "total") for rate in RATES]
    return table(["", "delivery", *headings], (_rates_row(model, *it) for it in CONTENDERS.items()))


def _rates_row(model: Model, name: str, bill_of: Callable[[Model, float], Bill | None]) -> Iterator[str]:
    bills = [bill_of(model, rate) for rate in RATES]
    yield name
    yield _dollars(bills[0].delivered) if bills[0] and bills[0].delivery else "in the plan"
    yield from (_dollars(bill.made if bill else None) for bill in bills)
    yield from (f"**{_total(bill)}**" for bill in bills)


def _compared(model: Model, rate: float) -> str:
    """Who asks less than imgy at a hit rate, and by how much."""
    own = model.imgy(rate).total
    bills = {name: bill_of(model, rate) for name, bill_of in CONTENDERS.items()}
    less = [f"{name}, by {_dollars(own - bill.total)}" for name, bill in bills.items() if bill and bill.total < own]
    return f"At {rate:.0%} imgy is dearer than {' and '.join(less)}." if less else f"At {rate:.0%} imgy costs least."


def _busier(model: Model) -> list[Model]:
    return [replace(model, scenario=replace(model.scenario, requests=requests)) for requests in TRAFFIC]


def _traffic(model: Model) -> str:
    headings = ["", *(f"{requests // 1_000_000} million" for requests in TRAFFIC)]
    rows = ((name, *(_total(bill_of(each, USUAL)) for each in _busier(model))) for name, bill_of in CONTENDERS.items())
    return table(headings, rows)


def _items(bill: Bill) -> str:
    items = {**{f"CloudFront, {name}": dollars for name, dollars in bill.delivery.items()}, **bill.making}
    rows = [(item, _dollars(dollars)) for item, dollars in items.items()]
    return table(["", "dollars"], [*rows, ("**all**", f"**{_dollars(bill.total)}**")])


def _assumed(site: Scenario) -> str:
    rows = ((each.metadata["meaning"], f"{getattr(site, each.name):,}") for each in fields(Scenario))
    return table(["in a month", ""], rows)


def _prices(model: Model) -> str:
    rows = [
        (f"[{it.service}]({it.origin.today})", _price(it.dollars), _amount(it.per, it.unit), *_origin(it.origin))
        for it in model.prices.listed.values()
    ]
    for name, hosted in model.prices.hosted.items():
        seller = f"[{name}]({hosted.credits_origin.today})"
        rows.append((seller, "credits", _credits(hosted), *_origin(hosted.credits_origin)))
        rows += ((seller, _price(it.dollars), _plan(it), *_origin(hosted.plans_origin)) for it in hosted.plans)
    return table(["", "price", "of", "read in", "date"], rows, "---")


def _amount(per: int, unit: str) -> str:
    return f"{per:,} {unit}" if per > 1 else unit


def _credits(hosted: Hosted) -> str:
    delivered, stored = hosted.delivered_gigabyte, hosted.stored_gigabyte
    return f"{delivered:g} for a GB delivered, {stored:g} for a GB kept, 1 for {hosted.renders_each:,} renders"


def _plan(plan: Plan) -> str:
    extra = f", {_dollars(plan.extra)} for each more" if plan.extra else ""
    return f"plan {plan.name}, {plan.credits:,} credits a month{extra}"


def _origin(origin: Origin) -> tuple[str, str]:
    return f"[{origin.source.split('/')[2]}]({origin.source})" if origin.source else "—", origin.date


def _total(bill: Bill | None) -> str:
    return _dollars(bill.total if bill else None)


def _dollars(dollars: float | None) -> str:
    return "by agreement" if dollars is None else f"${dollars:,.2f}"


def _price(dollars: float) -> str:
    """As a price list has it: cents at least, and as many digits more as there are."""
    whole, digits = f"{dollars:,.10f}".split(".")
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


def table(headings: list[str], rows: Iterable[Iterable[str]], others: str = "---:") -> str:
    lines = [headings, ["---", *(others for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
