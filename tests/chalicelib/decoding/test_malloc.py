"""glibc's heaps: two for all threads."""

import subprocess
import sys

import pytest

COUNT = """
import ctypes, os, re, tempfile, threading
import chalicelib.decoding.libvips
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(8)
def work():
    barrier.wait()
    libc.malloc(ctypes.c_size_t(1000))
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr=", open(file.name).read())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
def test_eight_threads_share_two_heaps():
    counted = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True).stdout
    assert 1 <= int(counted) <= 2
