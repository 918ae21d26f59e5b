"""What the comparisons with others share: rows of a table, the machine, and where figures are kept."""

import json
import os
import platform
import re
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Case:
    """One row: what was measured of both, run by run; the last column is how many times better sandpipe was."""

    label: str
    unit: str
    theirs: list
    ours: list
    more_is_better: bool = False

    def row(self):
        ratio = [(b / a if self.more_is_better else a / b) for a, b in zip(self.theirs, self.ours)]
        columns = [f"{self.label} ({self.unit})", *map(spread, (self.theirs, self.ours, ratio))]
        return "| " + " | ".join(columns) + " |"


def spread(values):
    return " / ".join(f"{value:.4g}" for value in (min(values), statistics.median(values), max(values)))


def head(theirs):
    return [f"| case | {theirs} | sandpipe | times better |", "|---|---|---|---|"]


def table(cases, theirs):
    return head(theirs) + [case.row() for case in cases]


def load_and_machine(runs):
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    machine = f"{len(names)} × {names[0] if names else platform.machine()}, Linux {platform.release()}"
    load = f"load {os.getloadavg()[0]:.1f} before"
    return f"{machine}; {time.strftime('%Y-%m-%d')}; {load}; min / median / max of {runs} runs."


def write(name, title, cases, lines):
    """Keeps the raw figures in results/NAME.json, and puts the table between the marks of that name in both READMEs."""
    raw = {"machine": title, "cases": [asdict(case) for case in cases]}
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    marked = re.compile(f"(?<=<!-- {name} -->\n).*?(?=\n<!-- /{name} -->)", re.DOTALL)
    written = "\n".join([title, "", *lines])
    for readme in (HERE / "README.md", HERE.parent / "README.md"):
        readme.write_text(marked.sub(lambda _: written, readme.read_text(), count=1))
