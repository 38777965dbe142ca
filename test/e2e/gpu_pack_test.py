"""The folder that checks GPUs elsewhere (scripts/gpu-pack), with small models on the emulated device: its `run` passes,
and says so when a result is not what the CPU's was."""

import json
import os

# first: it makes test/reference importable
from common import ROOT, Suite, expect, run, run_ok

import random_gguf


def run_pack(suite, pack, *flags, gpus=1):
    env = os.environ | {"TP_EMU_DEVICES": str(gpus)}
    return run([pack / "run", "--emulator", suite.options.build / "emulator", *flags], 240, env=env)


def check_pack(suite, pack):
    model = suite.scratch / "model.gguf"
    random_gguf.write(model)
    run_ok([ROOT / "scripts" / "gpu-pack", pack, "--build", suite.options.build, "--emulated", "--tokens-of", model])
    result = run_pack(suite, pack)
    expect(result.returncode == 0, f"expected all to pass, found:\n{result.stdout}{result.stderr}")
    lines = result.stdout.splitlines()
    expect(lines[-1] == "24 passed, 0 failed", f"expected '24 passed, 0 failed', found '{lines[-1]}'")
    pieces = [line for line in lines if line.startswith("| speed-small | decode_token, 1 | ")]
    for words in ("| kernel_rms_norm | 5 | - |", "| kernel_top_pairs | 1 | - |"):
        expect(any(words in piece for piece in pieces), f"expected '{words}' in a row, found:\n" + "\n".join(pieces))
    rows = [line for line in lines if line.startswith("| speed-small |") and line.count("|") == 8]
    expect("\nPyTorch was not measured beside: " in result.stdout, f"expected a word about PyTorch, found:\n{result.stdout}")
    expect(len(rows) == 1 and rows[0].endswith("| 16 | - | - | - | - |"), f"expected one row without figures, found {rows}")


def check_two_gpus(suite, pack):
    """Each rank has a GPU: its messages are measured, and by whom they are carried is said."""
    result = run_pack(suite, pack, gpus=2)
    expect(result.returncode == 0, f"expected all to pass, found:\n{result.stdout}{result.stderr}")
    rows = [line for line in result.stdout.splitlines() if line.startswith("| bf16-tp2 | 2 | 1024 | ")]
    expect(rows == ["| bf16-tp2 | 2 | 1024 | - | - | the kernels |"], f"expected one row of 1024 bytes, found {rows}")


def check_wrong(suite, pack):
    """Another token and a logit that is no number were expected of the first case."""
    description, logits, data = pack / "pack.json", pack / "expected" / "bf16-tp2.npy", pack / "kernels" / "gpu-experts-mma" / "data.bin"
    content = json.loads(description.read_text())
    content["cases"][0]["texts"][0]["tokens"][-1] += "0"
    description.write_text(json.dumps(content))
    logits.write_bytes(logits.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
    data.write_bytes(data.read_bytes()[:-4] + b"\0\0\0\x42")
    result = run_pack(suite, pack, "--no-speed")
    expect(result.returncode == 1, f"expected exit status 1, found {result.returncode}")
    for words in ("FAIL bf16-tp2: tokens", "FAIL bf16-tp2: logits: 1 of", "FAIL kernels of gpu-experts-mma: ", "few, rank 0, y[591]: expected 32", "18 passed, 3 failed"):
        expect(words in result.stdout, f"expected '{words}', found:\n{result.stdout}")


def check_existing(suite, pack):
    result = run([ROOT / "scripts" / "gpu-pack", pack])
    expect(result.returncode != 0 and "expected a new folder" in result.stderr, f"expected a refusal, found '{result.stderr}'")


def main():
    with Suite("gpu_pack") as suite:
        pack = suite.scratch / "pack"
        suite.check("pack and run", check_pack, suite, pack)
        suite.check("run on two GPUs", check_two_gpus, suite, pack)
        suite.check("wrong results are found", check_wrong, suite, pack)
        suite.check("a folder that exists is refused", check_existing, suite, pack)


if __name__ == "__main__":
    main()
