"""Runs iceoryx2, Extism and sandpipe in turns and prints how they compare.

    python3 benches/rivals/compare.py [--runs 3] [--write]

Needs no more than rustup and Python: what iceoryx2 is built with and Extism's library come from PyPI into a virtual
environment under target/. `--write` keeps the raw figures in benches/results/rivals.json and puts the table into
benches/README.md.

* Hand-off: half a round trip of 64 bytes between two threads, both polling: iceoryx2's publish and subscribe; sandpipe's ring.
* A call: frames of 32-bit floats, doubled. Extism's caller gives bytes and copies the result out of the plugin's memory;
  sandpipe's kernel reads and writes the streams.
"""

import argparse
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from results import Case, load_and_machine, table, write  # noqa: E402

ENVIRONMENT = ROOT / "target" / "rivals-venv"
BUILT = ROOT / "target" / "rivals"
PROGRAM = BUILT / "release" / "sandpipe-rivals"
PLUGIN = BUILT / "wasm32-unknown-unknown" / "release" / "plugin.wasm"
SANDPIPE = ROOT / "target" / "release" / "sandpipe"
SIZES = {4096: "4 KiB", 262144: "256 KiB", 1048576: "1 MiB"}


def found(pattern):
    return str(next(ENVIRONMENT.glob(f"lib/python3*/site-packages/{pattern}")))


def prepare():
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        (ENVIRONMENT / "ready").touch()
    build = ["cargo", "build", "--release", "--manifest-path", HERE / "Cargo.toml"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(BUILT), "LIBCLANG_PATH": found("clang/native")}
    subprocess.run(build, check=True, env=environment)
    plugin = ["--package", "plugin", "--target", "wasm32-unknown-unknown"]
    subprocess.run(build + plugin, check=True, env=environment)
    subprocess.run(["cargo", "build", "--release", "--bin", "sandpipe"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "bench", "--package", "sandpipe-benches", "--bench", "handoff", "--no-run"], cwd=ROOT, check=True)


def printed(command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def our_handoff():
    command = ["cargo", "bench", "--quiet", "--package", "sandpipe-benches", "--bench", "handoff"]
    row = re.search(r"ring, spinning \| (\d+) \| (\d+)", printed(command, cwd=ROOT))
    return {"p50_ns": float(row[1]), "p99_ns": float(row[2])}


def our_call(size):
    frame = BUILT / f"frame{size}.npy"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size // 4},), }}".ljust(117) + "\n"
    numbers = struct.pack(f"<{size // 4}f", *range(size // 4))
    frame.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + numbers)
    command = [SANDPIPE, "kernel", "run", "cpu.scale", "--param", "factor=2", "--input", frame]
    command += ["--output", BUILT / "doubled.npy", "--repeat", "20000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row = re.search(r"p50 ([\d.]+) µs, p99 ([\d.]+) µs", done.stdout + done.stderr)
    return {"p50_ns": float(row[1]) * 1e3, "p99_ns": float(row[2]) * 1e3}


def measure(runs):
    library = found("extism_sys/libextism_sys.so")
    rows = {"hand-off of 64 bytes": ([], [])}
    rows |= {f"a call, scale {name}": ([], []) for name in SIZES.values()}
    for _ in range(runs):
        theirs, ours = rows["hand-off of 64 bytes"]
        theirs.append(json.loads(printed([PROGRAM, "iceoryx2"]))["iceoryx2"])
        ours.append(our_handoff())
        calls = json.loads(printed([PROGRAM, "extism", library, PLUGIN, *map(str, SIZES)]))
        for size, name in SIZES.items():
            theirs, ours = rows[f"a call, scale {name}"]
            theirs.append(calls[f"extism {size}"])
            ours.append(our_call(size))
    for label, (theirs, ours) in rows.items():
        for quantile in ("p50", "p99"):
            values = [[run[f"{quantile}_ns"] / 1e3 for run in each] for each in (theirs, ours)]
            yield Case(f"{label}, {quantile}", "µs", *values)


def main():
    parser = argparse.ArgumentParser(description="Compares sandpipe with iceoryx2 and Extism.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="keep the figures in benches/")
    arguments = parser.parse_args()
    prepare()
    title = load_and_machine(arguments.runs)
    cases = list(measure(arguments.runs))
    lines = table(cases, "iceoryx2 0.10.0, Extism 1.41.0")
    print(title, *lines, sep="\n")
    if arguments.write:
        write("rivals", title, cases, lines)


if __name__ == "__main__":
    main()
