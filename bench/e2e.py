#!/usr/bin/env python3
"""Tokens per second of SmolLM2-135M, ours beside llama.cpp's, in turns (A B A B) so that both meet the same noise.

    build/venv/bin/python bench/e2e.py [--build build] [--rounds 5] [--seconds 270] [--dtypes f32,bf16] [--shapes 1x1,1x2,2x1] [--prompt 512] [--tokens 64]

A shape is ranks x threads of a rank; llama.cpp gets as many threads in all. Both read the same weights: those of the GGUF file, dequantised to the
dtype; llama.cpp's KV cache is its default, f16. Figures are medians over the rounds, fewer
where the time is up (one at least); the ratio is the median of the rounds' ratios. The floor is what this machine could do at best, measured in
the same run: a matrix product's arithmetic for prefill (bf16: twice that of f32), the bandwidth of reading every weight once for decode.
Needs `pip install -r bench/requirements.txt` in build/venv; without it our side alone is measured.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "reference")]
SMOL = {"layers": 30, "hidden": 576, "body": 106_203_456, "embedding": 28_311_552}  # parameters without and of the embedding
HEADER = ["dtype", "ranks x threads", "", "ours", "llama.cpp", "ours / llama.cpp", "floor", "ours / floor"]


def prompt_ids(count):
    return [100 + 37 * i % 40_000 for i in range(count)]


def write_gguf(source, dtype, path):
    """The model with its matrices as `dtype`; what the file says of it stays."""
    import gguf

    reader = gguf.GGUFReader(str(source))
    writer = gguf.GGUFWriter(str(path), "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type", "general.quantization_version"):
            sub = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub)
    kind = gguf.GGMLQuantizationType[dtype.upper()]
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        # norms stay f32
        data = gguf.quants.quantize(values, kind) if len(tensor.shape) > 1 else values
        writer.add_tensor(tensor.name, data, raw_dtype=kind if len(tensor.shape) > 1 else gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ours(build, package, threads, prompt, tokens):
    stats = package.with_suffix(".stats.json")
    ids = ",".join(map(str, prompt_ids(prompt)))
    subprocess.run(
        [build / "bin/tp-run", package, "--prompt-ids", ids, "--max-tokens", str(tokens + 1), "--ignore-eos", "--print", "ids", "--threads", str(threads),
         "--stats", stats], check=True, stdout=subprocess.DEVNULL)
    found = json.loads(stats.read_text())
    return {"prefill": found["prefill"]["tokens_per_second"], "decode": found["decode"]["tokens_per_second"]}


def peer_main(path, threads, prompt, tokens):
    """In a process of its own: llama.cpp through its C interface, greedy."""
    import ctypes

    import llama_cpp as lib
    import numpy as np

    lib.llama_backend_init()
    quiet = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(quiet, None)
    model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = prompt + tokens + 8, prompt, prompt
    params.n_threads = params.n_threads_batch = threads
    context = lib.llama_init_from_model(model, params)

    def step(ids):
        array = (ctypes.c_int32 * len(ids))(*ids)
        if lib.llama_decode(context, lib.llama_batch_get_one(array, len(ids))) != 0:
            sys.exit("llama_decode failed")
        return int(np.argmax(np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(49_152,))))

    step(prompt_ids(8))  # loads the weights and starts the threads
    lib.llama_memory_clear(lib.llama_get_memory(context), True)
    start = time.perf_counter()
    token = step(prompt_ids(prompt))
    middle = time.perf_counter()
    for _ in range(tokens):
        token = step([token])
    end = time.perf_counter()
    print(json.dumps({"prefill": prompt / (middle - start), "decode": tokens / (end - middle)}))


def limits_main():
    """Reading bandwidth (bytes/s) of a matrix times a vector, and arithmetic (f32 operations/s) of a matrix product."""
    import numpy as np

    def best(work, amount):
        seconds = []
        for _ in range(7):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        return amount / min(seconds)

    large, vector, square = np.ones((60_000, 2048), np.float32), np.ones(2048, np.float32), np.ones((2048, 2048), np.float32)
    print(json.dumps({"bandwidth": best(lambda: large @ vector, large.nbytes), "flops": best(lambda: square @ square, 2 * 2048**3)}))


def inside(threads, *command):
    """This script as a process, with so many threads for its libraries."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    run = subprocess.run([sys.executable, __file__, *map(str, command)], env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {run.stderr[-2000:]}")
    return json.loads(run.stdout.strip().splitlines()[-1])


def floors(limits, dtype, prompt):
    weights = (SMOL["body"] + SMOL["embedding"]) * (4 if dtype == "f32" else 2)
    operations = 2 * SMOL["body"] + 2 * prompt * SMOL["hidden"] * SMOL["layers"]  # of a token, at the prompt's middle
    return {"prefill": limits["flops"] * (1 if dtype == "f32" else 2) / operations, "decode": limits["bandwidth"] / weights}


def prepare(options, dtype, shapes):
    from common import find_model

    source, folder = options.model or find_model(), options.build / "bench"
    folder.mkdir(exist_ok=True)
    if not (folder / f"{dtype}.gguf").exists():
        write_gguf(source, dtype, folder / f"{dtype}.part")
        (folder / f"{dtype}.part").rename(folder / f"{dtype}.gguf")
    for ranks in sorted({ranks for ranks, _ in shapes}):
        subprocess.run([options.build / "bin/tp-compile", source, "-o", folder / f"{dtype}-tp{ranks}", "--mesh", f"tp={ranks}", "--dtype", dtype, "-q"], check=True)
    return folder


def measure(options, folder, dtype, ranks, threads, peer, end):
    """Rounds of both and of the machine's limits, one after the other, none begun after `end`: lists by what was measured."""
    found = {"ours": [], "peer": [], "limits": []}
    for n in range(options.rounds):
        if n > 0 and time.monotonic() > end:
            break
        found["ours"].append(ours(options.build, folder / f"{dtype}-tp{ranks}", threads, options.prompt, options.tokens))
        if peer:
            found["peer"].append(inside(ranks * threads, "--peer", folder / f"{dtype}.gguf", ranks * threads, options.prompt, options.tokens))
        found["limits"].append(inside(ranks * threads, "--limits"))
    return found


def row(found, floor, what):
    mine = [r[what] for r in found["ours"]]
    theirs = [r[what] for r in found["peer"]]
    ratio = f"{statistics.median(a / b for a, b in zip(mine, theirs)):.2f}" if theirs else "-"
    median = statistics.median(mine)
    return [what, f"{median:.0f}", f"{statistics.median(theirs):.0f}" if theirs else "-", ratio, f"{floor[what]:.0f}", f"{median / floor[what]:.2f}"]


def cpu_name():
    lines = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{lines[0] if lines else platform.processor()}, {len(lines)} CPUs"


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer_main(sys.argv[2], *map(int, sys.argv[3:]))
    if sys.argv[1:2] == ["--limits"]:
        return limits_main()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=270, help="what all rounds together may take")
    parser.add_argument("--dtypes", default="f32,bf16")
    parser.add_argument("--shapes", default="1x1,1x2,2x1")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    options.build = options.build.resolve()
    shapes = [tuple(map(int, shape.split("x"))) for shape in options.shapes.split(",")]
    peer = subprocess.run([sys.executable, "-c", "import llama_cpp"], capture_output=True).returncode == 0
    if not peer:
        print("llama.cpp is not here: pip install -r bench/requirements.txt", file=sys.stderr)
    limits = {ranks * threads: {"bandwidth": 0, "flops": 0} for ranks, threads in shapes}  # the best of all rounds
    rows, begin = [], time.monotonic()
    combinations = [(dtype, ranks, threads) for dtype in options.dtypes.split(",") for ranks, threads in shapes]
    print(f"{datetime.date.today()}, {cpu_name()}, at most {options.rounds} rounds, {options.prompt} tokens of prompt, {options.tokens} behind it; tokens/s")
    folders = {dtype: prepare(options, dtype, shapes) for dtype in options.dtypes.split(",")}
    for n, (dtype, ranks, threads) in enumerate(combinations):
        end = begin + options.seconds * (n + 1) / len(combinations)
        found = measure(options, folders[dtype], dtype, ranks, threads, peer, end)
        print(f"{dtype}, {ranks} x {threads}: {len(found['ours'])} rounds", file=sys.stderr, flush=True)
        limit = limits[ranks * threads]
        for name in limit:
            limit[name] = max(limit[name], *(one[name] for one in found["limits"]), 0)
        rows += [(dtype, ranks, threads, found, what) for what in ("prefill", "decode")]
    for n, limit in limits.items():
        print(f"{n} threads: {limit['bandwidth'] / 1e9:.0f} GB/s, {limit['flops'] / 1e9:.0f} GFLOP/s (f32)")
    print("\n| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    for dtype, ranks, threads, found, what in rows:
        floor = floors(limits[ranks * threads], dtype, options.prompt)
        print("| " + " | ".join([dtype, f"{ranks} x {threads}", *row(found, floor, what)]) + " |")


if __name__ == "__main__":
    main()
