#!/usr/bin/env python3
"""How long the compiler takes to propagate and partition: one layer beside many.

    build/venv/bin/python bench/compile.py [--build build] [--layers 1,16,126] [--rounds 5]

- Llama-3-405B's shape from config.json alone, dp=8,tp=16: layers are a loop;
- a linalg program whose layers are unrolled, with one weight of the first layer annotated, tp=4.
Figures are the shortest of the rounds: whole processes for the first, four phases for the second (in hundredths).
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "communication"))
from cases import Size  # noqa: E402
from forms import Linalg  # noqa: E402
from ir import module  # noqa: E402

LLAMA_405B = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16384, "intermediate_size": 53248, "num_attention_heads": 128,
    "num_key_value_heads": 8, "vocab_size": 128256, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "hidden_act": "silu", "torch_dtype": "bfloat16"}
PHASES = "decompose|propagate|partition|collectives"


def called(build, layers, folder):
    """Seconds of `tp-compile --stop-after partition`."""
    (folder / "config.json").write_text(json.dumps(LLAMA_405B | {"num_hidden_layers": layers}))
    start = time.perf_counter()
    subprocess.run([build / "bin/tp-compile", folder, "--mesh", "dp=8,tp=16", "--batch", "8", "--stop-after", "partition", "-o", folder / "plan.mlir"],
                   check=True, capture_output=True)
    return time.perf_counter() - start


def unrolled(build, layers, folder):
    """Seconds in the phases behind the parser, as tp-compile says them."""
    form = Linalg(Size())
    x = form.activation("x")
    for i in range(layers):
        x = form.new_layer(x, {"wq": "out"} if i == 0 else {}, suffix=f"_{i}")
    form.give(x)
    path = folder / "unrolled.mlir"
    path.write_text(module([("tp", 4)], form.f.text()))
    said = subprocess.run([build / "bin/tp-compile", path, "--stop-after", "collectives"], check=True, capture_output=True, text=True).stderr
    return sum(float(seconds) for seconds in re.findall(rf"^tp-compile: (?:{PHASES}) +([\d.]+) s$", said, re.M))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--layers", default="1,16,126")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| program | layers | seconds | ms a layer |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in (("called", called), ("unrolled", unrolled)):
            for layers in map(int, options.layers.split(",")):
                seconds = min(measure(options.build, layers, Path(folder)) for _ in range(options.rounds))
                print(f"| {name} | {layers} | {seconds:.3f} | {1000 * seconds / layers:.1f} |", flush=True)


if __name__ == "__main__":
    main()
