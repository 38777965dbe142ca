"""XLNet against the reference: both streams of its attention on the interpreter, whole and partitioned, and the hidden
states of compiled models x meshes x strategies."""

import re

import numpy as np

# first: it makes test/reference importable
from common import SEED, Suite, expect, expect_close, expect_near, run_ok

import xlnet

MESHES = {
    "xlnet": [
        ("tp=1", "megatron"),
        ("tp=2", "megatron"),
        ("tp=3", "megatron"),
        ("tp=3", "sequence"),
        ("tp=2", "replicate"),
    ],
    "xlnet_wide": [("tp=3", "megatron")],
}
MAX_SEQ = 24


def encode(suite, package, prompts, types):
    output = suite.scratch / "hidden.npy"
    command = [suite.tool("tp-run"), package, "--output", output]
    for ids in prompts:
        command += ["--prompt-ids", ",".join(map(str, ids))]
    for row in types:
        command += ["--token-types", ",".join(map(str, row))]
    run_ok(command, timeout=60)
    return np.load(output)


def check(suite, source, spec, weights, mesh, strategy, dtype="f32"):
    """Prompts of different lengths at once, one with two segments, and one as long as the largest entry."""
    rng = np.random.default_rng(SEED)
    prompts = [rng.integers(1, spec["vocab"], length).tolist() for length in (7, 13)]
    types = [[0, 0, 1, 1, 1, 1, 2]]
    longest = rng.integers(1, spec["vocab"], MAX_SEQ).tolist()
    flags = ["--mesh", mesh, "--strategy", strategy, "--dtype", dtype, "--max-seq", str(MAX_SEQ), "--batch", "2"]

    def compare(found, ids, kinds, what):
        expected = xlnet.encode(spec, weights, ids, kinds)
        if dtype == "f32":
            expect_close(found[: len(ids)], expected, what)
        else:
            expect_near(found[: len(ids)], expected, what, 0.5, 0.05)

    with suite.package(source, *flags, "--verify-partition") as package:
        found = encode(suite, package, prompts, types)
        for row, (ids, kinds) in enumerate(zip(prompts, [*types, None])):
            compare(found[row], ids, kinds, f"prompt {row}")
        compare(encode(suite, package, [longest], []), longest, None, "longest")


def constant(name, values, kind="f32"):
    shape = "x".join(map(str, values.shape))
    return f"  %{name} = arith.constant dense<{values.tolist()}> : tensor<{shape}x{kind}>\n"


def two_stream_module(weights, x, g, types, mask) -> str:
    """A function without arguments that returns both streams."""
    d, h, s = weights["q"].shape
    inner, n = h * s, x.shape[1]
    matrices = {"w" + key: weights[key].reshape(d, inner).T for key in "qkvr"}
    matrices["wo"] = weights["o"].reshape(d, inner)
    text = "func.func @f() -> (STREAM, STREAM) {\n"
    for name, values in {"x": x, "g": g, "m": mask, **matrices}.items():
        text += constant(name, values)
    for name, key in (("c", "r_w_bias"), ("p", "r_r_bias"), ("e", "r_s_bias")):
        text += constant(name, weights[key].reshape(-1))
    text += constant("s", weights["seg_embed"].reshape(2, inner)) + constant("t", types, "i32")
    text += f"""  %y:2 = tp.two_stream_attention %x query(%g) types(%t) weights(%wq, %wk, %wv, %wr, %wo) biases(%c, %p, %e)
      segments(%s) mask(%m) {{heads = {h}, head_size = {s}}}
      : (STREAM, STREAM, tensor<2x{n}xi32>, {f"tensor<{inner}x{d}xf32>, " * 4}tensor<{d}x{inner}xf32>,
         {f"tensor<{inner}xf32>, " * 3}tensor<2x{inner}xf32>, tensor<2x{n}x{n}xf32>) -> (STREAM, STREAM)
  return %y#0, %y#1 : STREAM, STREAM
}}
"""
    return text.replace("STREAM", f"tensor<2x{n}x{d}xf32>")


def results_of(stdout: str, shape) -> list[np.ndarray]:
    """What --tp-interpret prints: result i = [[...]]"""
    parts = re.split(r"result \d+ = ", stdout)[1:]
    numbers = [re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", part.split(":")[0]) for part in parts]
    return [np.array(row, dtype=np.float32).reshape(shape) for row in numbers]


def check_two_streams(suite, *passes):
    """A random permutation mask: the query stream does not see its own token."""
    rng = np.random.default_rng(SEED)
    n, d, h = 6, 18, 3
    weights = xlnet.attention_weights(rng, d, h)
    x, g = (rng.standard_normal((2, n, d)).astype(np.float32) for _ in range(2))
    types = rng.integers(0, 2, (2, n)).astype(np.int32)
    order = np.stack([rng.permutation(n) for _ in range(2)])
    # A key is seen by those that come later in the order; the first sees none but itself, in the content stream.
    mask = (order[:, :, None] <= order[:, None, :]).astype(np.float32)
    mask[:, :, 0] *= 1 - (order == 0) * np.float32(1)
    path = suite.scratch / "two_streams.mlir"
    path.write_text(two_stream_module(weights, x, g, types, mask))
    out = run_ok([suite.tool("tp-opt"), path, *passes, "--tp-interpret=function=f", "-o", "/dev/null"]).stdout
    found = results_of(out, x.shape)
    expect(len(found) == 2, f"expected two results, found {out[:200]!r}")
    for b in range(2):
        streams = xlnet.two_streams(weights, x[b], g[b], types[b], mask[b])
        for name, got, want in zip(("content", "query"), found, streams):
            expect_close(got[b], want, f"{name} stream of {b}")


def main():
    with Suite("xlnet_test") as suite:
        suite.check("two streams, layer", check_two_streams, suite)
        suite.check("two streams, ops", check_two_streams, suite, "--tp-decompose-layers")
        for name, meshes in MESHES.items():
            source = suite.scratch / "models" / name
            xlnet.write(name, source)
            spec, weights = xlnet.build(name)
            for mesh, strategy in meshes:
                suite.check(f"{name} {mesh} {strategy}", check, suite, source, spec, weights, mesh, strategy)
        source = suite.scratch / "models" / "xlnet"
        suite.check("bf16", check, suite, source, *xlnet.build("xlnet"), "tp=2", "megatron", "bf16")


if __name__ == "__main__":
    main()
