"""The two programs, run the same way: rates, latencies, first frames and memory of a pipeline."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / "target" / "parent-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
PARENT = ENVIRONMENT / "bin" / "shmpipeline"
SANDPIPE = ROOT / "target" / "release" / "sandpipe"


def prepare():
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        (ENVIRONMENT / "ready").touch()
    subprocess.run(["cargo", "build", "--release", "--bin", "sandpipe"], cwd=ROOT, check=True)


def remove_streams(pipeline):
    """Removes what a killed run of this pipeline left, and nothing else; both programs start from nothing."""
    code = (
        "import sys, yaml, pyshmem\n"
        "for stream in yaml.safe_load(open(sys.argv[1]))['shared_memory']:\n"
        "    pyshmem.unlink_quiet(stream['name'])"
    )
    subprocess.run([PYTHON, "-c", code, pipeline], check=True)


def printed(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parent_rate(pipeline, source, output, seconds):
    """Frames per second at the output, by the parent's own benchmark command."""
    remove_streams(pipeline)
    command = [PARENT, "--log-level", "ERROR", "benchmark", pipeline, "--json"]
    command += ["--duration", str(seconds), "--source", source, "--output-stream", output]
    rate = printed(command)["throughput_hz"]
    if not rate:
        sys.exit(f"shmpipeline brought no frame through {pipeline} in {seconds} s: measure for longer")
    return rate


def our_report(pipeline, source, seconds):
    remove_streams(pipeline)
    return printed([SANDPIPE, "run", pipeline, "--duration", f"{seconds}s", "--source", source, "--format", "json"])


def our_bench(pipeline, seconds):
    remove_streams(pipeline)
    return printed([SANDPIPE, "bench", pipeline, "--duration", f"{seconds}s", "--rounds", "1", "--format", "json"])


def our_rate(pipeline, source, output, seconds):
    report = our_report(pipeline, source, seconds)
    return report["streams"][output]["published"] / report["elapsed_s"]


@contextlib.contextmanager
def running(program, pipeline, cache=None):
    """Runs it meanwhile; `cache`: the folder in which sandpipe looks for compiled kernels."""
    remove_streams(pipeline)
    environment = os.environ | ({"XDG_CACHE_HOME": cache} if cache else {})
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = time.monotonic()
    process = subprocess.Popen([program, "run", pipeline], env=environment, **quiet)
    try:
        yield process, started
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        remove_streams(pipeline)


def latency(program, pipeline, source, output, seconds):
    """p50 and p99 in µs of writing a frame and waiting for the output, from Python."""
    with running(program, pipeline):
        return printed([PYTHON, HERE / "client.py", source, output, str(seconds)])


def first_frame(program, pipeline, output, cache=None):
    """Milliseconds from the start of the program to its first output frame, seen from Python every 0.2 ms; and its memory then."""
    watcher = subprocess.Popen(
        [PYTHON, HERE / "first.py", output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    watcher.stdout.readline()
    with running(program, pipeline, cache) as (process, started):
        watcher.stdin.write("\n")
        watcher.stdin.flush()
        seen = float(watcher.stdout.readline())
        time.sleep(1)
        memory = sum(private_memory(one) for one in family(process.pid))
    watcher.wait()
    return (seen - started) * 1e3, memory / 1e6


def family(process):
    """The process and all that descend from it."""
    children = Path(f"/proc/{process}/task").glob("*/children")
    found = [int(child) for listed in children for child in listed.read_text().split()]
    return [process] + [one for child in found for one in family(child)]


def private_memory(process):
    """Resident bytes, what is shared counted in parts, streams left out (PSS without shared memory)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return sizes["Pss"] - sizes["Pss_Shmem"]
