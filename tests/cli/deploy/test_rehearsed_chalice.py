"""Plain `chalice deploy` on an embedded AWS: refused until all is there, then deployed, used and deleted."""

import re

import pytest

from support.rehearsing import rehearsed

pytestmark = pytest.mark.slow


def test_a_developer_types_chalice_deploy_and_chalice_delete_and_nothing_is_left(lambda_python):
    said = rehearsed(lambda_python, "rehearse_chalice")
    assert "imgy: imgy-originals is the name of an example" in said
    assert "does not exist; create it: aws s3 mb s3://" in said
    assert re.search(r"sandbox: \d+ of 12 protections stand", said), said
    assert re.search(r"an upload made [1-9]\d* derivatives", said), said
    assert re.search(r"preset=\w+: 200 image/jpeg, \d+ bytes, HIT", said), said
    assert re.search(r"w=\d+: 200 image/jpeg, \d+ bytes, MISS", said), said
    assert "removing the original deleted all of them" in said
    assert "Traceback" not in said
