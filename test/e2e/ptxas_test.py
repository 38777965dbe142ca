"""NVIDIA's assembler takes every kernel, for every arch, without spills, local memory or anything left to link; its
figures are those of docs/cuda-kernels.md.

usage: ptxas_test.py --build BUILD [--write]     (--write makes the page anew)
"""

import re
import sys
from pathlib import Path

from common import ROOT, Failure, Suite, compile_model, expect, run

import mixtral
import random_gguf
import t5
import xlnet

ARCHS = ("sm_80", "sm_90")
PAGE = ROOT / "docs" / "cuda-kernels.md"
HEAD = """# Kernels for GPUs

What NVIDIA's assembler (`ptxas` of the PyPI package `nvidia-cuda-nvcc`, see `scripts/requirements.txt`) says of the kernels of
SmolLM2-135M on one and on two GPUs, in bf16 and f32: of each sort the most registers of a thread and the most static shared memory of a
block. None spills, none uses local memory, none leaves a name to link. `meet` are the runtime's own, which are made for sm_80 alone.

`scripts/test ptxas` assembles them all and fails where this page is stale; `test/e2e/ptxas_test.py --write` writes it.

| weights | kernel | how many | registers, sm_80 | registers, sm_90 | shared, bytes |
|---|---|---:|---:|---:|---:|
"""
ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def find_ptxas():
    found = sorted(Path(sys.prefix).glob("lib/python3*/site-packages/nvidia/*/bin/ptxas"))
    if not found:
        sys.exit("the Python package nvidia-cuda-nvcc is not installed; scripts/setup makes a venv that has it")
    return found[0]


def assemble(ptxas, ptx, arch, scratch):
    """{kernel: (registers, shared)} of a file of PTX, which must keep the rules."""
    expect(".extern" not in ptx.read_text(), f"{ptx.name}: expected no .extern, found one")
    result = run([ptxas, "-v", "-O3", f"-arch={arch}", ptx, "-o", scratch / "cubin"], 300)
    said = result.stdout + result.stderr
    expect(result.returncode == 0, f"expected that ptxas takes {ptx.name} for {arch}, found: {said[:500]}")
    figures, name = {}, None
    for line in said.splitlines():
        if entry := ENTRY.search(line):
            name = entry[1]
        elif frame := FRAME.search(line):
            expect(set(frame.groups()) == {"0"}, f"{name} for {arch}: expected no local memory, found:{line.rstrip()}")
        elif used := USED.search(line):
            shared = SHARED.search(line)
            figures[name] = int(used[1]), int(shared[1]) if shared else 0
    declared = set(re.findall(r"\.entry (\w+)", ptx.read_text()))
    expect(declared and set(figures) == declared, f"expected figures of {len(declared)} kernels, found {len(figures)}")
    return figures


class Table:
    """Figures by (weights, sort of kernel) and arch."""

    def __init__(self):
        self.rows = {}

    def add(self, weights, arch, figures):
        for name, figure in figures.items():
            sort = re.sub(r"^kernel_|_\d+(?=_|$)", "", name)
            self.rows.setdefault((weights, sort), {}).setdefault(arch, []).append(figure)

    def text(self):
        lines = []
        for (weights, sort), by_arch in sorted(self.rows.items()):
            registers = [str(max(each[0] for each in by_arch[arch])) if arch in by_arch else "" for arch in ARCHS]
            shared = max(each[1] for figures in by_arch.values() for each in figures)
            lines.append(f"| {weights} | `{sort}` | {len(by_arch[ARCHS[0]])} | {' | '.join(registers)} | {shared} |")
        return HEAD + "\n".join(lines) + "\n"


def check_model(suite, ptxas, table, model, weights, ranks):
    package = suite.scratch / "package"
    flags = ["--target", "cuda", "--gpu-arch", ",".join(ARCHS), "--ptxas", "none", "--max-seq", 2048]
    compile_model(suite, model, package, "--mesh", f"tp={ranks}", "--dtype", weights, *flags)
    for arch in ARCHS:
        figures = assemble(ptxas, package / f"kernels.{arch}.ptx", arch, suite.scratch)
        if table:
            table.add(weights, arch, figures)


def check_meet(suite, ptxas, table):
    """The runtime's own kernels."""
    ptx = suite.scratch / "meet.ptx"
    source = (ROOT / "runtime" / "device" / "cuda" / "Meet.ptx.inc").read_text()
    ptx.write_text(source.partition('R"(')[2].partition(')"')[0].lstrip())
    figures = assemble(ptxas, ptx, "sm_80", suite.scratch)
    table.add("meet", "sm_80", figures)


def check_local(suite, ptxas):
    """A kernel with local memory is an error that names it."""
    ptx = suite.scratch / "local.ptx"
    ptx.write_text(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry spills(.param .u64 p) {\n.local .align 4 .b8 kept[64];\n"
        ".reg .u64 %r<5>;\n.reg .u32 %v;\nld.param.u64 %r1, [p];\nmov.u64 %r2, kept;\nadd.u64 %r3, %r2, %r1;\nmov.u32 %v, 1;\n"
        "st.local.u32 [%r3], %v;\nld.local.u32 %v, [%r2];\nst.global.u32 [%r1], %v;\nret;\n}\n"
    )
    try:
        assemble(ptxas, ptx, "sm_80", suite.scratch)
    except Failure as error:
        return expect("spills" in str(error), f"expected the kernel's name, found: {error}")
    expect(False, "expected an error, found none")


def check_page(table):
    expect(PAGE.exists() and PAGE.read_text() == table.text(), "docs/cuda-kernels.md is stale; run test/e2e/ptxas_test.py --write")


def main():
    with Suite("ptxas", lambda parser: parser.add_argument("--write", action="store_true", help="write the page")) as suite:
        ptxas, table = find_ptxas(), Table()
        suite.check("a kernel with local memory", check_local, suite, ptxas)
        for weights in ("bf16", "f32"):
            for ranks in (1, 2):
                suite.check(f"SmolLM2 {weights} tp={ranks}", check_model, suite, ptxas, table, suite.model, weights, ranks)
        odd = suite.scratch / "odd.gguf"
        random_gguf.write(odd)
        for weights in ("bf16", "f32"):
            suite.check(f"random {weights} tp=3", check_model, suite, ptxas, None, odd, weights, 3)
        for family, name in ((mixtral, "mixtral"), (mixtral, "mixtral_even"), (mixtral, "mixtral_tiles"), (t5, "t5_gated"), (xlnet, "xlnet_wide")):
            source = suite.scratch / name
            family.write(name, source)
            suite.check(f"{name} bf16 tp=2", check_model, suite, ptxas, None, source, "bf16", 2)
        suite.check("the runtime's own kernels", check_meet, suite, ptxas, table)
        if suite.options.write:
            PAGE.write_text(table.text())
        suite.check("docs/cuda-kernels.md", check_page, table)


if __name__ == "__main__":
    main()
