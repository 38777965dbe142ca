"""Writes what the reference says about the test prompts; does nothing when that is already there.

OUT/expected.json      {"key", "new_tokens", "prompts": {name: {"ids", "generated", "margins"}}}
OUT/logits_NAME.npy    float32 [prompt length, V]: logits of every prompt position

python make_expected.py MODEL.gguf --out build/test
"""

import argparse
import fcntl
import hashlib
import json
import os
import time
from pathlib import Path

import llama
import numpy as np
import prompts

HERE = Path(__file__).parent
NEW_TOKENS = 16
LEAST_MARGIN = 0.05  # a program's sums come in another order; a choice closer than this would make a test fragile


def digest(model_path) -> str:
    """Changes when the model or anything that computes the expectation changes."""
    sha = hashlib.sha256()
    for path in [HERE / "llama.py", HERE / "prompts.py", HERE / "prompts.json", Path(__file__), Path(model_path)]:
        sha.update(path.read_bytes())
    return sha.hexdigest()


def is_current(out: Path, key: str) -> bool:
    try:
        record = json.loads((out / "expected.json").read_text())
    except (OSError, ValueError):
        return False
    return record.get("key") == key and all((out / f"logits_{name}.npy").exists() for name in record["prompts"])


def make(model_path, out) -> None:
    """Once, whoever asks: suites run side by side."""
    Path(out).mkdir(parents=True, exist_ok=True)
    with open(Path(out) / "expected.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_alone(model_path, Path(out))


def make_alone(model_path, out: Path) -> None:
    key = digest(model_path)
    if is_current(out, key):
        print("expected results are up to date")
        return
    (out / "expected.json").unlink(missing_ok=True)
    model = llama.load(model_path)
    record = {}
    for name, ids in prompts.load_prompts(model_path).items():
        start = time.monotonic()
        prompt_logits, generated, margins = llama.generate(model, ids, NEW_TOKENS)
        if min(margins) < LEAST_MARGIN:
            raise SystemExit(f"prompt '{name}' has a near tie (margin {min(margins):.4f}): choose another")
        np.save(out / f"logits_{name}.npy", prompt_logits)
        record[name] = {"ids": ids, "generated": generated, "margins": margins}
        print(
            f"{name:10} {len(ids):4} tokens, smallest margin {min(margins):.3f}, {time.monotonic() - start:.1f} s",
            flush=True,
        )
    partial = out / "expected.json.partial"
    partial.write_text(json.dumps({"key": key, "new_tokens": NEW_TOKENS, "prompts": record}))
    os.replace(partial, out / "expected.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--out", default="build/test")
    options = parser.parse_args()
    make(options.model, options.out)


if __name__ == "__main__":
    main()
