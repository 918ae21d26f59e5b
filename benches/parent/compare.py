"""Runs shmpipeline and sandpipe side by side on the same pipelines and prints their ratios.

    python3 benches/parent/compare.py [--runs 3] [--seconds 4] [--write]

Makes its own virtual environment with shmpipeline from PyPI under target/, and builds sandpipe. The two take
turns within one run, so that the ratios hold on a shared machine; of several runs, min / median / max are
printed. `--write` keeps the raw figures in benches/results/parent.json and puts the table into benches/README.md.

Rates are those of the output with the source flat out. Two latencies are measured:

* "through Python": a Python process writes a frame with pyshmem and waits for the output, the same program for
  both. It contains pyshmem's own cost and the wake-ups of two processes.
* "inside": from the publish of the source's frame to the publish of the output, as sandpipe reports it, with one frame
  in flight, as in the Python process; and "inside, at N Hz", where caches cool down between frames. shmpipeline has no such
  figure; it is compared with its "through Python" one, which is all its users can get.

The first frame is waited for by a Python process that looks every 0.2 ms. Memory is that of all processes of a
program, what they share counted in parts, the streams left out.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import programs
from programs import HERE, PARENT, ROOT, SANDPIPE

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import results  # noqa: E402
from results import Case  # noqa: E402

PARENT_NAME = "shmpipeline 1.3.0"


def rates(label, pipeline, source, output, arguments, ours_runs=None):
    """Rates of the two on the same pipeline; `ours_runs` is a variant of it that only sandpipe understands."""
    case = Case(label, "frames/s", [], [], more_is_better=True)
    for _ in range(arguments.runs):
        case.theirs.append(programs.parent_rate(pipeline, source, output, arguments.seconds))
        case.ours.append(programs.our_rate(ours_runs or pipeline, source, output, arguments.seconds))
    yield case


def latencies(label, pipeline, source, output, inside_hz, arguments):
    theirs, ours, inside, paced = [], [], [], []
    for _ in range(arguments.runs):
        theirs.append(programs.latency(PARENT, pipeline, source, output, arguments.seconds))
        ours.append(programs.latency(SANDPIPE, pipeline, source, output, arguments.seconds))
        inside.append(programs.our_bench(pipeline, arguments.seconds)["latency_us"])
        report = programs.our_report(pipeline, f"{source}:ramp:{inside_hz}", arguments.seconds)
        paced.append(report["latency_us"])
    for where, runs in (("through Python", ours), ("inside", inside), (f"inside, at {inside_hz} Hz", paced)):
        for quantile in ("p50", "p99"):
            values = [[run[quantile] for run in each] for each in (theirs, runs)]
            yield Case(f"{label}, {where}, {quantile}", "µs", *values)


def starts(label, pipeline, output, arguments):
    theirs, ours, cold = [], [], []
    for _ in range(arguments.runs):
        theirs.append(programs.first_frame(PARENT, pipeline, output))
        ours.append(programs.first_frame(SANDPIPE, pipeline, output))
        with tempfile.TemporaryDirectory() as empty:
            cold.append(programs.first_frame(SANDPIPE, pipeline, output, cache=empty))
    what = (("first frame", "ms", 0, ours), ("first frame, nothing compiled yet", "ms", 0, cold), ("memory", "MB", 1, ours))
    for name, unit, index, runs in what:
        yield Case(f"{label}, {name}", unit, *[[run[index] for run in each] for each in (theirs, runs)])


def variant(name, text):
    """A pipeline made of another one's text."""
    path = ROOT / "target" / f"{name}.yaml"
    path.write_text(text)
    return path


def cases(arguments):
    """A ramp costs both programs little to generate, so that the pipeline is what is measured."""
    for label, length in (("64 × f32", 64), ("1 MiB", 1 << 18), ("8 MiB", 1 << 21)):
        copy = variant("parent_copy", (HERE / "copy.yaml").read_text().replace("LENGTH", str(length)))
        yield from rates(f"one copy stage, {label}", copy, "copy_input:ramp", "copy_output", arguments)
    mixed = HERE / "mixed.yaml"
    yield from rates("five mixed stages, 64 × f32", mixed, "mixed_input:ramp", "mixed_clipped", arguments)
    observatory = HERE / "observatory.yaml"
    image, command = "obs_wfs_image", "obs_dm_command"
    label = "observatory adaptive optics"
    yield from rates(label, observatory, f"{image}:ramp", command, arguments)
    # shmpipeline has a process for each stage and so uses both processors; this gives sandpipe a second one too.
    kind = "kind: cpu.affine_transform\n"
    split = variant("parent_split", observatory.read_text().replace(kind, kind + "    instances: 2\n"))
    label_split = "the same, the reconstructor split over both processors"
    yield from rates(label_split, observatory, f"{image}:ramp", command, arguments, split)
    yield from latencies(label, observatory, image, command, 200, arguments)
    yield from latencies("one scale stage, 64 × f32", HERE / "single.yaml", "single_input", "single_output", 2000, arguments)
    source = "sources: [{name: camera, kind: synthetic.array, stream: mixed_input, parameters: {rate_hz: 100}}]\n"
    started = variant("parent_started", mixed.read_text() + source)
    yield from starts("five mixed stages, 64 × f32", started, "mixed_clipped", arguments)


def main():
    parser = argparse.ArgumentParser(description="Compares sandpipe with shmpipeline.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="keep the figures in benches/")
    arguments = parser.parse_args()
    programs.prepare()
    title = results.load_and_machine(arguments.runs)
    print(title, *results.head(PARENT_NAME), sep="\n", flush=True)
    done = []
    for case in cases(arguments):
        done.append(case)
        print(case.row(), flush=True)
    if arguments.write:
        results.write("parent", title, done, results.table(done, PARENT_NAME))


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
