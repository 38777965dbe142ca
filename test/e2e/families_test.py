"""Families beyond Llama as random models of awkward sizes x strategies x degrees against the NumPy reference."""

import numpy as np

# first: it makes test/reference importable
from common import SEED, Suite, expect, expect_close, expect_near, expect_tokens, mpi_command, mpi_environment, read_logits, run, run_ok, run_package

import families
import gguf_families
import random_families

COUNT = 8
LENGTHS = (9, 35)  # part of a chunk; more than the windows, over two small chunks and one more
LEAST_MARGIN = 0.02
FEW = [("megatron", 3), ("sequence", 2)]
MANY = [("megatron", 1), ("megatron", 2), ("megatron", 3), ("sequence", 2), ("sequence", 3), ("replicate", 2)]
THOROUGH = ("gpt2", "gemma2", "bert")
# In bfloat16: bounds on the largest and the mean absolute error, where values spread by about 3 (hidden states: by 1).
BF16 = {"gpt2": (0.5, 0.05), "gemma2": (0.5, 0.05), "bert": (0.5, 0.05)}
TYPES = [0, 2, 1, 1]  # of the first tokens


def find_prompt(config, tensors, length):
    """(ids, logits, tokens) of random ids that lead to no near tie."""
    rng = np.random.default_rng(SEED + length)
    while True:
        ids = rng.integers(1, config["vocab_size"], length).tolist()
        logits, tokens, margin = families.generate(config, tensors, ids, COUNT)
        if margin > LEAST_MARGIN:
            return ids, logits, tokens


def check_decoder(suite, source, prompts, *flags):
    with suite.package(source, "--max-seq", "64", *flags) as package:
        for ids, logits, tokens in prompts:
            output, what = suite.scratch / "logits.npy", f"prompt of {len(ids)}"
            expect_tokens(run_package(suite, package, [ids], count=COUNT, output=output, timeout=60), [tokens], what)
            expect_close(read_logits(output, len(ids)), logits, what)
        # Without --output prompts run through `prefill`; all at once where the batch has room.
        together = [prompts] if "--batch" in flags else [[prompt] for prompt in prompts]
        for group in together:
            found = run_package(suite, package, [ids for ids, _, _ in group], count=COUNT, timeout=60)
            expect_tokens(found, [tokens for _, _, tokens in group], "prefill")


def check_decoder_bf16(suite, source, prompts, largest, mean):
    with suite.package(source, "--max-seq", "64", "--mesh", "tp=3", "--dtype", "bf16") as package:
        ids, logits, _ = prompts[-1]
        output = suite.scratch / "logits.npy"
        run_package(suite, package, [ids], count=1, output=output, timeout=60)
        expect_near(read_logits(output, len(ids)), logits, f"prompt of {len(ids)}", largest, mean)


def encode(suite, package, prompts, types=(), mpi=None):
    """Hidden states [prompts, longest, d]."""
    output = suite.scratch / "hidden.npy"
    command = [suite.tool("tp-run"), package, "--output", output]
    for ids in prompts:
        command += ["--prompt-ids", ",".join(map(str, ids))]
    for row in types:
        command += ["--token-types", ",".join(map(str, row))]
    run_ok(mpi_command(mpi) + command if mpi else command, timeout=60, env=mpi_environment() if mpi else None)
    hidden = np.load(output)
    return hidden if hidden.ndim == 3 else hidden[None]


def check_encoder(suite, source, config, tensors, *flags, mpi=None):
    """Prompts of different lengths at once: the padding must not be seen."""
    rng = np.random.default_rng(SEED)
    prompts = [rng.integers(1, config["vocab_size"], length).tolist() for length in (7, 19, 1)]
    types = [TYPES + [0] * (len(prompts[0]) - len(TYPES))]
    with suite.package(source, "--batch", "3", *flags) as package:
        hidden = encode(suite, package, prompts, types, mpi)
        expect(hidden.shape == (3, 19, config["hidden_size"]), f"found {hidden.shape}")
        for row, (ids, kinds) in enumerate(zip(prompts, types + [None, None])):
            expect_close(hidden[row, : len(ids)], families.bert(config, tensors, ids, kinds), f"prompt {row}")
            expect((hidden[row, len(ids) :] == 0).all(), f"expected zeros behind prompt {row}")
        longest = [rng.integers(1, config["vocab_size"], config["max_position_embeddings"]).tolist()]
        expect_close(encode(suite, package, longest)[0], families.bert(config, tensors, longest[0]), "longest")


def check_encoder_bf16(suite, source, config, tensors, largest, mean):
    ids = np.random.default_rng(SEED).integers(1, config["vocab_size"], 19).tolist()
    with suite.package(source, "--mesh", "tp=3", "--dtype", "bf16") as package:
        expect_near(encode(suite, package, [ids])[0], families.bert(config, tensors, ids), "bert", largest, mean)


def check_encoder_errors(suite, source):
    def fails(message, *flags):
        result = run([suite.tool("tp-run"), package, *flags], timeout=60)
        expect(result.returncode != 0, f"expected an error for {flags}, found success")
        expect(message in result.stderr, f"expected {message!r}, found {result.stderr[-300:]!r}")
        expect(len(result.stderr.splitlines()) == 1, f"expected one line, found {result.stderr!r}")
        expect(not output.exists(), "a file was left behind")

    output = suite.scratch / "none.npy"
    with suite.package(source) as package:
        ids = ["--prompt-ids", "1,2,3"]
        fails("give --output FILE.npy", *ids)
        fails("--max-tokens is for decoders", *ids, "--output", output, "--max-tokens", "3")
        fails("--chat is for decoders", "--chat", "hello", "--output", output)
        fails("no tokenizer", "--prompt", "hello", "--output", output)
        fails("expected one for each of its 3 tokens, found 2", *ids, "--token-types", "0,1", "--output", output)
        fails("expected 0 to 2, found 3", *ids, "--token-types", "0,1,3", "--output", output)
        fails("expected token types for at most 1", *ids, "--token-types", "0,1,1", "--token-types", "0", "--output", output)
        fails("expected numbers separated by commas", *ids, "--token-types", "0,x", "--output", output)
        fails("the package holds max_seq 75", "--prompt-ids", ",".join(["1"] * 76), "--output", output)


def test_decoders(suite):
    for name in random_families.DECODERS:
        source = suite.scratch / "models" / name
        config, tensors = random_families.write(name, source)
        prompts = [find_prompt(config, tensors, length) for length in LENGTHS]
        for strategy, degree in MANY if name in THOROUGH else FEW:
            flags = ["--mesh", f"tp={degree}", "--strategy", strategy]
            suite.check(f"{name} tp={degree} {strategy}", check_decoder, suite, source, prompts, *flags)
        if name in THOROUGH:
            suite.check(f"{name} bf16 tp=3", check_decoder_bf16, suite, source, prompts, *BF16[name])
    flags = ["--mesh", "dp=2,tp=2", "--batch", "2"]
    suite.check("gpt2_untied dp=2,tp=2 batch 2", check_decoder, suite, source, prompts, *flags)


def test_encoders(suite):
    for name in random_families.ENCODERS:
        source = suite.scratch / "models" / name
        config, tensors = random_families.write(name, source)
        for strategy, degree in MANY if name in THOROUGH else FEW:
            flags = ["--mesh", f"tp={degree}", "--strategy", strategy]
            suite.check(f"{name} tp={degree} {strategy}", check_encoder, suite, source, config, tensors, *flags)
    source = suite.scratch / "models" / "bert"
    config, tensors = random_families.build("bert")
    suite.check("bert bf16 tp=3", check_encoder_bf16, suite, source, config, tensors, *BF16["bert"])
    check = lambda: check_encoder(suite, source, config, tensors, "--mesh", "tp=2", mpi=2)
    suite.check("mpirun bert tp=2", check)
    suite.check("bert errors", check_encoder_errors, suite, source)


def test_gguf(suite):
    """The format does not say which scale and which pattern of windows: the families' own."""
    flags = ["--mesh", "tp=2"]
    for name in ("gpt2", "gemma", "gemma2", "gemma3", "bert"):
        path = suite.scratch / f"{name}.gguf"
        config, tensors = random_families.build(name)
        own = {"query_pre_attn_scalar": config.get("head_dim"), "sliding_window_pattern": 6}
        config = config | {key: value for key, value in own.items() if key in config}
        gguf_families.write(path, config, tensors)
        if name == "bert":
            suite.check("gguf bert", check_encoder, suite, path, config, tensors, *flags)
            continue
        check = lambda: check_decoder(suite, path, [find_prompt(config, tensors, LENGTHS[1])], *flags)
        suite.check(f"gguf {name}", check)


def main():
    with Suite("families_test") as suite:
        test_decoders(suite)
        test_encoders(suite)
        test_gguf(suite)


if __name__ == "__main__":
    main()
