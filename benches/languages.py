"""The table of languages in the README: what `sandpipe kernel new` makes in each, built and timed.

    cargo build --release -p sandpipe && python benches/languages.py

Needs NumPy and, on PATH or named by their variables, the compilers that `sandpipe kernel build` asks for. Every kernel computes
gain × in + offset on the same frame of 512 × 512 float32; times are the least of the medians of interleaved rounds.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile

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

        def run(*arguments):
            return subprocess.run([sandpipe, *arguments], cwd=home, check=True, text=True, capture_output=True).stdout

        for language in LANGUAGES:
            run("kernel", "new", "--lang", language, f"in_{language}")
            run("kernel", "build", f"in_{language}")
        best = dict.fromkeys(LANGUAGES, float("inf"))
        for _ in range(ROUNDS):
            for language in LANGUAGES:
                module = f"in_{language}/in_{language}.wasm"
                repeat = "20" if language in COPIED else "1000"
                said = run("kernel", "run", module, "--input", "in.npy", "--output", "out.npy", "--param", "gain=2", "--repeat", repeat)
                best[language] = min(best[language], float(re.search(r"p50 ([\d.]+)", said)[1]))
        print("| language | bytes | µs a frame | relative to Rust | frames |")
        print("|---|---|---|---|---|")
        for language, title in LANGUAGES.items():
            size = (home / f"in_{language}/in_{language}.wasm").stat().st_size
            time = best[language]
            ratio = f"{time / best['rust']:.1f}" if time < 100 * best["rust"] else f"{time / best['rust']:.0f}"
            way = "copied" if language in COPIED else "zero copy"
            print(f"| {title} | {size:,} | {time:,.0f} | {ratio} | {way} |")


if __name__ == "__main__":
    main()
