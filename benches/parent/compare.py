"""Runs shmpipeline and sandpipe side by side on the same pipelines and prints their ratios.

    python3 benches/parent/compare.py [--runs 3] [--seconds 4]

Makes its own virtual environment with shmpipeline from PyPI under target/, and builds sandpipe. The two take
turns within one run, so that the ratios hold on a shared machine; of several runs, min / median / max are
printed. Two latencies are measured on the single stage:

* "through Python": a Python process writes a frame with pyshmem and waits for the output, the same program for
  both. It contains pyshmem's own cost and the wake-ups of two processes.
* "inside": from the publish of the source's frame to the publish of the output, as sandpipe reports it.
  shmpipeline has no such figure; it is compared with its "through Python" one, which is all its users can get.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / "target" / "parent-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
SANDPIPE = ROOT / "target" / "release" / "sandpipe"


def prepare():
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        (ENVIRONMENT / "ready").touch()
    subprocess.run(["cargo", "build", "--release", "--bin", "sandpipe"], cwd=ROOT, check=True)


def parent_rate(pipeline, source, output, seconds):
    """Frames per second at the output, by the parent's own benchmark command."""
    command = [ENVIRONMENT / "bin" / "shmpipeline", "--log-level", "ERROR", "benchmark", pipeline, "--json"]
    command += ["--duration", str(seconds), "--source", source, "--output-stream", output]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed)["throughput_hz"]


def our_rate(pipeline, source, output, seconds):
    command = [SANDPIPE, "run", pipeline, "--duration", f"{seconds}s", "--source", source, "--format", "json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report["streams"][output]["published"] / report["elapsed_s"], report["latency_us"]


@contextlib.contextmanager
def running(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def latency(command, seconds):
    """p50 and p99 in microseconds of writing a frame and waiting for the output, from Python."""
    with running(command):
        client = [PYTHON, HERE / "client.py", "single_input", "single_output", str(seconds)]
        return json.loads(subprocess.run(client, check=True, capture_output=True, text=True).stdout)


def remove_streams(pipeline):
    """Removes what a killed run of this pipeline left, and nothing else; both programs start from nothing."""
    code = (
        "import sys, yaml, pyshmem\n"
        "for stream in yaml.safe_load(open(sys.argv[1]))['shared_memory']:\n"
        "    pyshmem.unlink_quiet(stream['name'])"
    )
    subprocess.run([PYTHON, "-c", code, pipeline], check=True)


def spread(values):
    return f"{min(values):.4g} / {statistics.median(values):.4g} / {max(values):.4g}"


def row(label, unit, theirs, ours, ratio):
    print(f"| {label} ({unit}) | {spread(theirs)} | {spread(ours)} | {spread(ratio)} |", flush=True)


def compare_rates(label, pipeline, source, output, arguments, ours_runs=None):
    """Rates of the two on the same pipeline; `ours_runs` is a variant of it that only sandpipe understands."""
    theirs, ours = [], []
    for _ in range(arguments.runs):
        remove_streams(pipeline)
        theirs.append(parent_rate(pipeline, source, output, arguments.seconds))
        remove_streams(pipeline)
        ours.append(our_rate(ours_runs or pipeline, source, output, arguments.seconds)[0])
    row(label, "frames/s", theirs, ours, [b / a for a, b in zip(theirs, ours)])


def compare_latency(arguments):
    pipeline = HERE / "single.yaml"
    theirs, ours, inside = [], [], []
    for _ in range(arguments.runs):
        remove_streams(pipeline)
        theirs.append(latency([ENVIRONMENT / "bin" / "shmpipeline", "run", pipeline], arguments.seconds))
        remove_streams(pipeline)
        ours.append(latency([SANDPIPE, "run", pipeline], arguments.seconds))
        remove_streams(pipeline)
        inside.append(our_rate(pipeline, "single_input:ramp:2000", "single_output", arguments.seconds)[1])
    for quantile in ("p50", "p99"):
        parent = [run[quantile] for run in theirs]
        for label, runs in (("through Python", ours), ("inside", inside)):
            mine = [run[quantile] for run in runs]
            ratio = [a / b for a, b in zip(parent, mine)]
            row(f"single stage, 64 × f32, {label}, {quantile}", "µs", parent, mine, ratio)


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{len(names)} × {names[0] if names else platform.machine()}, Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description="Compares sandpipe with shmpipeline.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    prepare()
    print(f"{machine()}; {time.strftime('%Y-%m-%d')}; min / median / max of {arguments.runs} runs\n")
    print("| case | shmpipeline 1.3.0 | sandpipe | ratio |")
    print("|---|---|---|---|")
    # A ramp costs both programs little to generate, so that the pipeline is what is measured.
    observatory = HERE / "observatory.yaml"
    compare_rates("observatory adaptive optics", observatory, "obs_wfs_image:ramp", "obs_dm_command", arguments)
    # shmpipeline has a process for each stage and so uses both processors; this gives sandpipe a second one too.
    two_lanes = ROOT / "target" / "observatory_two_lanes.yaml"
    kind = "kind: cpu.affine_transform\n"
    two_lanes.write_text(observatory.read_text().replace(kind, kind + "    lane: second\n"))
    label = "the same, the reconstructor on a lane of its own"
    compare_rates(label, observatory, "obs_wfs_image:ramp", "obs_dm_command", arguments, two_lanes)
    compare_rates("one scale stage, 64 × f32", HERE / "single.yaml", "single_input:ramp", "single_output", arguments)
    compare_latency(arguments)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
