"""Large pictures wait for each other: ImageMagick ends the whole process when its memory runs out."""

import subprocess
import sys
import threading

import pytest

from chalicelib.decoding.header import Header
from chalicelib.errors import Unavailable
from chalicelib.geometry import Size
from chalicelib.limits import Limits
from chalicelib.rendering.pixel_budget import PixelBudget
from chalicelib.rendering.renderer import layout_of
from support.originals import picture

pytestmark = pytest.mark.slow

MANY_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from chalicelib.limits import Limits
from chalicelib.decoding.source import Source
from chalicelib.rendering.renderer import prepare
from chalicelib.transformation import parse_path

sources = [Source("a.jpg", sys.stdin.buffer.read())]

def one(number):
    derivative = parse_path(f"a.jpg/w=5500,h=5500,fit=scale,rot={number + 1}.jpg")
    return prepare(sources, [derivative], Limits()).render(derivative).size.width

with ThreadPoolExecutor(3) as pool:
    print(list(pool.map(one, range(3))))
"""


def test_large_pictures_at_once_do_not_end_the_process():
    ended = subprocess.run([sys.executable, "-c", MANY_AT_ONCE], input=picture(), capture_output=True, timeout=300)
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.decode().strip() == "[5500, 5500, 5500]"


def test_who_wants_more_than_is_free_waits_for_it():
    room, order = PixelBudget(10, seconds=20), []

    def second():
        with room.reserve(6):
            order.append("second")

    with room.reserve(5):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_who_wants_more_than_there_is_gets_all():
    with PixelBudget(10, seconds=1).reserve(10**9):
        pass


def test_nobody_waits_for_ever():
    room = PixelBudget(10, seconds=0.05)
    with room.reserve(10), pytest.raises(Unavailable), room.reserve(1):
        pass
    with room.reserve(10):
        pass


@pytest.mark.parametrize("moves", [True, False])
def test_an_animation_counts_all_its_frames(moves):
    header = Header("gif", Size(100, 100), 1, alpha=False, delays=(100,) * 50)
    values = {"w": 8000, "h": 4000, "fit": "scale"}
    made = layout_of(header, values, Limits(), moves).output
    assert made.area * (50 if moves else 1) <= (100_000_000 if moves else 40_000_000)
    assert made.area * (50 if moves else 1) > 30_000_000
