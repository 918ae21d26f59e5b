"""Prints the ratios of the last `cargo bench --bench kernels`: sandboxed time over native time, medians.

    python3 benches/ratios.py
"""

import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "target" / "criterion" / "kernel"


def microseconds(estimates):
    return json.loads(estimates.read_text())["median"]["point_estimate"] / 1e3


print("| kernel | sandboxed µs | native µs | ratio |")
print("|---|---|---|---|")
for kernel in sorted(path for path in RESULTS.iterdir() if (path / "wasm").is_dir()):
    name = json.loads((kernel / "wasm" / "new" / "benchmark.json").read_text())["function_id"]
    wasm, native = (microseconds(kernel / build / "new" / "estimates.json") for build in ("wasm", "native"))
    print(f"| {name} | {wasm:.2f} | {native:.2f} | {wasm / native:.2f} |")
