"""Where the stage has a secret, only CloudFront, which knows it, is answered."""

from dataclasses import replace

import pytest

from chalicelib.settings import ORIGIN_HEADER
from cli.edge.function import TEMPLATE
from support.aws_events import Web
from support.originals import picture


@pytest.fixture
def web(configure, settings, upload):
    upload("cat.jpg", picture())
    return Web(configure(replace(settings, origin_secret="only-the-edge-knows")).app)


@pytest.mark.parametrize("said", ["", "nearly", "only-the-edge-knows ", "ü"])
@pytest.mark.parametrize("target", ["/cat.jpg?w=9", "/-/health"])
def test_others_are_refused(web, said, target):
    answer = web.ask(target, **({ORIGIN_HEADER: said} if said else {}))
    assert answer.status == 403
    assert "only-the-edge-knows" not in answer.error


def test_the_edge_is_answered(web):
    assert web.ask("/cat.jpg?w=9", **{ORIGIN_HEADER: "only-the-edge-knows"}).status == 200


def test_the_edge_says_it_in_that_header():
    assert f"HeaderName: {ORIGIN_HEADER}\n" in TEMPLATE.read_text("utf-8")
