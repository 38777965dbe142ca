#!/usr/bin/env python3
"""The communication table: what each case of cases.py moves, against the least known by hand.

usage: communication_test.py --build BUILD [--only NAME] [--form tp|linalg] [--write] [--print-ir]

For each case, as tp and as linalg ops:
- full size: partitioned; the bytes that a device sends and the work of all devices (tp-opt --tp-report-cost) are at most
  those by hand, or what misses.json says (a miss that got better or worse fails, too);
- a small size of the same proportions: the interpreter finds the partitioned program to compute what the whole one does
  (--tp-verify-partition), and counts the bytes that the cost report says.
docs/communication.md is compared with the outcome; --write writes it, and misses.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cases import CASES

HERE = Path(__file__).resolve().parent
MISSES = HERE / "misses.json"
PAGE = HERE.parent.parent / "docs" / "communication.md"
TOLERANCE = 1.005
PARTITION = ["tp-partition", "tp-optimize-collectives"]


@dataclass
class Outcome:
    mib: float = 0.0
    flops: float = 0.0
    error: str = ""  # of either size
    wrong: str = ""  # what no miss excuses: numbers that differ, bytes that were not counted
    collectives: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


def tp_opt(build, text, *passes):
    """What it prints, or raises with its first error."""
    run = subprocess.run([build / "bin" / "tp-opt", *passes, "-o", "/dev/null"], input=text, capture_output=True, text=True, timeout=300)
    if run.returncode:
        lines = [line.split("error: ")[1] for line in run.stderr.splitlines() if "error: " in line]
        raise RuntimeError(lines[0] if lines else f"tp-opt ends with {run.returncode}")
    return run.stdout, run.stderr


def measure(build, case, form):
    """At full size."""
    out, err = tp_opt(build, case.text(form, False), "--tp-decompose-layers", "--tp-report-cost", "--tp-partition-pipeline", "--tp-report-cost")
    whole, local = (json.loads(line) for line in out.splitlines())
    outcome = Outcome(collectives=local["collectives"], warnings=[w.split("warning: ")[1] for w in err.splitlines() if "warning: " in w])
    outcome.mib = local["entries"]["main"]["bytes"] / 2**20
    dense = whole["entries"]["main"]["flops"]
    outcome.flops = case.ranks() * local["entries"]["main"]["flops"] / dense if dense else 1.0
    return outcome


def verify(build, case, form):
    """At the small size; what is wrong, or nothing."""
    out, _ = tp_opt(build, case.text(form, True), "--tp-decompose-layers", "--cse", "--tp-propagate-shardings",
                    f"--tp-verify-partition=print=true pipeline={','.join(PARTITION)}", *(f"--{p}" for p in PARTITION), "--tp-report-cost")
    *lines, report = out.splitlines()
    collectives = json.loads(report)
    said = collectives["entries"]["main"]["bytes"]
    counted = sum(int(n) for n in re.findall(r"all collectives: (\d+) bytes", "\n".join(lines)))
    # Each is rounded to whole bytes.
    if abs(said - counted) > 1 + sum(c["count"] for c in collectives["collectives"]):
        return f"the cost report says {said} bytes, the interpreter counts {counted}"
    return ""


def run(build, case, form):
    try:
        outcome = measure(build, case, form)
        outcome.wrong = verify(build, case, form)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        outcome = Outcome(error=str(error))
    return outcome


def is_miss(case, outcome):
    return bool(outcome.error) or outcome.mib > case.hand * TOLERANCE or outcome.flops > case.flops * TOLERANCE


def as_miss(outcome):
    return {"error": outcome.error} if outcome.error else {"mib": round(outcome.mib, 4), "flops": round(outcome.flops, 3)}


def judge(case, outcome, known):
    """Why it fails, or nothing."""
    if outcome.wrong:
        return outcome.wrong
    if not is_miss(case, outcome):
        return "no longer misses: take it out of misses.json" if known else ""
    if known is None:
        return outcome.error or f"{outcome.mib:.4g} MiB, flops x {outcome.flops:.3f}; by hand {case.hand:.4g} MiB, flops x {case.flops:.2f}"
    now = as_miss(outcome)
    return "" if now == known else f"a known miss has changed: {known} is now {now}; --write notes it"


# ---- the page ----
def number(x):
    if 0 < x < 0.001:
        return f"{x * 2**20:.0f} B"
    return f"{x:.4g}"


def table(cases, outcomes):
    def mib(case, form):
        outcome = outcomes.get((case.name, form))
        if outcome is None:
            return ""
        text = "fails" if outcome.error else number(outcome.mib)
        return f"**{text}**" if is_miss(case, outcome) else text

    def flops(case):
        values = [outcomes[case.name, form].flops for form in case.forms if not outcomes[case.name, form].error]
        return " / ".join(dict.fromkeys(f"{value:.2f}" for value in values))

    yield "| case (ranks) | by hand | tp | linalg | XLA | flops | XLA flops |\n|---|---|---|---|---|---|---|"
    for case in cases:
        xla = ["", ""] if case.xla is None else [number(case.xla), f"{case.xla_flops:.2f}"]
        yield f"| {case.row} | {number(case.hand)} | {mib(case, 'tp')} | {mib(case, 'linalg')} | {xla[0]} | {flops(case)} | {xla[1]} |"


def page(outcomes):
    listed, others = [c for c in CASES if c.listed], [c for c in CASES if not c.listed]
    results = [(case, outcome) for case in CASES for form, outcome in ((f, outcomes[case.name, f]) for f in case.forms)]
    misses = sum(is_miss(*r) for r in results)
    below = sum(not is_miss(c, o) and o.mib < c.hand / TOLERANCE for c, o in results)
    head = (HERE / "page.md").read_text().rstrip()
    counts = f"Of {len(results)} programs {len(results) - misses - below} are at the figure by hand, {below} below it and {misses} above it."
    lines = [head, counts, *table(listed, outcomes), "\n## Others of the same kind\n", *table(others, outcomes)]
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:]) + "\n"


def describe(case, form, outcome):
    print(f"{case.name} {form}: {outcome.mib:.5g} MiB (by hand {case.hand:.5g}), flops x {outcome.flops:.3f} {outcome.error}{outcome.wrong}")
    for c in outcome.collectives:
        print(f"    {c['count']} x {c['kind']} over {','.join(c['axes'])}: {c['bytes'] / 2**20:.5g} MiB, for {c['op']} {c['operand']}")
    for warning in outcome.warnings:
        print(f"    warning: {warning}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--only", help="cases whose name contains this; prints their collectives")
    parser.add_argument("--form", choices=["tp", "linalg"])
    parser.add_argument("--write", action="store_true", help="write docs/communication.md and misses.json")
    parser.add_argument("--print-ir", choices=["full", "small"], help="print the programs and do nothing else")
    arguments = parser.parse_args()

    chosen = [(c, f) for c in CASES for f in c.forms if (arguments.only or "") in c.name and arguments.form in (None, f)]
    if not chosen:
        sys.exit(f"communication_test: no case is called {arguments.only}")
    if arguments.print_ir:
        for case, form in chosen:
            print(case.text(form, arguments.print_ir == "small"))
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda chosen: run(arguments.build, *chosen), chosen))

    known = json.loads(MISSES.read_text()) if MISSES.exists() else {}
    whole = not arguments.only and not arguments.form
    found = {(c.name, f): outcome for (c, f), outcome in zip(chosen, outcomes)}
    if arguments.write and whole:
        known = {f"{c.name} {f}": as_miss(found[c.name, f]) for c, f in chosen if is_miss(c, found[c.name, f])}
        MISSES.write_text(json.dumps(known, indent=1) + "\n")
        PAGE.write_text(page(found))
    failures = 0
    for (case, form), outcome in zip(chosen, outcomes):
        reason = judge(case, outcome, known.get(f"{case.name} {form}"))
        if not whole:
            describe(case, form, outcome)
        if reason:
            failures += 1
            print(f"FAIL {case.name} {form}: {reason}")
    tests = len(chosen)
    if whole:
        tests += 2
        if stale := set(known) - {f"{c.name} {f}" for c, f in chosen}:
            failures += 1
            print(f"FAIL misses.json names cases that do not exist: {', '.join(sorted(stale))}")
        if not PAGE.exists() or PAGE.read_text() != page(found):
            failures += 1
            print("FAIL docs/communication.md is not what the cases say; run with --write")
    print(f"{tests - failures} passed, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
