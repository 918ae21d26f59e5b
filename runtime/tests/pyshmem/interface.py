"""Every call of pyshmem that scripts rely on, on the streams of a running pipeline that copies x_DTYPE to y_DTYPE."""

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pyshmem

PREFIX = sys.argv[1]
SHAPE = (3, 1, 5)
DTYPES = (
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 bool complex64 complex128".split()
)


def frames(dtype):
    """Frames of random bits, NaNs and all."""
    generator = np.random.default_rng(len(dtype))
    while True:
        size = int(np.prod(SHAPE)) * np.dtype(dtype).itemsize
        if dtype == "bool":
            yield generator.integers(0, 2, SHAPE).astype(bool)
        else:
            yield np.frombuffer(generator.bytes(size), dtype).reshape(SHAPE).copy()


def same(found, expected):
    assert found.shape == expected.shape and found.dtype == expected.dtype, (found, expected)
    assert found.tobytes() == expected.tobytes(), (found, expected)


def ways_to_write(x):
    """Each writes a frame with its number."""

    def locked(frame, number):
        with x.locked(timeout=30):
            x.write_locked(frame, frame_id=number)

    def view(frame, number):
        with x.write_view(timeout=30, frame_id=number) as payload:
            payload[...] = frame

    def view_locked(frame, number):
        assert x.acquire(timeout=30) is not False
        try:
            with x.write_view_locked(frame_id=number) as payload:
                payload[...] = frame
        finally:
            x.release()

    return [lambda frame, number: x.write(frame, frame_id=number), locked, view, view_locked]


def try_dtype(dtype):
    x, y = (pyshmem.open(f"{PREFIX}{which}_{dtype}") for which in "xy")
    watcher = pyshmem.open(y.name, readonly=True)
    assert (x.shape, x.dtype, y.dtype) == (SHAPE, np.dtype(dtype), np.dtype(dtype))
    assert x.count == y.count == 0 and y.frame_id == 0
    source = frames(dtype)
    number = 0
    out = np.empty(SHAPE, dtype)

    # Every way to write is answered; the answer is read in every way that does not wait.
    for write in ways_to_write(x):
        for level_triggered in (True, False):
            number += 1
            frame, seen = next(source), y.count
            assert seen == number - 1
            write(frame, number)
            if level_triggered:
                assert y.wait_for_count(after=seen, timeout=30) == number
                same(y.read(), frame)
                assert y.read(out=out) is out
                same(out, frame)
                with y.locked(timeout=30):
                    same(y.read(safe=False), frame)
            else:
                same(y.read_after(seen, timeout=30), frame)
            publication = y.read_publication()
            same(publication.payload, frame)
            assert (publication.count, publication.frame_id) == (number, number), publication
            assert publication.write_time <= y.write_time and 0 <= y.age < 60
            assert (y.count, y.frame_id, y.last_read_count) == (number, number, number)
            same(watcher.read_after_publication(seen, timeout=30).payload, frame)
    assert y.total_missed_writes == watcher.total_missed_writes == 0
    assert y.write_sequence == 2 * number

    # Those that wait for the next frame, whatever was there before.
    for wait in (
        lambda: y.read_new(timeout=30),
        lambda: y.read_new_publication(timeout=30).payload,
        lambda: asyncio.run(y.read_new_async(timeout=30)),
    ):
        found, written = [], []
        waiting = threading.Thread(target=lambda: found.append(wait()))
        waiting.start()
        # It may not wait yet; then it gets one of those that follow.
        while waiting.is_alive():
            number += 1
            written.append(next(source))
            x.write(written[-1], frame_id=number)
            watcher.wait_for_count(after=number - 1, timeout=30)
            waiting.join(0.01)
        assert any(found[0].tobytes() == frame.tobytes() for frame in written)

    # Several streams at once, in any order.
    with pyshmem.locked_many([y, x], timeout=30) as (first, second):
        assert (first, second) == (y, x)
        number += 1
        frame = next(source)
        x.write_locked(frame, frame_id=number)
    same(y.read_after(number - 1, timeout=30), frame)

    # What is missed is counted.
    y.read()
    for _ in range(3):
        number += 1
        x.write(next(source), frame_id=number)
        watcher.wait_for_count(after=number - 1, timeout=30)
    y.read()
    assert y.missed_writes == 2, y.missed_writes
    publication = watcher.read_publication()
    assert publication.count == publication.frame_id == number

    # A write that fails in the middle is no frame, and the next one is.
    try:
        with x.write_view():
            raise InterruptedError
    except InterruptedError:
        pass
    try:
        x.read(timeout=30)
        raise AssertionError("half a frame was read")
    except pyshmem.InconsistentStreamError:
        pass
    number += 1
    x.clear()
    same(y.read_after(number - 1, timeout=30), np.zeros(SHAPE, dtype))
    assert y.count == number

    # What is known about it.
    for handle in (x, y, watcher):
        assert not handle.is_stale(600) and handle.producer_alive() and not handle.owner
        assert not handle.gpu_enabled and handle.cpu_mirror and handle.gpu_device is None
        assert handle.notify and len(handle.instance_id) in (16, 32)
        known = pyshmem.stat(handle.name)
        assert known["count"] == handle.count and known["creator_pid"] == handle.creator_pid
        assert known["creator_alive"] and known["dtype"] == dtype and known["shape"] == list(SHAPE)
        assert str(handle.creator_pid) in handle.describe()
    for refused in (lambda: watcher.write(frame), lambda: watcher.clear()):
        try:
            refused()
            raise AssertionError("a read-only handle wrote")
        except PermissionError:
            pass
    try:
        pyshmem.create(x.name, shape=SHAPE, dtype=dtype)
        raise AssertionError("it was made a second time")
    except FileExistsError:
        pass
    config = y.to_config() | {"name": f"{PREFIX}copy_{dtype}"}
    copy = pyshmem.SharedMemory.create_from_config(config)
    assert (copy.shape, copy.dtype) == (y.shape, y.dtype)
    copy.unlink()
    for handle in (x, y, watcher):
        handle.close()


for dtype in DTYPES:
    try_dtype(dtype)
    print("tried", dtype, flush=True)

# The command, in another process. It looks at all streams of the machine, which come and go.
command = [sys.executable, "-m", "pyshmem._cli"]
for attempt in range(100):
    listed = subprocess.run([*command, "list"], capture_output=True, text=True)
    if listed.returncode == 0:
        break
listed = listed.stdout.splitlines()
assert all(f"{PREFIX}{which}_{dtype}" in listed for which in "xy" for dtype in DTYPES), listed
unlinked = f"{PREFIX}y_int8"
subprocess.run([*command, "unlink", unlinked], check=True, capture_output=True)
pyshmem.unlink_quiet(unlinked)
try:
    pyshmem.open(unlinked)
    raise AssertionError("it is still there")
except FileNotFoundError:
    pass
print("all", flush=True)
