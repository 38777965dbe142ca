#!/usr/bin/env python3
"""Speed of the CPU kernels at SmolLM2's shapes, one and two threads: GFLOP/s, and GB/s of weights for one row.

    bench/kernels.py [--build build] [--type f32|bf16] [--rows 1,32,128]
"""
import argparse
import re
import subprocess
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build")
parser.add_argument("--type", default="f32", choices=["f32", "bf16"])
parser.add_argument("--rows", default="1,32,128")
arguments = parser.parse_args()

SHAPES = [(576, 576), (576, 192), (576, 1536), (1536, 576), (576, 49152)]


def program(rows, k, n, copies, kind):
    """A call of `copies` linears with weights of their own, so that for one row they come from memory."""
    args = [f'%x: tensor<{rows}x{k}x{kind}> {{tp.input = "x"}}']
    args += [f'%w{i}: tensor<{n}x{k}x{kind}> {{tp.parameter = "w{i}"}}' for i in range(copies)]
    body = [f"  %y{i} = tp.linear %x, %w{i} : (tensor<{rows}x{k}x{kind}>, tensor<{n}x{k}x{kind}>) -> tensor<{rows}x{n}xf32>" for i in range(copies)]
    sums = [f"  %s{i} = arith.addf %{'y0' if i == 1 else f's{i - 1}'}, %y{i} : tensor<{rows}x{n}xf32>" for i in range(1, copies)]
    last = f"%s{copies - 1}" if copies > 1 else "%y0"
    out = f'(tensor<{rows}x{n}xf32> {{tp.output = "y"}})'
    return (f"module {{\nfunc.func @f({', '.join(args)}) -> {out} attributes {{tp.entry = \"f\"}} {{\n" + "\n".join(body + sums) +
            f"\n  return {last} : tensor<{rows}x{n}xf32>\n}}\n}}\n")


for rows in map(int, arguments.rows.split(",")):
    for k, n in SHAPES:
        size = n * k * (4 if arguments.type == "f32" else 2)
        copies = max(1, min(40, 200_000_000 // size)) if rows == 1 else 1
        times = max(3, int(1e10 / (2 * rows * k * n * copies)))
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
            file.write(program(rows, k, n, copies, arguments.type))
            file.flush()
            run = subprocess.run([f"{arguments.build}/bin/tp-cpu-check", file.name, "--tolerance", "1", "--time", str(times)], capture_output=True, text=True)
        seconds = {int(t): float(s) for t, s in re.findall(r"threads (\d) seconds (\S+)", run.stdout)}
        line = " ".join(f"{t}T {2 * rows * k * n * copies / s / 1e9:7.1f} GFLOP/s {size * copies / s / 1e9:6.1f} GB/s" for t, s in seconds.items())
        print(f"{arguments.type} rows {rows:4} K {k:5} N {n:6}: {line or run.stdout + run.stderr}", flush=True)
