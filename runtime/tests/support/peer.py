"""What a Python program does with a stream, for the tests: `peer.py COMMAND NAME [ARGUMENT ...]`.

Every element of a frame says which frame it belongs to, so that a torn one is noticed.
"""

import json
import os
import random
import signal
import sys
import time

import numpy as np
import pyshmem

STEP = 1_000_003


def frame(number, shape):
    return (np.uint64(number * STEP) + np.arange(np.prod(shape), dtype=np.uint64)).reshape(shape)


def check(publication):
    payload, number = publication.payload, publication.frame_id
    if not np.array_equal(payload, frame(number, payload.shape)):
        sys.exit(f"torn frame {number}: begins {payload.flat[0]}, ends {payload.flat[-1]}")


def view(name, last):
    """Reads what it can, until frame `last` has come."""
    frames = missed = count = 0
    first = None
    with pyshmem.open(name) as stream:
        print("viewing", flush=True)
        while True:
            publication = stream.read_after_publication(count, timeout=30)
            check(publication)
            first = first or time.monotonic()
            frames += 1
            missed += publication.count - count - 1
            count = publication.count
            if publication.frame_id == int(last):
                break
        seen = {"frames": frames, "missed": missed, "count": count, "missed_by_handle": stream.total_missed_writes}
    seen["seconds"] = time.monotonic() - first
    print("viewed", json.dumps(seen), flush=True)


def flood(name, seconds):
    """Writes as fast as it can, then one more frame after a pause."""
    with pyshmem.open(name) as stream:
        first = frame(0, stream.shape)
        payload = np.empty_like(first)
        end = time.monotonic() + float(seconds)
        number = 0
        print("flooding", flush=True)
        while time.monotonic() < end:
            number += 1
            np.add(first, np.uint64(number * STEP), out=payload)
            stream.write(payload, frame_id=number)
        time.sleep(0.2)
        stream.write(frame(number + 1, stream.shape), frame_id=number + 1)
    print("flooded", number + 1, flush=True)


def write(name, number):
    with pyshmem.open(name) as stream:
        stream.write(frame(int(number), stream.shape), frame_id=int(number))


def half(name, number):
    """Dies, by the caller's hand, in the middle of a frame."""
    with pyshmem.open(name) as stream:
        with stream.write_view(frame_id=int(number)) as payload:
            whole = frame(int(number), stream.shape)
            payload[: len(payload) // 2] = whole[: len(payload) // 2]
            print("halfway", flush=True)
            time.sleep(60)


def keep(name, number):
    """Gives a write up, writes a frame, and keeps the lock until it is told to end."""
    with pyshmem.open(name) as stream, stream.locked():
        try:
            with stream.write_view_locked():
                raise InterruptedError
        except InterruptedError:
            pass
        stream.write_locked(frame(int(number), stream.shape), frame_id=int(number))
        print("keeping", flush=True)
        sys.stdin.read()


def kill_writers(name, times):
    """Writes at full speed in processes that are killed one after the other, at any moment; once in a while one more frame is
    written whole before the next. Says of each in which state it left the stream."""
    chance = random.Random(int(time.time()))
    number = 0
    print("killing", flush=True)
    for _ in range(int(times)):
        number += 1_000_000
        writer = os.fork()
        if writer == 0:
            with pyshmem.open(name) as stream:
                for more in range(1, 1_000_000):
                    stream.write(frame(number + more, stream.shape), frame_id=number + more)
        time.sleep(0.002 + chance.random() * 0.006)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        state = patiently(lambda: pyshmem.stat(name))
        print("killed", json.dumps([state["write_sequence"], state["count"]]), flush=True)
        if chance.random() < 0.3:
            patiently(lambda: write(name, number + 999_999))
    print("done", flush=True)
    sys.stdin.read()


def patiently(action):
    """Tries for some seconds: a process that was killed while it signed the lock keeps pyshmem from opening the stream until
    somebody puts that in order."""
    for _ in range(100):
        try:
            return action()
        except ValueError:
            pass
    return action()


def kill_creators(name):
    """Makes and unlinks a stream in a process that is killed at any moment. Once more for every line that comes in."""
    for line in sys.stdin:
        creator = os.fork()
        if creator == 0:
            while True:
                pyshmem.create(name, shape=[512], dtype="uint64").close()
                pyshmem.unlink(name)
        time.sleep(0.001 + random.random() * 0.003)
        os.kill(creator, signal.SIGKILL)
        os.waitpid(creator, 0)
        print("killed", flush=True)


def create(name, dtype, *shape, notify=True):
    """Makes a stream and goes on to own it until it is told to end."""
    stream = pyshmem.create(name, shape=[int(extent) for extent in shape], dtype=dtype, notify=notify)
    print("created", flush=True)
    sys.stdin.read()


def stat(name):
    print(json.dumps(pyshmem.stat(name)))


def listed(name):
    print(name in pyshmem.list_streams())


def unlink(name):
    pyshmem.unlink(name)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
