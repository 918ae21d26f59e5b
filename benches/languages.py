"""The table of languages in the README: what `sandpipe kernel new` makes in each, built and timed.

    cargo build --release -p sandpipe && python benches/languages.py

Needs NumPy and, on PATH or named by their variables, the compilers that `sandpipe kernel build` asks for. Every kernel computes
gain × in + offset on the same frame of 512 × 512 float32; times are the least of the medians of interleaved rounds. A start is all of
`sandpipe kernel run` with one frame of 8 × 8: the first compiles, the second takes the code from the cache (the least of the rounds).
"""

import argparse
import os
import pathlib
import re
import subprocess
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).parent
LANGUAGES = {
    "rust": "Rust",
    "c": "C",
    "cpp": "C++",
    "zig": "Zig",
    "assemblyscript": "AssemblyScript",
    "wat": "WebAssembly text",
    "go": "Go",
    "python": "Python",
    "javascript": "JavaScript",
    "typescript": "TypeScript",
}
COPIED = ("python", "javascript", "typescript")
ROUNDS = 5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandpipe", default=HERE.parent / "target/release/sandpipe", type=pathlib.Path)
    sandpipe = str(parser.parse_args().sandpipe.resolve())
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        np.save(home / "in.npy", np.random.default_rng(1).random((512, 512), np.float32))
        np.save(home / "small.npy", np.zeros((8, 8), np.float32))
        # A cache of its own, so that the first start is one.
        environment = {**os.environ, "XDG_CACHE_HOME": str(home / "cache")}

        def run(*arguments):
            command = [sandpipe, *arguments]
            return subprocess.run(command, cwd=home, env=environment, check=True, text=True, capture_output=True).stdout

        def start(language):
            begin = time.perf_counter()
            module = f"in_{language}/in_{language}.wasm"
            run("kernel", "run", module, "--input", "small.npy", "--output", "out.npy", "--param", "gain=2")
            return time.perf_counter() - begin

        # What a process tries once and keeps in the cache is not the first kernel's.
        run("kernel", "inspect", "cpu.scale")
        first, second = {}, dict.fromkeys(LANGUAGES, float("inf"))
        for language in LANGUAGES:
            run("kernel", "new", "--lang", language, f"in_{language}")
            # The compilers keep their own caches where they always do.
            subprocess.run([sandpipe, "kernel", "build", f"in_{language}"], cwd=home, check=True, capture_output=True)
            first[language] = start(language)
        best = dict.fromkeys(LANGUAGES, float("inf"))
        for _ in range(ROUNDS):
            for language in LANGUAGES:
                module = f"in_{language}/in_{language}.wasm"
                repeat = "20" if language in COPIED else "1000"
                said = run("kernel", "run", module, "--input", "in.npy", "--output", "out.npy", "--param", "gain=2", "--repeat", repeat)
                second[language] = min(second[language], start(language))
                best[language] = min(best[language], float(re.search(r"p50 ([\d.]+)", said)[1]))
        print("| language | bytes | µs a frame | relative to Rust | frames | first start | second start |")
        print("|---|---|---|---|---|---|---|")
        for language, title in LANGUAGES.items():
            size = (home / f"in_{language}/in_{language}.wasm").stat().st_size
            took = best[language]
            ratio = f"{took / best['rust']:.1f}" if took < 100 * best["rust"] else f"{took / best['rust']:.0f}"
            way = "copied" if language in COPIED else "zero copy"
            starts = f"{first[language]:.2f} s | {second[language] * 1000:.0f} ms"
            print(f"| {title} | {size:,} | {took:,.0f} | {ratio} | {way} | {starts} |")


if __name__ == "__main__":
    main()
