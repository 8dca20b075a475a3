"""What the operator is told of each event and request: a line here, JSON and metrics on Lambda."""

import json
import logging
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.errors import Damaged, NotFound, Unavailable
from chalicelib.monitoring.cloudwatch import NAMESPACE, to_cloudwatch
from chalicelib.monitoring.log_entry import METRICS, LogEntry, age, refusal
from cli import ROOT
from cli.costs.prices import load
from support.aws_events import upload_event
from support.originals import NOT_AN_IMAGE, picture

MISS = LogEntry(
    "GET", "a\nb.jpg", "200", "w=3.jpg", 1234, 56, {"fetch": 1.24, "render": 20.55}, "MISS", made=1, request_id="r1"
)


@pytest.fixture
def told(monkeypatch, app):
    heard = []
    monkeypatch.setattr(app, "log", heard.append)
    monkeypatch.setattr(app, "events", replace(app.events, log=heard.append))
    return heard


@pytest.fixture
def cloudwatch(capsys):
    """Tells, and returns what CloudWatch reads: lines of JSON."""
    log = logging.Logger("imgy", logging.INFO)

    def telling(told):
        log.handlers = [logging.StreamHandler(sys.stdout)]
        to_cloudwatch(log, "imgy-dev", "dev")(told)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return telling


def figures(entries):
    """The metrics of embedded-format entries as (namespace, dimensions, name, unit, value)."""
    found = []
    for entry in entries:
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", ()):
            names = tuple(sorted(entry[name] for group in directive["Dimensions"] for name in group))
            found += [
                (directive["Namespace"], names, metric["Name"], metric["Unit"], entry[metric["Name"]])
                for metric in directive["Metrics"]
            ]
    return found


def test_a_line_has_no_break_of_its_own():
    assert MISS.line == "GET      200 MISS       1234 bytes     56 ms  a?b.jpg  w=3.jpg"


def test_cloudwatch_gets_the_fields_and_the_line(cloudwatch):
    line = cloudwatch(MISS)[0]
    assert line["message"] == MISS.line
    assert line["level"] == "INFO"
    assert line["service"] == "imgy-dev"
    assert {name: line[name] for name in MISS.fields} == {
        "verb": "GET",
        "key": "a\nb.jpg",
        "outcome": "200",
        "what": "w=3.jpg",
        "cache": "MISS",
        "bytes": 1234,
        "milliseconds": 56,
        "stages": {"fetch": 1.2, "render": 20.6},
        "made": 1,
        "request_id": "r1",
    }


def test_cloudwatch_gets_figures(cloudwatch):
    assert figures(cloudwatch(MISS)) == [
        (NAMESPACE, ("dev",), "Misses", "Count", [1.0]),
        (NAMESPACE, ("dev",), "Renders", "Count", [1.0]),
        (NAMESPACE, ("dev",), "RenderTime", "Milliseconds", [20.55]),
        (NAMESPACE, ("dev",), "FetchTime", "Milliseconds", [1.24]),
    ]
    hit = LogEntry("GET", "a.jpg", "200", cache="HIT")
    assert figures(cloudwatch(hit)) == [(NAMESPACE, ("dev",), "Hits", "Count", [1.0])]
    late = LogEntry("queue", "a.jpg", "failed", "no", age=3.5, failed=True)
    assert [entry[2:] for entry in figures(cloudwatch(late))] == [
        ("Failures", "Count", [1.0]),
        ("QueueAge", "Seconds", [3.5]),
    ]
    refused = LogEntry("upload", "a.jpg", "refused", "expected an image", refused="NotAnImage")
    assert figures(cloudwatch(refused)) == [(NAMESPACE, ("dev",), "Refused", "Count", [1.0])]


def test_a_stage_has_as_many_metrics_as_an_account_has_for_nothing():
    entries = [
        LogEntry("GET", "a", "200", cache="HIT", stages={"render": 1.0, "fetch": 2.0}, made=1, missing=1),
        LogEntry("GET", "a", "200", cache="MISS", age=1.0, failed=True, refused="Damaged"),
    ]
    assert {name for entry in entries for name in entry.metrics} == set(METRICS)
    assert len(METRICS) <= load().free["metrics"]


def test_what_says_nothing_costs_nothing(cloudwatch):
    assert figures(cloudwatch(LogEntry("GET", "a.jpg", "404", "there is no such original"))) == []


def test_a_failure_is_a_warning(cloudwatch):
    assert cloudwatch(LogEntry("upload", "a.jpg", "failed", failed=True))[0]["level"] == "WARNING"


def test_only_refusals_count_as_such():
    assert [refusal(error) for error in (Damaged("d"), NotFound("n"), Unavailable("u"))] == ["Damaged", "", ""]


def test_the_age_of_an_event():
    moment = datetime.now(UTC) - timedelta(seconds=5)
    assert 5 <= age(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")) < 8
    assert age("") is age("yesterday") is None


def test_a_request_is_told(web, cat, told):
    web.ask("/cat.jpg?w=20")
    web.ask("/cat.jpg?w=20")
    web.ask("/none.jpg")
    assert [(one.verb, one.key, one.outcome, one.cache, one.made) for one in told] == [
        ("GET", "cat.jpg", "200", "MISS", 1),
        ("GET", "cat.jpg", "200", "HIT", 0),
        ("GET", "none.jpg", "404", "", 0),
    ]
    assert {"fetch", "render", "store"} <= set(told[0].stages)
    assert told[0].length > 100


def test_an_event_is_told(app, upload, told):
    upload("cat.jpg", picture())
    upload("text.jpg", NOT_AN_IMAGE)
    for key in ("cat.jpg", "text.jpg", "none.jpg"):
        app.upload_trigger(upload_event(key), None)
    assert [(one.verb, one.key, one.outcome, one.refused) for one in told] == [
        ("upload", "cat.jpg", "made", ""),
        ("upload", "text.jpg", "refused", "NotAnImage"),
        ("upload", "none.jpg", "gone", ""),
    ]
    assert told[0].made > 1
    assert told[0].length > 100


def test_a_refused_request_is_told_with_its_kind(web, upload, told):
    upload("text.jpg", NOT_AN_IMAGE)
    web.ask("/text.jpg?w=20")
    assert [one.refused for one in told] == ["NotAnImage"]


def test_the_operator_is_told_what_every_alarm_and_metric_means():
    page = (ROOT / "docs" / "operating.md").read_text()
    foundation = (ROOT / "deploy" / "foundation.yaml").read_text()
    alarms = re.findall(r'AlarmName: !Sub "\$\{Name\}-(.*)"', foundation)
    everything = LogEntry("GET", "k", "200", stages={"render": 1, "fetch": 1}, made=1, age=1, failed=True)
    figures = {
        *everything.metrics,
        *replace(everything, cache="HIT").metrics,
        *replace(everything, cache="MISS").metrics,
    }
    assert len(alarms) == 4
    assert len(figures) == 7
    for name in (*alarms, *figures, "Refused", *everything.fields):
        assert f"`{name}`" in page, name
