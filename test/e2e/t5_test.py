"""T5 models x meshes x strategies against the reference: the encoder's hidden states and the decoder's tokens."""

import numpy as np

# first: it makes test/reference importable
from common import SEED, Suite, expect, expect_close, expect_near, expect_tokens, read_logits, run, run_package

import t5

COUNT = 12
LENGTHS = (1, 13, 40)  # the smallest entry, and the largest
LEAST_MARGIN = 0.01
MESHES = {
    "t5_relu": [
        ("tp=1", "megatron"),
        ("tp=2", "megatron"),
        ("tp=3", "megatron"),
        ("tp=3", "sequence"),
        ("tp=2", "replicate"),
    ],
    "t5_gated": [("tp=3", "megatron"), ("tp=2", "sequence")],
}


def find_cases(model):
    cases = []
    for length in LENGTHS:
        rng = np.random.default_rng(SEED + length)
        while True:
            ids = rng.integers(1, model.spec["vocab"], length).tolist()
            hidden, tokens, margins = t5.generate(model, ids, COUNT)
            if min(margins) > LEAST_MARGIN:
                break
        cases.append((ids, hidden, tokens))
    return cases


def check(suite, source, cases, mesh, strategy):
    flags = ["--mesh", mesh, "--strategy", strategy, "--dtype", "f32", "--max-seq", "40", "--verify-partition"]
    with suite.package(source, *flags) as package:
        for ids, hidden, tokens in cases:
            output, what = suite.scratch / "hidden.npy", f"prompt of {len(ids)}"
            found = run_package(suite, package, [ids], count=COUNT, output=output)
            expect_close(read_logits(output, len(ids)), hidden, what)
            expect_tokens(found, [tokens], what)


def check_batch(suite, source, cases):
    """Prompts of different lengths at once: each sees its own alone. Again with processes, from a kept package."""
    with suite.package(source, "--mesh", "dp=2,tp=2", "--batch", "3", "--max-seq", "40") as package:
        prompts, tokens = [ids for ids, _, _ in cases], [tokens for _, _, tokens in cases]
        expect_tokens(run_package(suite, package, prompts, count=COUNT), tokens, "batch 3")
        expect_tokens(run_package(suite, package, prompts[:2], count=COUNT, mpi=4), tokens[:2], "batch 2, mpirun")


def check_bf16(suite, source, cases):
    with suite.package(source, "--mesh", "tp=2", "--dtype", "bf16", "--max-seq", "40") as package:
        for ids, hidden, _ in cases:
            output = suite.scratch / "hidden.npy"
            run_package(suite, package, [ids], count=2, output=output)
            expect_near(read_logits(output, len(ids)), hidden, f"prompt of {len(ids)}", 0.3, 0.03)


def check_errors(suite, source):
    """A text without a tokenizer, a prompt that is too long: one line each. As many tokens as the cache holds."""
    with suite.package(source, "--max-seq", "40") as package:
        for arguments, words in (
            (["--prompt", "hello"], "tokenizer"),
            (["--prompt-ids", ",".join("5" * 41)], "41 tokens"),
        ):
            result = run([suite.tool("tp-run"), package, "--print", "ids", *arguments])
            expect(result.returncode != 0 and words in result.stderr, f"expected {words!r}, found {result.stderr!r}")
            expect(result.stderr.count("\n") == 1, f"expected one line, found {result.stderr!r}")
        found = run_package(suite, package, [[5, 6, 7]], count=100)
        expect(len(found[0]) == 40, f"expected 40 tokens, found {len(found[0])}")


def main():
    with Suite("t5_test") as suite:
        for name, meshes in MESHES.items():
            source = suite.scratch / "models" / name
            t5.write(name, source)
            cases = find_cases(t5.build(name))
            for mesh, strategy in meshes:
                suite.check(f"{name} {mesh} {strategy}", check, suite, source, cases, mesh, strategy)
            if name == "t5_relu":
                suite.check("batch", check_batch, suite, source, cases)
                suite.check("bf16", check_bf16, suite, source, cases)
                suite.check("errors", check_errors, suite, source)


if __name__ == "__main__":
    main()
