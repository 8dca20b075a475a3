"""docs/cost.md is what docs/prices.yaml comes to, and the model multiplies as one would by hand."""

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.costs.cost_model import (
    DEMAND_READS,
    DEMAND_WRITES,
    HOURS,
    ROOT,
    UPLOAD_READS,
    UPLOAD_WRITES,
    Model,
    Scenario,
    Stage,
    shipped,
)
from cli.costs.prices import Plan, load
from cli.docs.cost import CONTENDERS, PAGE, RATES, against_solution, main, markdown
from support.originals import picture

PRICES = load()
ROUND = {
    "cdn_gigabyte": 0.1,
    "cdn_request": 1e-6,
    "edge_function": 2e-6,
    "shield_request": 3e-6,
    "invalidation": 0.5,
    "api_request": 4e-6,
    "lambda_gigabyte_second": 1e-5,
    "lambda_request": 5e-6,
    "s3_gigabyte": 0.02,
    "s3_write": 6e-6,
    "s3_read": 7e-6,
    "queue_request": 1e-6,
    "log_gigabyte": 1.0,
    "alarm": 0.25,
    "metric": 0.75,
    "secret": 0.5,
    "fargate_cpu_hour": 0.1,
    "fargate_gigabyte_hour": 0.01,
    "balancer_hour": 0.02,
    "balancer_unit_hour": 0.004,
}
"""Prices of one, by which anybody can multiply."""


class Rounded(dict):
    """Prices as the model takes them, with the plans and the free tier of the file."""

    hosted, free = PRICES.hosted, PRICES.free


SITE = Scenario(
    requests=100_000,
    picture_bytes=100_000,
    originals=1000,
    original_bytes=1_000_000,
    uploads=100,
    replaced=1200,
    pictures=10,
    ad_hoc=2,
    stored_bytes=200_000,
    render_seconds=0.5,
    upload_seconds=2.0,
    peak=10,
)
MODEL = Model(SITE, Rounded(ROUND), Stage(1024, 2048, 16, 4, 1, 12))
NOW = Model(Scenario(), PRICES, shipped())

rates = st.floats(0, 0.99)


def test_the_page_is_not_stale():
    assert markdown(NOW) == PAGE.read_text("utf-8"), "stale: run `make cost`"


def test_writing_makes_the_page(tmp_path, capsys):
    main(tmp_path / "cost.md")
    assert (tmp_path / "cost.md").read_text("utf-8") == markdown(NOW)
    assert str(tmp_path / "cost.md") in capsys.readouterr().out


def test_cloudfront_by_hand():
    # 100,000 pictures of 100 kB are 10 GB.
    assert MODEL.delivery() == pytest.approx({"gigabytes": 1.0, "requests": 0.1})
    assert MODEL.delivery(free=True) == {"gigabytes": 0, "requests": 0}
    large = replace(MODEL, scenario=replace(SITE, requests=11_000_000))  # 1,100 GB: 100 GB and a million are paid for
    assert large.delivery(free=True) == pytest.approx({"gigabytes": 10.0, "requests": 1.0})


def test_imgy_by_hand():
    making = MODEL.imgy(0.9).making  # 10,000 misses; 100 uploads with 2 pictures each on demand: 200
    assert making == pytest.approx(
        {
            "edge function, every request": 100_000 * 2e-6,
            "Origin Shield, every miss": 10_200 * 3e-6,
            "S3, a read for every miss": 10_000 * 7e-6,
            "rendering uploads: Lambda": 100 * (5e-6 + 2 * 2.0 * 1e-5),
            "rendering on demand: API Gateway, Lambda": 200 * (4e-6 + 5e-6 + 1 * 0.5 * 1e-5),
            "S3, requests while rendering": (100 * 20 + 200) * 6e-6 + (100 * 6 + 200 * 5) * 7e-6,
            "S3, storing derivatives": 3.4 * 0.02,  # of each of 1,000 originals 16 of 200 kB and 2 of 100 kB
            "S3, storing originals": 1 * 0.02,
            "logs": 300 * 1e-6,
            "invalidations": 200 * 0.5,  # 1,000 of the 1,200 are free
            "a queue that is polled": 657_000 * 1e-6,  # five pollers, three times a minute, 730 hours
            "metrics beyond the free ones": 2 * 0.75,
            "alarms and a secret": 4 * 0.25 + 0.5,
        }
    )


def test_aws_s_solution_by_hand():
    assert MODEL.solution(0.9).making == pytest.approx(
        {
            "edge function": 0.2,
            "API Gateway": 10_000 * 4e-6,
            "Lambda": 10_000 * (5e-6 + 1 * 0.5 * 1e-5),
            "S3": 10_000 * 7e-6 + 0.02,
            "logs": 10_000 * 1e-6,
        }
    )


def test_imgproxy_by_hand():
    assert MODEL.imgproxy(0.9).making == pytest.approx(
        {
            "Fargate": 2 * 730 * (0.1 + 2 * 0.01),
            "load balancer": 730 * 0.02 + 1 * 0.004,  # 10,000 misses of 100 kB are 1 GB
            "S3": 0.07 + 0.02,
            "logs": 0.01,
        }
    )


def test_imgproxy_has_tasks_for_the_busiest_second():
    busy = replace(MODEL, scenario=replace(SITE, requests=HOURS * 3600 * 10, picture_bytes=100))
    assert busy.tasks(0.5) == 25  # 5 misses a second, 50 in the busiest, each half a second of a core
    assert MODEL.tasks(0.5) == 2


def test_plans_by_hand():
    # imgix: 10 GB delivered, 1,000 x 10 pictures of 100 kB kept are 1 GB, 1,000 new pictures: 10 + 2 + 2 credits
    assert MODEL.imgix(0.9).making == pytest.approx({"plan Starter": 25, "S3, storing originals": 0.02})
    assert MODEL.cloudinary(0.9).making == {"plan Plus": 99}
    # Cloudinary: 10 + 1 + 1 (originals) + (100 uploads + 1,000) / 1,000
    prices = Rounded(ROUND)
    prices.hosted = {name: replace(it, plans=(Plan("a dollar each", 0, 0, 1.0),)) for name, it in PRICES.hosted.items()}
    dollar_each = replace(MODEL, prices=prices)
    assert dollar_each.imgix(0.9).making["plan a dollar each"] == pytest.approx(14)
    assert dollar_each.cloudinary(0.9).making == pytest.approx({"plan a dollar each": 13.1})


def test_more_credits_are_bought_until_the_next_plan_is_cheaper():
    hosted = PRICES.hosted["imgix"]
    assert (hosted.plan(100).name, hosted.plan(100).costs(100)) == ("Starter", 25)
    assert (hosted.plan(280).name, hosted.plan(280).costs(280)) == ("Starter", 70)
    assert (hosted.plan(301).name, hosted.plan(301).costs(301)) == ("Basic", 75)
    assert hosted.plan(100_000).name == "Growth Plus"
    assert Plan("none more", 10, 100).costs(101) is None
    assert PRICES.hosted["Cloudinary"].plan(601) is None


@pytest.mark.parametrize("name", CONTENDERS)
@given(one=rates, other=rates)
def test_a_higher_hit_rate_never_costs_more(name, one, other):
    low, high = (CONTENDERS[name](NOW, rate) for rate in sorted((one, other)))
    assert high.total <= low.total + 1e-9
    assert high.delivered == low.delivered
    assert min({**high.delivery, **high.making}.values()) >= 0


@pytest.mark.parametrize("name", CONTENDERS)
@given(more=st.integers(1_000_000, 10_000_000), rate=rates)
def test_more_traffic_never_costs_less(name, more, rate):
    busier = replace(NOW, scenario=replace(NOW.scenario, requests=more))
    bill = CONTENDERS[name](busier, rate)
    assert bill is None or bill.total >= CONTENDERS[name](NOW, rate).total - 1e-9


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("rate", [0.995, 1.0, -0.1])
def test_a_rate_that_the_site_cannot_have_is_refused(name, rate):
    with pytest.raises(ValueError, match="expected a hit rate"):
        CONTENDERS[name](NOW, rate)


def test_more_than_the_price_of_a_gigabyte_holds_for_is_refused():
    with pytest.raises(ValueError, match="at most 10000 GB"):
        replace(NOW, scenario=replace(NOW.scenario, requests=300_000_000)).delivery()


@given(rate=rates)
def test_what_the_page_says_of_aws_s_solution_holds_at_every_rate(rate):
    fixed, saved = against_solution(NOW)
    assert fixed > 0
    assert saved > 0
    dearer = NOW.imgy(rate).total - NOW.solution(rate).total
    assert dearer == pytest.approx(fixed - saved * NOW.scenario.misses(rate))


def test_the_page_has_every_bill_and_every_price():
    page = PAGE.read_text("utf-8")
    for rate in RATES:
        for bill_of in CONTENDERS.values():
            assert f"**${bill_of(NOW, rate).total:,.2f}**" in page
    for price in PRICES.listed.values():
        assert f"| {price.origin.date} |" in page
        assert price.unit in page
    assert all(each.metadata["meaning"] in page for each in fields(Scenario))
    assert "None" not in page


def test_every_price_says_where_and_when_it_was_read():
    assert set(PRICES.listed) == set(ROUND)
    origins = [price.origin for price in PRICES.listed.values()]
    origins += [it for hosted in PRICES.hosted.values() for it in (hosted.credits_origin, hosted.plans_origin)]
    for origin in origins:
        assert re.fullmatch(r"as known|20\d\d(-\d\d-\d\d)?", origin.date)
        assert origin.today.startswith("https://")
        assert (origin.source or "https://").startswith("https://")


def test_a_dearer_unit_makes_a_dearer_bill():
    several = replace(NOW.stage, metrics=4 * NOW.stage.metrics)  # four stages
    for name in PRICES.listed:
        listed = {**PRICES.listed, name: replace(PRICES.listed[name], dollars=1000 * PRICES.listed[name].dollars)}
        dearer = replace(
            NOW, prices=replace(PRICES, listed=listed), scenario=replace(NOW.scenario, replaced=2000), stage=several
        )
        usual = replace(NOW, scenario=dearer.scenario, stage=several)
        assert any(bill_of(dearer, 0.9).total > bill_of(usual, 0.9).total for bill_of in CONTENDERS.values()), name


def test_the_stage_is_what_ships():
    assert shipped().presets > 1
    assert shipped().upload_megabytes >= shipped().route_megabytes >= 1024
    assert shipped().alarms > 0
    assert shipped().secrets > 0


def test_the_times_are_not_below_what_was_measured():
    bench = (ROOT / "docs" / "bench.md").read_text("utf-8")
    demand = re.findall(r"^ on demand 6 MP: .*?([\d.]+) (m?)s\b", bench, re.MULTILINE)
    assert len(demand) > 3
    assert all(float(time) / (1000 if milli else 1) <= Scenario().render_seconds for time, milli in demand)
    # The table of sizes: one core, then two, which is what an upload has.
    upload = re.search(r"^ upload 6 MP: the presets as shipped +[\d.]+ s +([\d.]+) s ", bench, re.MULTILINE)
    assert float(upload[1]) <= Scenario().upload_seconds


def test_the_requests_to_s3_are_not_below_what_the_flows_make(prerender, originals, derivatives, upload, find):
    upload("cat.jpg", picture((120, 80)))
    made = prerender.reconcile("cat.jpg").made
    reads, writes = requests(originals, derivatives)
    assert 1 <= reads <= UPLOAD_READS
    assert made + 1 <= writes <= made + UPLOAD_WRITES
    originals.forget()
    derivatives.forget()
    find("cat.jpg/w=25.jpg")
    reads, writes = requests(originals, derivatives)
    assert 1 <= reads <= DEMAND_READS
    assert writes == DEMAND_WRITES


def requests(*stores):
    """What S3 would count as reads and as writes; reading a body belongs to its get, and deleting is free."""
    verbs = [verb for store in stores for verb, _ in store.calls]
    return sum(verb in ("get", "head") for verb in verbs), sum(verb in ("put", "swap", "names") for verb in verbs)
