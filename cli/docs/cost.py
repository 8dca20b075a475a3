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
uploads a month, in us-east-1. The figures are computed from [prices.yaml](prices.yaml), not read from a bill: imgy has
not run on a real account yet, and prices change.

The hit rate is the share of requests that the CDN answers from its own caches. All other requests are misses. They go
to the origin behind the CDN, and the products compared here differ in their origins.

{rates}

Delivery is CloudFront's gigabytes and requests, the same at every hit rate. Making is everything else: rendering,
storage, and what costs even without requests. A plan of imgix or Cloudinary includes both in one price.

## Summary

{compared}
- Without any misses, imgy costs {fixed} a month more than AWS's solution, mostly for storing derivatives and for idle
  resources. It costs {saved} less for each million misses. So AWS's solution is cheaper than imgy up to about
  {even:,} misses a month.
- Delivery is {share:.0%} of imgy's bill at {usual:.0%}. CloudFront's free tier reduces it from {delivered} to {free},
  for every contender behind CloudFront. It also has runs of the edge function: {edge} less for imgy and AWS's
  solution.
- A stage without requests costs {idle} a month: {stage.alarms} alarms, {stage.secrets} secret, and a queue that Lambda
  polls. Its {stage.metrics} metrics are within the {free_metrics} that an account has free; each metric of a further
  stage costs {metric} a month, as soon as the stage is used. AWS's solution then costs nothing, imgproxy's tasks and
  load balancer {idle_tasks}.

## With more traffic

The whole bill of the same site with more requests, at {usual:.0%}:

{traffic}

imgy renders each picture once, so a miss costs one read of S3. AWS's solution and imgproxy render at every miss;
imgproxy runs {tasks} tasks. Hit rates usually rise with traffic, which reduces the difference. "By agreement" means
that no plan with a public price is large enough.

## imgy's bill at {usual:.0%}

{items}

## Assumptions

The same for all:

{assumed}

The first request for each new picture is a miss. The {site.new:,} new pictures of a month are {new:.0%} of the
requests, so the hit rate of this site is at most {best:.0%}. Further misses are pictures that CloudFront has dropped,
or does not have in the region of the request.

A delivered picture has the mean size in bytes of the shipped presets as AVIF. A picture on demand takes as long as
AWS assumes [for its own solution][aws]. Both times are longer than those that [bench.md](bench.md) measures without
S3. A GB is a thousand million bytes; for the memory of functions it is 1,024 MB.

[aws]: https://docs.aws.amazon.com/solutions/latest/dynamic-image-transformation-for-amazon-cloudfront/cost.html

- **imgy** renders the {stage.presets} pictures of the shipped presets at each upload, in {stage.upload_megabytes:,} MB,
  and stores all of them, requested or not. On a miss CloudFront asks S3. Only the first request for one of the
  {site.ad_hoc} pictures that no preset renders goes on to API Gateway and Lambda, in {stage.route_megabytes:,} MB, and
  is stored. Origin Shield is in front of both.
- **AWS's solution** is Dynamic Image Transformation for Amazon CloudFront, formerly Serverless Image Handler, in its
  Lambda architecture: API Gateway and Lambda, in {solution:,} MB, at every miss. It does not store results. Its Origin
  Shield is off by default. Its other architecture has tasks that always run, as imgproxy has.
- **imgproxy** has two tasks of {cpus} vCPU and {gigabytes} GB, or as many as the busiest second needs, an Application
  Load Balancer, and CloudFront in front. Public addresses or a NAT gateway are not included, in its favour.
- **imgix** and **Cloudinary** charge credits for delivery, for storage, and for each picture once, so the hit rate does
  not matter. The bill is the cheapest monthly plan, with additional credits if they are sold. Cloudinary also stores
  the originals. imgix reads them from a bucket; the price of those reads is not included, in its favour.

Not included for any contender: tax, discounts, free tiers other than those above, and working time. CloudFront's
[flat-rate plans][plans] are not included either: since November 2025 it sells $0, $15, $200 and $1,000 a month for
one distribution, without charges beyond. Only delivery changes by them; choose one in CloudFront's console. Origin
Shield's price differs by region: the one here is that of the US. Invalidating a replaced or removed picture costs
{invalidation} beyond the first {forgotten:,} a month, for every contender behind CloudFront.

[plans]: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/flat-rate-pricing-plan.md

A new account may have only 10 concurrent executions. This costs nothing, but a request beyond them is throttled: see
[scale.md](scale.md).

## Prices

These prices were collected on {read} from pages of third parties. The first column links the seller's own page: check
there before you rely on a figure. The last column is the date of the text with the price. "As known" means that the
text has no date. A dash means that there is no link. The plans of imgix and Cloudinary are from a third party's list.

{prices}

## To compute it again

Change [prices.yaml](prices.yaml), or the scenario in [cost_model.py](../cli/costs/cost_model.py), then run `make cost`
to write this page. The memory of the functions comes from .chalice/config.json, the pictures of an upload from
presets.yaml, and the alarms from deploy/foundation.yaml.
"""


def main(page: Path = PAGE) -> None:
    """Write the page and print its path."""
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
        compared="\n".join(f"- {_compared(model, rate)}" for rate in RATES),
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
    """The figures in the text of the page."""
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
        "free_metrics": model.prices.free["metrics"],
        "metric": _dollars(model.prices["metric"]),
        "idle": _dollars(idle.imgy(USUAL).total),
        "idle_tasks": _dollars(idle.imgproxy(USUAL).total),
        "tasks": f"{', '.join(tasks[:-1])} and {tasks[-1]}",
    }


def against_solution(model: Model) -> tuple[float, float]:
    """Dollars that imgy costs more than AWS's solution without misses, and less for each miss. Bills are linear."""
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
    """A sentence on which contenders cost less than imgy at a hit rate, and by how much."""
    own = model.imgy(rate).total
    bills = {name: bill_of(model, rate) for name, bill_of in CONTENDERS.items()}
    less = [f"{name}, by {_dollars(own - bill.total)}" for name, bill in bills.items() if bill and bill.total < own]
    return f"At {rate:.0%} imgy costs more than {' and '.join(less)}." if less else f"At {rate:.0%} imgy costs least."


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
    return f"{delivered:g} for a GB delivered, {stored:g} for a GB stored, 1 for {hosted.renders_each:,} renders"


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
    """A price with at least two decimals, and more if it has them."""
    whole, digits = f"{dollars:,.10f}".split(".")
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


def table(headings: list[str], rows: Iterable[Iterable[str]], others: str = "---:") -> str:
    """A Markdown table; `others` is the alignment of all columns but the first."""
    lines = [headings, ["---", *(others for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
