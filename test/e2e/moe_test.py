"""Mixtures of experts x meshes x strategies against the reference: tokens and logits."""

import json

import numpy as np


# first: it makes test/reference importable
from common import SEED, Suite, expect, expect_close, expect_near, expect_tokens, read_logits, run, run_package

import mixtral

COUNT = 8
LENGTHS = (1, 21)
LEAST_MARGIN = 0.02
MESHES = {
    "mixtral": [
        ("tp=1", "megatron"),
        ("tp=3", "megatron"),
        ("tp=3", "sequence"),
        ("tp=2", "replicate"),
        ("ep=2,tp=2", "megatron"),
        ("ep=3,tp=2", "sequence"),
        ("ep=7", "megatron"),
    ],
    "mixtral_even": [("ep=3", "megatron")],
    "qwen3_moe": [("tp=2", "megatron"), ("ep=3", "sequence")],
}


def find_cases(model):
    cases = []
    for length in LENGTHS:
        rng = np.random.default_rng(SEED + length)
        while True:
            ids = rng.integers(1, model.config.vocab_size, length).tolist()
            logits, tokens, margins = mixtral.generate(model, ids, COUNT)
            if min(margins) > LEAST_MARGIN:
                break
        cases.append((ids, logits, tokens))
    return cases


def check(suite, source, cases, mesh, strategy):
    flags = ["--mesh", mesh, "--strategy", strategy, "--dtype", "f32", "--max-seq", "64", "--verify-partition"]
    with suite.package(source, *flags) as package:
        for ids, logits, tokens in cases:
            output, what = suite.scratch / "logits.npy", f"prompt of {len(ids)}"
            scored = run_package(suite, package, [ids], count=COUNT, output=output)
            expect_close(read_logits(output, len(ids)), logits, what)
            expect_tokens(scored, [tokens], what)
            expect_tokens(run_package(suite, package, [ids], count=COUNT), [tokens], what)


def check_bf16(suite, source, cases):
    """Rounding changes whom a row chooses, here and there; most of the logits stay near."""
    with suite.package(source, "--mesh", "ep=2,tp=2", "--dtype", "bf16", "--max-seq", "64") as package:
        ids, logits, _ = cases[1]
        output = suite.scratch / "logits.npy"
        run_package(suite, package, [ids], count=1, output=output)
        expect_near(read_logits(output, len(ids)), logits, "bf16", 4.0, 0.25)


def check_one_sum(suite, source):
    """Experts and their hidden units are split, and added up once a layer."""
    report = suite.scratch / "explain.json"
    command = [suite.tool("tp-compile"), source, "--mesh", "ep=2,tp=2", "--stop-after", "collectives", "-q"]
    result = run([*command, f"--explain={report}"])
    expect(result.returncode == 0, result.stderr)
    uses = json.loads(report.read_text())
    sums = [use for use in uses if use["op"] == "tp.expert_down"]
    right = all(use["kind"] == "all_reduce" and use["axes"] == ["ep", "tp"] for use in sums)
    expect(sums and right, f"expected one sum over ep and tp, found {sums}")
    others = [use for use in uses if use["op"] in ("tp.expert_up", "tp.route")]
    expect(not others, f"expected no communication before the experts, found {others}")


def check_missing(suite, source):
    """A directory that lacks an expert ends in an error that names it."""
    config = json.loads((source / "config.json").read_text())
    broken = suite.scratch / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps(config | {"num_local_experts": 6}))
    (broken / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
    result = run([suite.tool("tp-compile"), broken, "-o", suite.scratch / "package"])
    expect(result.returncode != 0 and "block_sparse_moe" in result.stderr, f"found {result.stderr!r}")


def main():
    with Suite("moe_test") as suite:
        for name, meshes in MESHES.items():
            source = suite.scratch / "models" / name
            mixtral.write(name, source)
            cases = find_cases(mixtral.build(name))
            for mesh, strategy in meshes:
                suite.check(f"{name} {mesh} {strategy}", check, suite, source, cases, mesh, strategy)
            if name == "mixtral":
                suite.check("bf16", check_bf16, suite, source, cases)
                suite.check("one sum a layer", check_one_sum, suite, source)
                suite.check("missing expert", check_missing, suite, source)


if __name__ == "__main__":
    main()
