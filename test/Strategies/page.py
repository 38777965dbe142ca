#!/usr/bin/env python3
"""Writes docs/strategies.md from the tests beside this file: their text, their IR, and what the compiler makes of it.

usage: page.py --build BUILD [-o FILE]     (scripts/docs calls it)
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDER = ["weight_rows", "weight_columns", "column_then_row", "attention_heads", "sequence", "sequence_ring", "vocabulary", "batch", "data_tensor",
         "attention_and_mlp_differ"]
HEAD = """# Strategies

The known ways to split a transformer, each as a test of its own in `test/Strategies`: the IR before, the IR that
`tp-opt --tp-partition-pipeline` makes of it, and the bytes that one device sends (ring model, f32). What is not annotated is inferred. The
tests also run both programs on the interpreter and compare every value. [communication.md](communication.md) has the bytes at the size of a
real model.

`scripts/docs` writes this page from the tests; `scripts/test docs` fails when it is stale. Behind "after", attributes that repeat what the
types say and the bodies of linalg ops are left out.
"""
# Attributes of a partitioned program that a reader does not need.
NOISE = [r'origin = "[^"]*"', r"tp\.shardings = \[(?:#tp\.sharding<[^>]*>(?:, )?)*\]", r"tp\.value = \d+ : i64", r"tp\.global_type = tensor<[^>]*>",
         r"tp\.sharding = #tp\.sharding<[^>]*>"]


def simplified(ir):
    for noise in NOISE:
        ir = re.sub(rf"{noise}, |(?:, )?{noise}", "", ir)
    ir = ir.replace(" {}", "")
    # Bodies of structured ops are left out, and the module around the function.
    ir = re.sub(r"linalg\.generic \{[^\n]*?\} (ins[^\n]*) \{\n.*?\n    \}( -> [^\n]*)", r"linalg.generic \1 {...}\2", ir, flags=re.DOTALL)
    lines = [line[2:] for line in ir.partition("module ")[2].splitlines()[1:-1]]
    return "\n".join(line for line in lines if line and not line.startswith("tp.mesh"))


def wrapped(ir, width=140):
    """Long lines broken at commas and arrows."""
    for line in ir.splitlines():
        indent = re.match(r" *", line)[0] + "    "
        while len(line) > width:
            at = max(line.rfind(", %", 0, width) + 1, line.rfind(" : (", 0, width), line.rfind(" -> ", 0, width))
            if at <= len(indent):
                break
            yield line[:at].rstrip()
            line = indent + line[at:].lstrip()
        yield line


def section(build, name):
    text = (HERE / f"{name}.mlir").read_text()
    comments, _, rest = text.partition("\n// RUN: ")
    title, _, prose = "\n".join(line.removeprefix("//").removeprefix(" ") for line in comments.splitlines()).partition("\n")
    code = "\n".join(line for line in rest.splitlines()[1:] if not line.startswith("//")).strip()
    passes = re.search(r"tp-opt %s (.*) \|", rest).group(1).split()
    run = subprocess.run([build / "bin" / "tp-opt", *passes], input=text, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"page: {name}.mlir: {run.stderr}")
    report, _, ir = run.stdout.partition("\n")  # before the module
    cost = json.loads(report)
    total = sum(entry["bytes"] for entry in cost["entries"].values())
    moved = [f"{c['kind']} over {', '.join(c['axes'])} {c['bytes']}" for c in cost["collectives"]]
    sent = f"One device sends {total} bytes: {', '.join(moved)}." if moved else "Nothing is sent."
    after = "\n".join(wrapped(simplified(ir)))
    return f"#{title}\n\n{prose.strip()}\n\n```mlir\n{code}\n```\n\nAfter:\n\n```mlir\n{after}\n```\n\n{sent}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=HERE.parent.parent / "docs" / "strategies.md")
    arguments = parser.parse_args()
    missing = {f.stem for f in HERE.glob("*.mlir")} ^ set(ORDER)
    if missing:
        sys.exit(f"page: tests and page disagree about {', '.join(sorted(missing))}")
    arguments.output.write_text("\n".join([HEAD, *(section(arguments.build, name) for name in ORDER)]))


if __name__ == "__main__":
    main()
