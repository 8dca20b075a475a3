"""The time that something takes, and the memory of this process and its children at its highest meanwhile."""

import os
import time
from pathlib import Path


class Peak:
    """Writes seconds, and MB above what was held before, to what it is given."""

    def __init__(self, seen):
        self._seen = seen

    def __enter__(self):
        for process in family():
            _write(process, "clear_refs", "5")  # proc(5): the peak is reset to what is held now
        self._before, self._start = held("VmRSS"), time.perf_counter()

    def __exit__(self, *raised):
        self._seen.seconds = time.perf_counter() - self._start
        self._seen.memory = max(0.0, held("VmHWM") - self._before)


def family():
    """This process and its children, and theirs."""
    found = [os.getpid()]
    for process in found:
        found += [int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in _read(path)]
    return found


def held(what):
    """MB of the family together: VmRSS now, VmHWM at most."""
    return sum(_field(process, what) for process in family()) / 1000


def _field(process, what):
    words = _read(Path(f"/proc/{process}/status"))
    return int(words[words.index(f"{what}:") + 1]) if f"{what}:" in words else 0


def _read(path):
    try:
        return path.read_text().split()
    except OSError:  # it has just ended
        return []


def _write(process, name, text):
    try:
        Path(f"/proc/{process}/{name}").write_text(text)
    except OSError:
        return
