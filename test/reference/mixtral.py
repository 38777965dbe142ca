"""A Llama block with a mixture of experts (Mixtral, Qwen3-MoE) in NumPy, and tiny random models of awkward sizes."""

import math
import zlib
from pathlib import Path

import hf_files
import llama
import numpy as np
import random_llama

# Heads, vocabulary, experts and hidden units that few degrees divide. `per_token` experts of `experts` are chosen.
BASE = random_llama.BASE | {"tied": False, "experts": 5, "per_token": 2, "intermediate": 37, "normalised": True}
MODELS = {
    "mixtral": {},
    "mixtral_even": {"experts": 8, "intermediate": 32, "per_token": 3},
    "mixtral_tiles": {"hidden": 64, "intermediate": 192, "experts": 4},
    "qwen3_moe": {"experts": 7, "per_token": 3, "normalised": False, "intermediate": 21},
}
NAMES = {
    "mixtral": ("block_sparse_moe.gate", "block_sparse_moe.experts.{}.", {"gate": "w1", "up": "w3", "down": "w2"}),
    "qwen3_moe": ("mlp.gate", "mlp.experts.{}.", {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}),
}


def family(name):
    return "qwen3_moe" if name == "qwen3_moe" else "mixtral"


def build(name: str) -> llama.Model:
    """A Llama model whose layers have `router` [X, D], `experts` (a list of gate, up, down) instead of an MLP."""
    spec = BASE | MODELS[name]
    model = random_llama.build_spec(name, spec)
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    d, f = spec["hidden"], spec["intermediate"]

    def matrix(rows, columns, gain=1.0):
        return (rng.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(np.float32)

    for layer in model.layers:
        for key in ("gate", "up", "down"):
            del layer.weights[key]
        # Far apart, so that rounding does not change who is chosen.
        layer.weights["router"] = matrix(spec["experts"], d, 3.0)
        layer.weights["experts"] = [
            {"gate": matrix(f, d, 1.5), "up": matrix(f, d, 1.5), "down": matrix(d, f, 1.5)}
            for _ in range(spec["experts"])
        ]
        if family(name) == "qwen3_moe":
            for key in ("q_norm", "k_norm"):
                layer.weights[key] = (1 + 0.2 * rng.standard_normal(spec["head_dim"])).astype(np.float32)
    model.spec = spec
    return model


def write(name: str, directory) -> None:
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model = build(name)
    spec, kind = model.spec, family(name)
    router, prefix, parts = NAMES[kind]
    tensors = {"model.embed_tokens.weight": model.embedding}
    for index, layer in enumerate(model.layers):
        start = f"model.layers.{index}."
        for key, values in layer.weights.items():
            if key == "router":
                tensors[f"{start}{router}.weight"] = values
            elif key == "experts":
                for number, expert in enumerate(values):
                    for part, matrix in expert.items():
                        tensors[start + prefix.format(number) + parts[part] + ".weight"] = matrix
            elif key in ("q_norm", "k_norm"):
                tensors[f"{start}self_attn.{key}.weight"] = values
            else:
                tensors[start + llama.HF_LAYER_NAMES[key]] = values
    tensors |= {"model.norm.weight": model.norm, "lm_head.weight": model.head}
    extra = {"model_type": kind, "num_experts_per_tok": spec["per_token"], "attention_bias": None, "mlp_bias": None}
    if kind == "mixtral":
        extra |= {"architectures": ["MixtralForCausalLM"], "num_local_experts": spec["experts"]}
    else:
        extra |= {"architectures": ["Qwen3MoeForCausalLM"], "num_experts": spec["experts"], "intermediate_size": 999}
        extra |= {"moe_intermediate_size": spec["intermediate"], "norm_topk_prob": spec["normalised"]}
    hf_files.write_json(directory / "config.json", hf_files.config_json(model.config, "f32", None, 0, extra))
    hf_files.write_weights(directory, tensors, "f32", 1)


def silu(x):
    return x / (1 + np.exp(-x))


def moe(weights: dict, spec: dict, x: np.ndarray) -> np.ndarray:
    """x [n, D]; each row goes through the experts that it prefers, one by one."""
    scores = x @ weights["router"].T
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    result = np.zeros_like(x)
    for row in range(len(x)):
        chosen = np.argsort(-scores[row], kind="stable")[: spec["per_token"]]
        total = scores[row][chosen].sum() if spec["normalised"] else 1
        for number in chosen:
            expert = weights["experts"][number]
            hidden = silu(expert["gate"] @ x[row]) * (expert["up"] @ x[row])
            result[row] += scores[row][number] / total * (expert["down"] @ hidden)
    return result


def attention(model, index, x, cache, cos, sin):
    weights, config = model.layers[index].weights, model.config
    if "q_norm" not in weights:
        return llama.attention(model, index, x, cache, cos, sin)
    n, size = x.shape[0], config.head_dim

    def heads(key, count, norm):
        y = llama.linear(x, weights, key).reshape(n, count, size)
        return llama.rotate(llama.rms_norm(y, weights[norm], config.norm_eps), cos, sin, False)

    query, key = heads("q", config.heads, "q_norm"), heads("k", config.kv_heads, "k_norm")
    value = llama.linear(x, weights, "v").reshape(n, config.kv_heads, size)
    if index < len(cache.keys):
        key = np.concatenate([cache.keys[index], key])
        value = np.concatenate([cache.values[index], value])
    else:
        cache.keys.append(None)
        cache.values.append(None)
    cache.keys[index], cache.values[index] = key, value
    return llama.linear(llama.attend(query, key, value, cache.length), weights, "o")


def forward(model, ids, cache) -> np.ndarray:
    """Logits [n, V] of the n tokens `ids` that follow the cache."""
    config = model.config
    angles = np.outer(cache.length + np.arange(len(ids)), model.frequencies)[:, None, :]
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    x = model.embedding[np.asarray(ids)]
    for index, layer in enumerate(model.layers):
        x = x + attention(
            model, index, llama.rms_norm(x, layer.weights["attn_norm"], config.norm_eps), cache, cos, sin
        )
        x = x + moe(layer.weights, model.spec, llama.rms_norm(x, layer.weights["mlp_norm"], config.norm_eps))
    cache.length += len(ids)
    return llama.rms_norm(x, model.norm, config.norm_eps) @ model.head.T


def generate(model, ids, count):
    """Greedy decoding: (prompt logits [n, V], the `count` new ids, the margin of each choice)."""
    cache = llama.Cache()
    prompt_logits = forward(model, ids, cache)
    row, out, margins = prompt_logits[-1], [], []
    for step in range(count):
        out.append(int(row.argmax()))
        margins.append(llama.margin(row))
        if step + 1 < count:
            row = forward(model, [out[-1]], cache)[-1]
    return prompt_logits, out, margins
