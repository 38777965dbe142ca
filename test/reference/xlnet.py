"""XLNet in float32 NumPy, from the paper's formulas: both streams of its attention. Tiny random models of awkward sizes."""

import math
import zlib
from pathlib import Path

import hf_files
import numpy as np

EPS = 1e-12
MODELS = {
    "xlnet": {"vocab": 53, "d": 30, "layers": 2, "h": 5, "f": 37},
    "xlnet_wide": {"vocab": 41, "d": 32, "layers": 1, "h": 2, "f": 24},
}


def attention_weights(rng, d: int, h: int) -> dict[str, np.ndarray]:
    """q, k, v, r, o [d, h, s]; biases [h, s]; seg_embed [2, h, s]."""
    s = d // h
    weights = {name: rng.standard_normal((d, h, s)) * 1.3 / math.sqrt(d) for name in ("q", "k", "v", "r", "o")}
    weights |= {name: 0.5 * rng.standard_normal((h, s)) for name in ("r_w_bias", "r_r_bias", "r_s_bias")}
    weights["seg_embed"] = rng.standard_normal((2, h, s))
    return {name: values.astype(np.float32) for name, values in weights.items()}


def build(name: str):
    """(sizes, weights by the names of a Hugging Face checkpoint)"""
    spec = MODELS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    d, f = spec["d"], spec["f"]
    weights = {"transformer.word_embedding.weight": rng.standard_normal((spec["vocab"], d))}
    weights["transformer.mask_emb"] = rng.standard_normal((1, 1, d))
    for n in range(spec["layers"]):
        start = f"transformer.layer.{n}."
        for key, values in attention_weights(rng, d, spec["h"]).items():
            weights[f"{start}rel_attn.{key}"] = values
        for part in ("rel_attn", "ff"):
            weights[f"{start}{part}.layer_norm.weight"] = 1 + 0.2 * rng.standard_normal(d)
            weights[f"{start}{part}.layer_norm.bias"] = 0.3 * rng.standard_normal(d)
        for part, rows, columns in (("layer_1", f, d), ("layer_2", d, f)):
            weights[f"{start}ff.{part}.weight"] = rng.standard_normal((rows, columns)) * 1.3 / math.sqrt(columns)
            weights[f"{start}ff.{part}.bias"] = 0.3 * rng.standard_normal(rows)
    return spec, {key: values.astype(np.float32) for key, values in weights.items()}


def write(name: str, directory) -> None:
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    spec, weights = build(name)
    config = {
        "architectures": ["XLNetLMHeadModel"],
        "model_type": "xlnet",
        "vocab_size": spec["vocab"],
        "d_model": spec["d"],
        "n_layer": spec["layers"],
        "n_head": spec["h"],
        "d_inner": spec["f"],
        "ff_activation": "gelu",
        "layer_norm_eps": EPS,
        "attn_type": "bi",
        "bi_data": False,
        "clamp_len": -1,
        "untie_r": True,
    }
    hf_files.write_json(directory / "config.json", config)
    hf_files.write_weights(directory, weights, "f32", 1)


def place(distance: int, d: int) -> np.ndarray:
    angles = distance / 10000 ** (np.arange(0, d, 2) / d)
    return np.concatenate([np.sin(angles), np.cos(angles)]).astype(np.float32)


def stream(weights, x, queries, types, hidden) -> np.ndarray:
    """Queries [n, d] to the content x [n, d]; hidden [n, n]: True where a query must not see a key. [n, d]"""
    n, d = x.shape
    q, k, v = (np.einsum("nd,dhs->nhs", of, weights[key]) for of, key in ((queries, "q"), (x, "k"), (x, "v")))
    size = q.shape[-1]
    out = np.zeros((n, *q.shape[1:]), np.float32)
    for i in range(n):
        scores = np.empty((n, q.shape[1]), np.float32)
        for j in range(n):
            r = np.einsum("d,dhs->hs", place(i - j, d), weights["r"])
            segment = weights["seg_embed"][int(types[i] != types[j])]
            scores[j] = ((q[i] + weights["r_w_bias"]) * k[j]).sum(-1)
            scores[j] += ((q[i] + weights["r_r_bias"]) * r).sum(-1) + ((q[i] + weights["r_s_bias"]) * segment).sum(-1)
        scores = scores / math.sqrt(size) - 1e30 * hidden[i][:, None]
        scores = np.exp(scores - scores.max(axis=0))
        out[i] = np.einsum("jh,jhs->hs", scores / scores.sum(axis=0), v)
    return np.einsum("nhs,dhs->nd", out, weights["o"])


def two_streams(weights, x, g, types, mask):
    """Content and query stream; mask [n, n]: not zero where the permutation hides a key. Content sees itself."""
    own = np.eye(len(x), dtype=bool)
    return (
        stream(weights, x, x, types, (mask != 0) & ~own),
        stream(weights, x, g, types, mask != 0),
    )


def layer_norm(x, weights, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPS)
    return centred / scale * weights[name + ".weight"] + weights[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def encode(spec, weights, ids, types=None) -> np.ndarray:
    """Hidden states [n, d] of the content stream."""
    x = weights["transformer.word_embedding.weight"][np.asarray(ids)]
    n = len(ids)
    types = types if types is not None else [0] * n
    for layer in range(spec["layers"]):
        start = f"transformer.layer.{layer}."
        own = {key[len(start) + 9 :]: values for key, values in weights.items() if key.startswith(start + "rel_attn.")}
        x = layer_norm(x + stream(own, x, x, types, np.zeros((n, n), bool)), weights, start + "rel_attn.layer_norm")
        inner = gelu(x @ weights[start + "ff.layer_1.weight"].T + weights[start + "ff.layer_1.bias"])
        y = inner @ weights[start + "ff.layer_2.weight"].T + weights[start + "ff.layer_2.bias"]
        x = layer_norm(x + y, weights, start + "ff.layer_norm").astype(np.float32)
    return x
