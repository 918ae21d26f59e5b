"""What a healthy stage notices of a stage beside it that faults and is restarted on every frame.

    python3 benches/neighbour.py [--runs 5] [--seconds 5] [--rate 1000]

One stage scales a 256 x 256 frame; beside it, on the same input, stands nothing, or a stage that traps at once, or one that
loops until its deadline, in the supervisor's process or in a process of its own. The variants take turns within one run;
of several runs, min / median / max are printed. The latency is from the publish of the source's frame to the publish of the
healthy stage's, the only stage that publishes anything.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SANDPIPE = ROOT / "target" / "release" / "sandpipe"
KERNEL = (Path(__file__).resolve().parent / "neighbour" / "kernel.wat").read_text()

FAULTS = {"traps": "(unreachable)", "loops": "(loop (br 0))"}

HEALTHY = """
lanes: {lanes}
shared_memory:
  - {{name: neighbour_in, shape: [256, 256], dtype: float32}}
  - {{name: neighbour_out, shape: [256, 256], dtype: float32}}
  - {{name: neighbour_bad, shape: [256, 256], dtype: float32}}
kernels:
  - {{name: healthy, kind: cpu.scale, input: neighbour_in, output: neighbour_out, parameters: {{factor: 2.0}}}}
"""

HOSTILE = """
  - name: hostile
    module: {module}
    input: neighbour_in
    output: neighbour_bad
    isolation: {isolation}
    limits: {{deadline: 500us}}
    on_fault: {{action: restart, max_restarts: 1000000, within: 1s, backoff: 1us}}
"""


def variants():
    for lanes in ["spread", "fused"]:
        yield f"alone, {lanes}", lanes, None
        for fault in FAULTS:
            for isolation in ["thread", "process"]:
                yield f"beside one that {fault}, {isolation}, {lanes}", lanes, (fault, isolation)


def measure(folder, lanes, hostile, seconds, rate):
    text = HEALTHY.format(lanes=lanes)
    if hostile:
        fault, isolation = hostile
        text += HOSTILE.format(module=f"{fault}.wat", isolation=isolation)
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(text)
    command = [SANDPIPE, "run", pipeline, "--source", f"neighbour_in:ramp:{rate}", "--duration", f"{seconds}s"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{text}\n{done.stderr}\n{done.stdout[-2000:]}")
    report = json.loads(done.stdout)
    stage = report["stages"].get("hostile", {"faults": 0, "restarts": 0})
    published = report["streams"]["neighbour_out"]["published"]
    return {
        "p50": report["latency_us"]["p50"],
        "p99": report["latency_us"]["p99"],
        "max": report["latency_us"]["max"],
        "share": published / (rate * report["elapsed_s"]),
        "faults": stage["faults"] / report["elapsed_s"],
    }


def spread(values, digits=3):
    return " / ".join(f"{value:.{digits}g}" for value in (min(values), statistics.median(values), max(values)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=5)
    arguments.add_argument("--rate", type=int, default=1000)
    arguments = arguments.parse_args()
    subprocess.run(["cargo", "build", "--release", "--bin", "sandpipe"], cwd=ROOT, check=True)
    measured = {name: [] for name, _, _ in variants()}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for fault, instructions in FAULTS.items():
            (folder / f"{fault}.wat").write_text(KERNEL.replace("@compute", instructions))
        for _ in range(arguments.runs):
            for name, lanes, hostile in variants():
                measured[name].append(measure(folder, lanes, hostile, arguments.seconds, arguments.rate))
    print(f"{arguments.runs} runs of {arguments.seconds} s at {arguments.rate} Hz; {os.cpu_count()} processors, Linux {platform.release()}")
    print("| the healthy stage | p50 (µs) | p99 (µs) | max (µs) | frames of those asked | faults beside it per second |")
    print("|---|---|---|---|---|---|")
    for name, runs in measured.items():
        column = lambda key: spread([run[key] for run in runs])
        print(f"| {name} | {column('p50')} | {column('p99')} | {column('max')} | {column('share')} | {column('faults')} |")


if __name__ == "__main__":
    main()
