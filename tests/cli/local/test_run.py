"""`python -m cli run` as a person runs it: a process with its own ports and data, spoken to over HTTP and S3."""

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from urllib.parse import quote

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from PIL import Image

from cli.embedded.environment import DERIVATIVES, ORIGINALS
from cli.embedded.s3 import embedded_s3
from cli.samples.files import SAMPLES
from support.local_run import ODD_KEY, Run, closed_project, free_port, picture, s3_at, wait_for

pytestmark = pytest.mark.slow


def keys(s3, bucket, prefix=""):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def command(pid):
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


def alive(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def gone(pids, seconds=5):
    return wait_for(lambda: not any(map(alive, pids)), seconds)


@pytest.fixture
def start():
    runs = []

    def started(data_dir, *options, **ports):
        runs.append(Run(data_dir, *options, **ports))
        return runs[-1]

    yield started
    for run in runs:
        run.end()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    running = Run(tmp_path_factory.mktemp("shared") / "data", first=True).open()
    # Only an empty bucket gets the samples: no test may upload before them.
    assert wait_for(lambda: keys(running.s3, ORIGINALS) >= set(SAMPLES)), running.log()
    yield running
    running.end()


def refused(run, code=1):
    """The one sentence of a run that ended at once."""
    assert run.process.wait(20) == code
    assert run.log() == ""
    lines = run.process.stderr.read().decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


# A run that stays up.


@pytest.mark.parametrize("key", SAMPLES)
def test_the_samples_of_a_first_start_have_their_derivatives(run, key):
    known = wait_for(lambda: run.manifest(key))
    assert known, run.log()
    assert len(known["derivatives"]) >= 3
    assert {f"{key}/{name}" for name in known["derivatives"]} <= keys(run.s3, DERIVATIVES, f"{key}/")


def test_an_upload_with_an_odd_key_has_its_derivatives_and_its_url(run):
    run.s3.put_object(Bucket=ORIGINALS, Key=ODD_KEY, Body=picture())
    assert wait_for(lambda: run.manifest(ODD_KEY)), run.log()
    response = run.ask(f"/{quote(ODD_KEY)}?w=40&fm=png")
    assert response.status == 200
    assert Image.open(io.BytesIO(response.content)).size == (40, 27)
    assert f"{ODD_KEY}/w=40.png" in keys(run.s3, DERIVATIVES)


def test_any_size_is_made_once_and_read_ever_after(run):
    run.s3.put_object(Bucket=ORIGINALS, Key="ad hoc.png", Body=picture("green"))
    first, second = run.ask("/ad%20hoc.png?w=123&fm=webp"), run.ask("/ad%20hoc.png?fm=webp&w=123")
    assert (first.status, first.headers["X-Cache"]) == (200, "MISS")
    assert (second.status, second.headers["X-Cache"]) == (200, "HIT")
    assert first.content == second.content
    assert run.ask("/ad%20hoc.png?w=123&fm=webp", "HEAD").headers["Content-Length"] == str(len(first.content))


def test_the_terminal_shows_a_line_for_each_request_and_event(run):
    run.s3.put_object(Bucket=ORIGINALS, Key="shown.png", Body=picture("blue"))
    assert wait_for(lambda: run.manifest("shown.png"))
    run.ask("/shown.png?w=77")
    run.ask("/shown.png?w=77")
    shown = [line for line in run.log().splitlines() if "shown.png" in line]
    assert len([line for line in shown if "MISS" in line and "w=77" in line]) == 1
    assert len([line for line in shown if "HIT" in line and "w=77" in line]) == 1
    assert len(shown) == 3, shown


def test_the_first_lines_say_where_to_go(run):
    said = run.log()
    assert f"http://127.0.0.1:{run.port}" in said
    assert (
        f"aws --no-sign-request --endpoint-url http://127.0.0.1:{run.s3_port} s3 cp photo.jpg s3://imgy-originals/"
        in said
    )
    assert "Werkzeug" not in said


def test_a_removed_original_takes_its_derivatives_along(run):
    run.s3.put_object(Bucket=ORIGINALS, Key="short-lived.png", Body=picture())
    assert wait_for(lambda: run.manifest("short-lived.png"))
    run.s3.delete_object(Bucket=ORIGINALS, Key="short-lived.png")
    assert wait_for(lambda: not keys(run.s3, DERIVATIVES, "short-lived.png/"))


def test_an_upload_in_parts_by_somebody_without_credentials_counts(run):
    anybody = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{run.s3_port}",
        region_name="eu-west-3",
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    upload = anybody.create_multipart_upload(Bucket=ORIGINALS, Key="parts.png")["UploadId"]
    asked = {"Bucket": ORIGINALS, "Key": "parts.png", "UploadId": upload}
    part = anybody.upload_part(**asked, PartNumber=1, Body=picture("navy"))
    anybody.complete_multipart_upload(**asked, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert wait_for(lambda: run.manifest("parts.png"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_browser_on_the_page_may_upload_by_a_presigned_url(run, host):
    origin = f"http://{host}:{run.port}"
    asked = {"Bucket": ORIGINALS, "Key": f"dropped on {host}.png", "ContentType": "image/png"}
    target = run.s3.generate_presigned_url("put_object", asked).split("/", 3)[3]
    connection = http.client.HTTPConnection("127.0.0.1", run.s3_port, timeout=10)
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    connection.request("OPTIONS", f"/{target}", headers=preflight)
    allowed = connection.getresponse()
    allowed.read()
    connection.request("PUT", f"/{target}", body=picture(), headers={"Origin": origin, "Content-Type": "image/png"})
    stored = connection.getresponse()
    stored.read()
    connection.close()
    assert (allowed.status, stored.status) == (200, 200)
    assert {allowed.headers["Access-Control-Allow-Origin"], stored.headers["Access-Control-Allow-Origin"]} <= {
        "*",
        origin,
    }
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    (rule,) = run.s3.get_bucket_cors(Bucket=ORIGINALS)["CORSRules"]
    assert origin in rule["AllowedOrigins"]
    assert wait_for(lambda: run.manifest(asked["Key"]))


def test_both_ports_are_for_this_machine_alone(run):
    for port in (run.port, run.s3_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=2)


def test_a_second_run_on_the_same_data_is_refused_and_the_first_goes_on(run, start):
    assert "another run" in refused(start(run.data_dir))
    assert run.answers()


# Runs that end.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_child_and_the_run_in_order(start, tmp_path, number):
    run = start(tmp_path).open()
    family = run.family()
    assert len(family) >= 2
    assert run.stop(number) == 0
    assert gone(family)
    for port in (run.port, run.s3_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=2)
    assert run.process.stderr.read() == b""


def test_a_signal_that_comes_twice_ends_it_once(start, tmp_path):
    run = start(tmp_path).open()
    family = run.family()
    for _ in range(3):
        run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(10) == 0
    assert gone(family)


@pytest.mark.parametrize("taken", ["port", "s3_port"])
def test_a_taken_port_is_said_in_a_sentence_and_nothing_is_left_behind(start, tmp_path, taken):
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        number = squatter.getsockname()[1]
        run = start(tmp_path / "data", **{taken: number})
        assert (
            refused(run) == f"imgy: port {number} is taken; choose another one: make run {taken.upper()}={number + 1}"
        )
    assert list(tmp_path.iterdir()) == []


def test_data_that_cannot_be_written_is_said_in_a_sentence(start, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot write to" in refused(start(tmp_path / "file" / "data"))


def test_a_missing_library_is_said_in_a_sentence_and_nothing_is_left_behind(start, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import ctypes.util; ctypes.util.find_library = lambda name: None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MAGICK_HOME", str(tmp_path))
    said = refused(start(tmp_path / "data"))
    assert "libMagickWand" in said
    assert "apt-get install" in said
    assert not (tmp_path / "data").exists()


def test_a_bad_setting_is_said_in_a_sentence(start, tmp_path):
    said = refused(start(tmp_path / "data", "--port", "eighty"), 2)
    assert "--port" in said
    assert "expected integer from 1 to 65535, received 'eighty'" in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_ends_with_the_make_that_started_it(start, tmp_path):
    run = start(tmp_path, "--with-parent", wrapper=["sh", "-c", '"$@"; exit $?', "make"]).open()
    family = run.family()
    assert len(family) >= 3
    os.kill(run.process.pid, signal.SIGKILL)
    assert gone(family)


# Runs after a kill.


def test_after_a_kill_everything_is_there_and_what_was_missed_is_made_up_for(start, tmp_path):
    run = start(tmp_path).open()
    kept = ("kept.png", "overwritten.png", "removed.png")
    for key in kept:
        run.s3.put_object(Bucket=ORIGINALS, Key=key, Body=picture())
    assert wait_for(lambda: all(run.manifest(key) for key in kept)), run.log()
    run.ask("/kept.png?w=99")
    before = at_rest(run.s3)
    family = run.family()
    os.kill(run.process.pid, signal.SIGKILL)
    assert gone(family)

    s3_port = free_port()
    with embedded_s3(s3_port, tmp_path):
        s3 = s3_at(s3_port)
        assert objects(s3) == before
        s3.put_object(Bucket=ORIGINALS, Key="missed +1.png", Body=picture("orange"))
        s3.put_object(Bucket=ORIGINALS, Key="overwritten.png", Body=picture("purple", (90, 60)))
        s3.delete_object(Bucket=ORIGINALS, Key="removed.png")

    again = start(tmp_path)
    started = time.monotonic()
    again.open()
    assert time.monotonic() - started < 5
    assert wait_for(lambda: again.manifest("missed +1.png"))
    assert wait_for(lambda: again.manifest("overwritten.png")["width"] == 90)
    assert wait_for(lambda: not keys(again.s3, DERIVATIVES, "removed.png/"))
    touched = ("missed", "overwritten", "removed")
    assert untouched(objects(again.s3), touched) == untouched(before, touched)
    assert wait_for(lambda: "Caught up with 3 of 3" in again.log())


def objects(s3):
    """ETag and date of everything in both buckets."""
    return {
        (bucket, entry["Key"]): (entry["ETag"], entry["LastModified"])
        for bucket in (ORIGINALS, DERIVATIVES)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    }


def at_rest(s3):
    """The same, once nothing is written any more: what comes as a run starts, its start may find out of step, too."""

    def unchanged():
        found = objects(s3)
        time.sleep(2)
        return found if found == objects(s3) else None

    return wait_for(unchanged)


def untouched(found, touched):
    return {place: state for place, state in found.items() if not place[1].startswith(touched)}


def test_when_the_embedded_s3_is_killed_the_run_says_so_and_the_next_one_works(start, tmp_path):
    run = start(tmp_path).open()
    embedded = next(pid for pid in run.family() if "cli.embedded.s3" in command(pid))
    os.kill(embedded, signal.SIGKILL)
    assert run.process.wait(10) == 1
    lines = run.process.stderr.read().decode().splitlines()
    assert lines == [f"imgy: the embedded S3 ended (Killed); its objects are kept in {tmp_path}; start it again"]
    start(tmp_path, port=run.port, s3_port=run.s3_port).open()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("query", ["preset=card", "w=123&blur=9"])
def test_behind_the_edge_what_is_signed_is_answered_and_nothing_else(closed, query):
    assert closed.ask("/-/health").status == 200
    assert closed.ask(f"/red.png?{query}").status == 403
    signature = json.loads(closed.ask(f"/-/page/signature?key=red.png&query={quote(query)}").content)["signature"]
    for cached in ("Miss", "Hit"):
        answer = closed.ask(f"/red.png?{query}&{signature}")
        assert (answer.status, answer.headers["Content-Type"][:6]) == (200, "image/"), answer.content
        assert answer.headers["X-Cache"] == f"{cached} from cloudfront"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A run behind a simulated CloudFront, with an original in it."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "data").mkdir()
    running = Run(folder / "data", "--edge", project=closed_project(folder / "project")).open()
    running.s3.put_object(Bucket=ORIGINALS, Key="red.png", Body=picture())
    assert wait_for(lambda: running.manifest("red.png"))
    yield running
    running.end()
