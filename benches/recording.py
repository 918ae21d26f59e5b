"""What a loop notices of being recorded.

    python3 benches/recording.py [--runs 5] [--seconds 30] [--rate 1009] [--realtime "{awake: true}"] [--directory DIR] [--kept]

A control loop (an image of 256 x 256 floats, which are 256 KiB, to centroids to a matrix to an integrator) runs as it is, and is recorded
with all of its streams, with the processor's NaNs and with --deterministic, in turns within one run, every other time in the
opposite order, because the machine may become louder or calmer meanwhile; of several runs, min / median / max are printed. It runs
beside a process, too, that only writes as many bytes to the disk: what that costs is the machine's, not the recorder's. The
latency is from the publish of the image to the publish of the command. The last recording is then verified.

The rate is a prime number above 1 kHz, so that frames meet what the system does every 4 or 10 ms (its timer's tick among it) in
every phase. At 1000 Hz each run keeps the phase it happens to begin with, and is calm as a whole or not.

It needs room for two images a millisecond in the directory (16 GB for 30 s), which is a temporary one by default; --kept leaves the
last recording there.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SANDPIPE = ROOT / "target" / "release" / "sandpipe"

PIPELINE = """
shared_memory:
  - {name: recording_image, shape: [256, 256], dtype: float32}
  - {name: recording_centroids, shape: [16, 16, 2], dtype: float32}
  - {name: recording_slopes, shape: [512], dtype: float32}
  - {name: recording_matrix, shape: [64, 512], dtype: float32, initial: {pattern: normal, seed: 7, mean: 0, std: 0.1}}
  - {name: recording_offset, shape: [64], dtype: float32}
  - {name: recording_modes, shape: [64], dtype: float32}
  - {name: recording_command, shape: [64], dtype: float32}
kernels:
  - {name: centroid, kind: cpu.shack_hartmann_centroid, input: recording_image, output: recording_centroids, parameters: {tile_size: 16}}
  - {name: flatten, kind: cpu.flatten, input: recording_centroids, output: recording_slopes}
  - {name: reconstruct, kind: cpu.affine_transform, input: recording_slopes, auxiliary: [recording_matrix, recording_offset], output: recording_modes}
  - {name: integrate, kind: cpu.leaky_integrator, input: recording_modes, output: recording_command, parameters: {leak: 0.99, gain: 0.3}}
"""


def command(*arguments):
    done = subprocess.run([SANDPIPE, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr}\n{done.stdout[-2000:]}")
    return json.loads(done.stdout)


def measure(verb, pipeline, seconds, rate):
    source = f"recording_image:ramp:{rate}"
    report = command(*verb, pipeline, "--source", source, "--duration", f"{seconds}s", "--format", "json")
    streams = (report.get("recording") or {"streams": {}})["streams"].values()
    return {
        "p50": report["latency_us"]["p50"],
        "p99": report["latency_us"]["p99"],
        "p999": report["latency_us"]["p999"],
        "frames": report["streams"]["recording_command"]["published"] / (rate * report["elapsed_s"]),
        "dropped": sum(stream["dropped"] for stream in streams),
        "recorded": sum(stream["recorded"] for stream in streams),
    }


def write_beside(file, rate):
    """Starts a process that writes images to a file at a rate, past the page cache where there is a way, as the recorder does."""
    program = f"""
import mmap, os, time
os.nice(10)
image = mmap.mmap(-1, 4 * 256 * 256)
file = os.open({str(file)!r}, os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
due = time.monotonic()
while True:
    os.write(file, image)
    due += 1 / {rate}
    time.sleep(max(0, due - time.monotonic()))
"""
    return subprocess.Popen([sys.executable, "-c", program])


def remove(file):
    """Leaves the system time to free the blocks, which disturbs others."""
    file.unlink(missing_ok=True)
    os.sync()
    time.sleep(3)


def spread(values):
    return " / ".join(f"{value:.4g}" for value in (min(values), statistics.median(values), max(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=1009)
    parser.add_argument("--realtime", default="{}", help="what the pipeline asks for under `realtime:`")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--kept", action="store_true")
    arguments = parser.parse_args()
    if not SANDPIPE.exists():
        raise SystemExit("build it first: cargo build --release")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors; {arguments.rate} Hz for {arguments.seconds} s")
    with tempfile.TemporaryDirectory() as temporary:
        pipeline = Path(temporary) / "pipeline.yaml"
        pipeline.write_text(f"{PIPELINE}realtime: {arguments.realtime}\n")
        file = (arguments.directory or Path(temporary)) / "recording.mcap"
        other = file.with_name("other.mcap")
        for there in filter(Path.exists, (file, other)):
            raise SystemExit(f"{there} is not overwritten; remove it first")
        verbs = {
            "alone": ["run"],
            "beside": ["run"],
            "deterministic": ["record", "--deterministic", "-o", other],
            "recorded": ["record", "-o", file],
        }
        # Compiles the kernels, both ways.
        for verb in (verbs["alone"], verbs["deterministic"]):
            measure(verb, pipeline, 1, arguments.rate)
        results = {name: [] for name in verbs}
        for run in range(arguments.runs):
            for name, verb in list(verbs.items())[:: -1 if run % 2 else 1]:
                remove(file if name == "recorded" else other)
                beside = write_beside(other, arguments.rate) if name == "beside" else None
                try:
                    results[name].append(measure(verb, pipeline, arguments.seconds, arguments.rate))
                finally:
                    if beside:
                        beside.kill()
                        beside.wait()
        for name, runs in results.items():
            figures = {key: [run[key] for run in runs] for key in runs[0]}
            print(f"{name:13} p50 {spread(figures['p50'])} us, p99 {spread(figures['p99'])} us, p99.9 {spread(figures['p999'])} us, "
                  f"frames {spread(figures['frames'])} of the rate, dropped {spread(figures['dropped'])} of {spread(figures['recorded'])}")
        median = {name: statistics.median(run["p99"] for run in runs) for name, runs in results.items()}
        for name in ("beside", "recorded", "deterministic"):
            ratios = [recorded["p99"] / alone["p99"] for alone, recorded in zip(results["alone"], results[name])]
            print(f"p99 {name} / alone: of the pairs {spread(ratios)}; of the medians {median[name] / median['alone']:.3g}")
        size, begun = file.stat().st_size, time.monotonic()
        verdict = command("replay", file, pipeline, "--verify", "--format", "json")
        took = time.monotonic() - begun
        equal = sum(stream["equal"] for stream in verdict["streams"])
        unchecked = sum(stream["unchecked"] for stream in verdict["streams"])
        print(f"verified: {equal} frames are equal, {unchecked} unchecked; {size / 1e9:.2f} GB in {took:.1f} s")
        other.unlink(missing_ok=True)
        if not arguments.kept:
            file.unlink()


if __name__ == "__main__":
    main()
