"""Random models of awkward sizes x meshes x strategies against the reference: tokens and logits."""

import itertools

import numpy as np

# first: it makes test/reference importable
from common import SEED, Suite, expect_close, expect_near, expect_tokens, read_logits, run_package

import llama
import random_gguf
import random_llama

COUNT = 12
LENGTHS = (1, 9, 145)  # one token; part of a chunk; a chunk of 128, one of 16 and one more
LEAST_MARGIN = 0.02
FEW = [("megatron", 2), ("megatron", 3), ("megatron", 7), ("sequence", 3), ("sequence", 4), ("replicate", 2)]
MANY = list(itertools.product(("megatron", "sequence", "replicate"), (1, 2, 3, 4, 5, 7)))
THOROUGH = ("plain", "mqa")

# Logits spread by 3. In bfloat16 the reference itself is off by up to 1.1, on average by at most 0.06.
BF16_LARGEST, BF16_MEAN = 2.0, 0.12

# Known ways to shard a forward pass wrongly: (model, strategy, degree) that shows each.
PITFALLS = {
    "bias_of_row_split_linear_added_once": ("bias", "megatron", 3),
    "bias_of_row_split_linear_added_once_sequence": ("bias", "sequence", 3),
    "fewer_kv_heads_than_ranks": ("mqa", "megatron", 5),
    "kv_heads_do_not_divide": ("plain", "megatron", 3),
    "more_ranks_than_heads": ("mha", "megatron", 7),
    "vocabulary_does_not_divide": ("untied", "megatron", 4),
    "vocabulary_does_not_divide_tied": ("plain", "megatron", 4),
    "rotary_positions_with_split_sequence": ("rope_llama3", "sequence", 5),
    "norm_after_partial_sum": ("wide_heads", "megatron", 3),
    "cache_update_on_split_dimension": ("plain", "sequence", 7),
    "reshape_of_uneven_heads": ("wide_heads", "megatron", 2),
}


class Reference:
    """The prompts and their expected results of one model, computed once."""

    def __init__(self, model):
        self.cases = [self.find(model, length) for length in LENGTHS]

    @staticmethod
    def find(model, length):
        """(ids, logits, tokens) of random ids that lead to no near tie."""
        rng = np.random.default_rng(SEED + length)
        while True:
            ids = rng.integers(1, model.config.vocab_size, length).tolist()
            logits, tokens, margins = llama.generate(model, ids, COUNT)
            if min(margins) > LEAST_MARGIN:
                return ids, logits, tokens


def flags_of(mesh, strategy, dtype, *more):
    return ["--mesh", mesh, "--strategy", strategy, "--dtype", dtype, "--max-seq", "256", *more]


def check_f32(suite, source, reference, mesh, strategy, *more, mpi=None):
    with suite.package(source, *flags_of(mesh, strategy, "f32", *more)) as package:
        for ids, logits, tokens in reference.cases:
            output, what = suite.scratch / "logits.npy", f"prompt of {len(ids)}"
            scored = run_package(suite, package, [ids], count=COUNT, output=output, mpi=mpi, timeout=60)
            expect_close(read_logits(output, len(ids)), logits, what)
            expect_tokens(scored, [tokens], what)
            # With --output the prompt runs through `score`, without it through `prefill`.
            expect_tokens(run_package(suite, package, [ids], count=COUNT, mpi=mpi, timeout=60), [tokens], what)


def check_bf16(suite, source, reference, mesh, strategy):
    with suite.package(source, *flags_of(mesh, strategy, "bf16")) as package:
        for ids, logits, _ in reference.cases[1:]:
            output = suite.scratch / "logits.npy"
            run_package(suite, package, [ids], count=2, output=output, timeout=60)
            expect_near(read_logits(output, len(ids)), logits, f"prompt of {len(ids)}", BF16_LARGEST, BF16_MEAN)


def check_batch(suite, source, reference, mesh, strategy, batch):
    with suite.package(source, *flags_of(mesh, strategy, "f32", "--batch", str(batch))) as package:
        cases = [reference.cases[index % len(LENGTHS)] for index in range(batch)]
        output = suite.scratch / "logits.npy"
        for more in ({"output": output}, {}):
            found = run_package(suite, package, [ids for ids, _, _ in cases], count=COUNT, timeout=60, **more)
            expect_tokens(found, [tokens for _, _, tokens in cases], f"batch {batch}")
        for row, (ids, logits, _) in zip(np.load(output), cases):
            expect_close(row[: len(ids)], logits, f"prompt of {len(ids)}")


def test_random_models(suite, sources):
    for name, (source, reference) in sources.items():
        for strategy, degree in MANY if name in THOROUGH else FEW:
            suite.check(
                f"f32 {name} tp={degree} {strategy}", check_f32, suite, source, reference, f"tp={degree}", strategy
            )
        for strategy, degree in (("megatron", 3), ("sequence", 2)):
            suite.check(
                f"bf16 {name} tp={degree} {strategy}", check_bf16, suite, source, reference, f"tp={degree}", strategy
            )


def test_pitfalls(suite, sources):
    for pitfall, (name, strategy, degree) in PITFALLS.items():
        suite.check(
            f"pitfall {pitfall}", check_f32, suite, *sources[name], f"tp={degree}", strategy, "--verify-partition"
        )


def test_meshes_and_processes(suite, sources):
    plain = sources["plain"]
    for mesh, batch in (("dp=2,tp=3", 2), ("dp=3", 3), ("dp=2,tp=2", 4), ("tp=2", 3), ("dp=2,tp=2", 3)):
        suite.check(f"batch {batch} {mesh}", check_batch, suite, *plain, mesh, "megatron", batch)
    suite.check("batch 2 dp=2,tp=2 sequence", check_batch, suite, *plain, "dp=2,tp=2", "sequence", 2)
    for strategy, degree in (("megatron", 2), ("megatron", 3), ("sequence", 3)):
        check = lambda: check_f32(suite, *plain, f"tp={degree}", strategy, mpi=degree)
        suite.check(f"mpirun plain tp={degree} {strategy}", check)


def test_chunks(suite, sources):
    """Of 16 rows; of 32, then 16; of 256, a part of which is padding."""
    for chunk, strategy in ((16, "megatron"), (32, "sequence"), (512, "megatron"), (512, "sequence")):
        check = lambda: check_f32(suite, *sources["plain"], "tp=3", strategy, "--prefill-chunk", str(chunk))
        suite.check(f"chunks of {chunk} {strategy}", check)


# Weights split otherwise than a strategy does; `outer`: each of so many parts by itself; `sections`: parts of such sizes.
STATED = [
    '*.o_proj.weight=[{"tp", outer = 2}, {}]',
    '*.up_proj.weight=[{}, {"tp", outer = 3}]',
    '*.q_proj.weight=[{"tp", unit = 2, outer = 3}, {}]',
    '*.norm.weight=[{"tp", outer = 4}]',
    '*.down_proj.weight=[{}, {}]',
    '*.layers.0.mlp.up_proj.weight=[{}, {}]',
    '*.q_proj.weight=[{"tp", sections = [1, 2]}, {}]',
    '*.o_proj.weight=[{"tp", sections = [3, 1]}, {}]',
]


def test_stated_weights(suite, sources):
    for sharding in STATED:
        for degree in (2, 5):
            check = lambda: check_f32(suite, *sources["plain"], f"tp={degree}", "megatron", "--shard-weight", sharding)
            suite.check(f"stated {sharding} tp={degree}", check)


def test_gguf_types(suite):
    for kind in random_gguf.TYPES:
        path = suite.scratch / f"{kind}.gguf"
        random_gguf.write(path, kind, tied=kind != "F32")
        check = lambda: check_f32(suite, path, Reference(llama.load_gguf(path)), "tp=3", "megatron")
        suite.check(f"gguf {kind}", check)


def llama3_factors(base, size, factor=8.0, context=8192):
    """What converters of Llama 3.1 write as `rope_freqs.weight`."""
    turns = context * base ** -(np.arange(0, size, 2) / size) / (2 * np.pi)
    keep = np.clip((turns - 1) / 3, 0, 1)
    return 1 / ((1 - keep) / factor + keep)


def test_gguf_forms(suite):
    """Llama 3.1's rotation as a tensor; a model in several files."""
    whole, parts = suite.scratch / "whole.gguf", suite.scratch / "parts.gguf"
    random_gguf.write(whole, "Q8_0", llama3_factors(500000.0, 16), rope_base=500000.0)
    reference = Reference(llama.load_gguf(whole))
    suite.check("gguf llama3 rotation", lambda: check_f32(suite, whole, reference, "tp=3", "megatron"))
    random_gguf.write(parts, "Q8_0", tensors_per_part=8)
    random_gguf.write(whole, "Q8_0")
    first = sorted(suite.scratch.glob("parts-*.gguf"))[0]
    reference = Reference(llama.load_gguf(whole))
    suite.check("gguf in parts", lambda: check_f32(suite, first, reference, "tp=2", "megatron"))


def test_hf_types(suite):
    """16-bit weights, in one file and in several, against the reference on the same files."""
    for dtype, shards in (("bf16", 1), ("f16", 1), ("bf16", 3), ("f32", 2)):
        directory = suite.scratch / f"{dtype}.{shards}"
        random_llama.write("untied", directory, dtype, shards)
        check = lambda: check_f32(suite, directory, Reference(llama.load_hf(directory)), "tp=3", "megatron")
        suite.check(f"hf {dtype} in {shards}", check)


def write_models(suite):
    sources = {}
    for name in random_llama.MODELS:
        directory = suite.scratch / "models" / name
        random_llama.write(name, directory)
        sources[name] = directory, Reference(llama.load_hf(directory))
    return sources


def main():
    with Suite("tiny_test") as suite:
        sources = write_models(suite)
        test_random_models(suite, sources)
        test_pitfalls(suite, sources)
        test_chunks(suite, sources)
        test_stated_weights(suite, sources)
        test_meshes_and_processes(suite, sources)
        test_gguf_types(suite)
        test_gguf_forms(suite)
        test_hf_types(suite)


if __name__ == "__main__":
    main()
