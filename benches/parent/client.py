"""Writes frames with pyshmem and waits for the output of each: INPUT OUTPUT SECONDS. Prints p50 and p99 in µs."""

import json
import sys
import time

import numpy
import pyshmem

FIRST_FRAME_S = 30


def opened(name):
    give_up = time.monotonic() + FIRST_FRAME_S
    while True:
        try:
            return pyshmem.open(name)
        except (FileNotFoundError, ValueError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def main():
    source, output = opened(sys.argv[1]), opened(sys.argv[2])
    frame = numpy.ones(source.shape, source.dtype)
    # The pipeline may still be starting: write until the first output comes.
    give_up = time.monotonic() + FIRST_FRAME_S
    while output.count == 0:
        source.write(frame)
        time.sleep(0.05)
        if time.monotonic() > give_up:
            sys.exit("no output")
    time.sleep(0.5)
    times = []
    end = time.perf_counter() + float(sys.argv[3])
    while (start := time.perf_counter()) < end:
        seen = output.count
        frame[0] += 1
        source.write(frame)
        output.read_after(seen, timeout=1.0)
        times.append(time.perf_counter() - start)
    times.sort()
    quantile = lambda share: times[int(share * (len(times) - 1))] * 1e6
    print(json.dumps({"p50": quantile(0.5), "p99": quantile(0.99), "frames": len(times)}))


main()
