"""T5 in float32 NumPy, from the model's definition, and tiny random models of awkward sizes as Hugging Face directories."""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import hf_files
import llama
import numpy as np

EPS = 1e-6
# d: hidden, h heads of size s (h * s is not d), f hidden units, N buckets of distances up to `far`.
BASE = {"vocab": 101, "d": 28, "layers": 2, "decoder_layers": 3, "h": 5, "s": 6, "f": 37, "buckets": 8, "far": 12}
MODELS = {
    "t5_relu": {"gated": False, "tied": True},
    "t5_gated": {"gated": True, "tied": False, "h": 3, "s": 8, "buckets": 32, "far": 128},
}
START = 3


@dataclass
class Model:
    spec: dict
    weights: dict[str, np.ndarray]  # by the names of a Hugging Face checkpoint


def build(name: str) -> Model:
    spec = BASE | MODELS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    d, inner, f = spec["d"], spec["h"] * spec["s"], spec["f"]
    weights = {"shared.weight": (0.8 * rng.standard_normal((spec["vocab"], d))).astype(np.float32)}

    def matrix(name, rows, columns, gain=1.0):
        weights[name + ".weight"] = (rng.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(np.float32)

    def norm(name, gain=1.0):
        weights[name + "layer_norm.weight"] = (gain * (1 + 0.2 * rng.standard_normal(d))).astype(np.float32)

    for side, count in (("encoder", spec["layers"]), ("decoder", spec["decoder_layers"])):
        for n in range(count):
            start = f"{side}.block.{n}.layer."
            attentions = ["0.SelfAttention"] + ["1.EncDecAttention"] * (side == "decoder")
            for index, attention in enumerate(attentions):
                # No scaling of scores: queries are small.
                for part, gain in (("q", 1.3 / math.sqrt(spec["s"])), ("k", 1.3), ("v", 1.0)):
                    matrix(f"{start}{attention}.{part}", inner, d, gain)
                matrix(f"{start}{attention}.o", d, inner)
                norm(f"{start}{index}.")
            mlp = f"{start}{len(attentions)}."
            norm(mlp)
            for part in ("wi_0", "wi_1") if spec["gated"] else ("wi",):
                matrix(f"{mlp}DenseReluDense.{part}", f, d, 1.4)
            matrix(f"{mlp}DenseReluDense.wo", d, f)
        table = rng.standard_normal((spec["buckets"], spec["h"]))
        weights[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = table.astype(np.float32)
        # Logits of about 3.
        tied = side == "decoder" and spec["tied"]
        norm(f"{side}.final_", 3 / 0.8 if tied else 3 if side == "decoder" else 1)
    if not spec["tied"]:
        matrix("lm_head", spec["vocab"], d)
    return Model(spec, weights)


def write(name: str, directory) -> None:
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model = build(name)
    spec = model.spec
    config = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "vocab_size": spec["vocab"],
        "d_model": spec["d"],
        "d_kv": spec["s"],
        "d_ff": spec["f"],
        "num_layers": spec["layers"],
        "num_decoder_layers": spec["decoder_layers"],
        "num_heads": spec["h"],
        "relative_attention_num_buckets": spec["buckets"],
        "relative_attention_max_distance": spec["far"],
        "layer_norm_epsilon": EPS,
        "feed_forward_proj": "gated-gelu" if spec["gated"] else "relu",
        "tie_word_embeddings": spec["tied"],
        "decoder_start_token_id": START,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    hf_files.write_json(directory / "config.json", config)
    hf_files.write_weights(directory, model.weights, "f32", 1)


def bucket(distance: int, both_ways: bool, buckets: int, far: int) -> int:
    """Of a key that lies `distance` behind the query (negative: ahead)."""
    first = 0
    if both_ways:
        buckets //= 2
        first = buckets if distance < 0 else 0
        distance = abs(distance)
    else:
        distance = max(distance, 0)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    ratio = np.log(np.float32(distance) / exact) / np.float32(math.log(far / exact))
    return first + min(exact + int(ratio * (buckets - exact)), buckets - 1)


def distance_bias(model, side: str, queries: range, keys: int) -> np.ndarray:
    """[h, queries, keys]"""
    table = model.weights[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    spec, both = model.spec, side == "encoder"
    index = [[bucket(i - j, both, spec["buckets"], spec["far"]) for j in range(keys)] for i in queries]
    return table[np.array(index)].transpose(2, 0, 1)


def attend(model, name: str, x: np.ndarray, source: np.ndarray, bias) -> np.ndarray:
    """x [n, d] to source [m, d]; bias [h, n, m] or 0. Scores are not scaled."""
    h, s = model.spec["h"], model.spec["s"]

    def heads(part, of):
        return (of @ model.weights[f"{name}.{part}.weight"].T).reshape(len(of), h, s).transpose(1, 0, 2)

    scores = heads("q", x) @ heads("k", source).transpose(0, 2, 1) + bias
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed = (scores @ heads("v", source)).transpose(1, 0, 2).reshape(len(x), h * s)
    return mixed @ model.weights[f"{name}.o.weight"].T


def norm(model, x, name):
    return llama.rms_norm(x, model.weights[name + "layer_norm.weight"], EPS)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def mlp(model, name, x):
    def matrix(part, of):
        return of @ model.weights[f"{name}DenseReluDense.{part}.weight"].T

    if model.spec["gated"]:
        return matrix("wo", gelu(matrix("wi_0", x)) * matrix("wi_1", x))
    return matrix("wo", np.maximum(matrix("wi", x), 0))


def encode(model, ids) -> np.ndarray:
    """Hidden states [n, d]."""
    x = model.weights["shared.weight"][np.asarray(ids)]
    bias = distance_bias(model, "encoder", range(len(ids)), len(ids))
    for n in range(model.spec["layers"]):
        start = f"encoder.block.{n}.layer."
        y = norm(model, x, start + "0.")
        x = x + attend(model, start + "0.SelfAttention", y, y, bias)
        x = x + mlp(model, start + "1.", norm(model, x, start + "1."))
    return norm(model, x, "encoder.final_")


def decode(model, hidden, ids) -> np.ndarray:
    """Logits [n, V] of the decoder's tokens, all at once: nothing is kept."""
    x = model.weights["shared.weight"][np.asarray(ids)]
    n = len(ids)
    bias = distance_bias(model, "decoder", range(n), n) + np.where(np.tri(n, dtype=bool), 0, -np.inf)
    for layer in range(model.spec["decoder_layers"]):
        start = f"decoder.block.{layer}.layer."
        y = norm(model, x, start + "0.")
        x = x + attend(model, start + "0.SelfAttention", y, y, bias)
        x = x + attend(model, start + "1.EncDecAttention", norm(model, x, start + "1."), hidden, 0)
        x = x + mlp(model, start + "2.", norm(model, x, start + "2."))
    x = norm(model, x, "decoder.final_")
    if model.spec["tied"]:
        return x * model.spec["d"] ** -0.5 @ model.weights["shared.weight"].T
    return x @ model.weights["lm_head.weight"].T


def generate(model, ids, count: int):
    """Greedy decoding: (hidden states [n, d], the `count` new ids, the margin of each choice)."""
    hidden, out, margins = encode(model, ids), [START], []
    for _ in range(count):
        row = decode(model, hidden, out)[-1]
        out.append(int(row.argmax()))
        margins.append(llama.margin(row))
    return hidden, out[1:], margins
