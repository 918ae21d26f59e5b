"""Says when the first frame lies in a stream: OUTPUT. Prints the time of the monotonic clock in seconds."""

import sys
import time

import pyshmem

print("ready", flush=True)
sys.stdin.readline()
give_up = time.monotonic() + 60
while time.monotonic() < give_up:
    try:
        with pyshmem.open(sys.argv[1]) as stream:
            while stream.count == 0 and time.monotonic() < give_up:
                time.sleep(0.0002)
            print(time.monotonic(), flush=True)
            break
    except (OSError, ValueError):
        time.sleep(0.0002)
