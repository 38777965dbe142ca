"""Families beyond Llama in float32 NumPy, from their definitions: the reference for random models of odd sizes.

A model is a `config` (config.json) and `tensors` (as a Hugging Face checkpoint has them). Nothing is shared with the
compiler, and no cache is kept: each token runs the whole sequence. Shapes: n tokens, d hidden size, V vocabulary,
h heads, k key heads, s head size.
"""

import math

import numpy as np


# ---- parts ----


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(eps)) * weight


def layer_norm(x, tensors, name, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(eps))
    return centred / scale * tensors[name + ".weight"] + tensors[name + ".bias"]


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu(x):
    return (0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))).astype(np.float32)


def silu(x):
    return x / (1 + np.exp(-x))


def rotate(x, base, factor=1.0):
    """x [n, heads, s]: pairs (i, i + s / 2) at positions 0 to n - 1, divided by `factor`."""
    n, _, size = x.shape
    angles = np.outer(np.arange(n) / factor, base ** -(np.arange(0, size, 2) / size))[:, None, :]
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    a, b = x[..., : size // 2], x[..., size // 2 :]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def attend(query, key, value, scale, causal=True, window=0, softcap=0.0):
    """query [n, h, s], key and value [n, k, s]; a query sees the `window` positions that end in its own (0: all)."""
    n, heads, size = query.shape
    repeat = heads // key.shape[1]
    key, value = np.repeat(key, repeat, axis=1), np.repeat(value, repeat, axis=1)
    scores = np.einsum("qhs,khs->hqk", query, key) * np.float32(scale)
    if softcap:
        scores = np.float32(softcap) * np.tanh(scores / np.float32(softcap))
    distance = np.arange(n)[:, None] - np.arange(n)[None, :]
    hidden = (distance < 0) & causal
    if window:
        hidden |= distance >= window
    scores = np.where(hidden, -np.inf, scores)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("hqk,khs->qhs", weights, value).reshape(n, heads * size)


# ---- families ----


def gpt2(config, tensors, ids):
    """Logits [n, V]."""
    prefix = "transformer." if "transformer.wte.weight" in tensors else ""
    tensors = {name.removeprefix(prefix): values for name, values in tensors.items()}
    n, d, heads, eps = len(ids), config["n_embd"], config["n_head"], config["layer_norm_epsilon"]

    def conv1d(x, name):
        return x @ tensors[name + ".weight"] + tensors[name + ".bias"]

    x = tensors["wte.weight"][ids] + tensors["wpe.weight"][:n]
    for layer in range(config["n_layer"]):
        h = f"h.{layer}."
        fused = conv1d(layer_norm(x, tensors, h + "ln_1", eps), h + "attn.c_attn")
        q, k, v = (part.reshape(n, heads, d // heads) for part in np.split(fused, 3, axis=-1))
        x = x + conv1d(attend(q, k, v, 1 / math.sqrt(d // heads)), h + "attn.c_proj")
        inner = gelu_tanh(conv1d(layer_norm(x, tensors, h + "ln_2", eps), h + "mlp.c_fc"))
        x = x + conv1d(inner, h + "mlp.c_proj")
    head = tensors["wte.weight"] if config.get("tie_word_embeddings", True) else tensors["lm_head.weight"]
    return layer_norm(x, tensors, "ln_f", eps) @ head.T


def bert(config, tensors, ids, types=None):
    """Hidden states [n, d]."""
    prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""
    new = lambda name: name.removeprefix(prefix).replace("Norm.gamma", "Norm.weight").replace("Norm.beta", "Norm.bias")
    tensors = {new(name): values for name, values in tensors.items()}
    n, d, heads, eps = len(ids), config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    x = tensors["embeddings.word_embeddings.weight"][ids] + tensors["embeddings.position_embeddings.weight"][:n]
    x = x + tensors["embeddings.token_type_embeddings.weight"][types or [0] * n]
    x = layer_norm(x, tensors, "embeddings.LayerNorm", eps)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        q, k, v = (
            linear(x, name + "attention.self." + part).reshape(n, heads, d // heads)
            for part in ("query", "key", "value")
        )
        attended = linear(attend(q, k, v, 1 / math.sqrt(d // heads), causal=False), name + "attention.output.dense")
        x = layer_norm(x + attended, tensors, name + "attention.output.LayerNorm", eps)
        inner = gelu(linear(x, name + "intermediate.dense"))
        x = layer_norm(x + linear(inner, name + "output.dense"), tensors, name + "output.LayerNorm", eps)
    return x


def window_of(config, layer):
    """As `transformers` chooses each family's layers; 0: all positions."""
    kind, window = config["model_type"], config.get("sliding_window") or 0
    if "layer_types" in config:
        return window if config["layer_types"][layer] == "sliding_attention" else 0
    if kind in ("qwen2", "qwen3"):
        return window if config.get("use_sliding_window") and layer >= config["max_window_layers"] else 0
    if kind == "gemma2":
        return window if layer % 2 == 0 else 0
    if kind == "gemma3_text":
        return window if (layer + 1) % config.get("sliding_window_pattern", 6) else 0
    return window


def rotary_of(config, layer):
    """(base, factor) of the rotation."""
    if config["model_type"] == "gemma3_text":
        if window_of(config, layer):
            return config["rope_local_base_freq"], 1.0
        return config["rope_theta"], (config.get("rope_scaling") or {}).get("factor", 1.0)
    return config.get("rope_theta", 10000.0), 1.0


def rotary_decoder(config, tensors, ids):
    """Mistral, Qwen2, Qwen3 and Gemma 1 to 3: logits [n, V]."""
    kind, n, eps, size = config["model_type"], len(ids), config["rms_norm_eps"], config["head_dim"]
    gemma = kind.startswith("gemma")
    act = gelu_tanh if gemma else silu

    def norm(x, name):
        weight = tensors[name + ".weight"]
        return rms_norm(x, weight + 1 if gemma else weight, eps)

    def linear(x, name):
        y = x @ tensors[name + ".weight"].T
        return y + tensors[name + ".bias"] if name + ".bias" in tensors else y

    scale = 1 / math.sqrt(config.get("query_pre_attn_scalar") or size)
    x = tensors["model.embed_tokens.weight"][ids]
    if gemma:
        x = x * np.float32(math.sqrt(config["hidden_size"]))
    for layer in range(config["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        base, factor = rotary_of(config, layer)

        def heads(x, part):
            y = linear(x, name + f"self_attn.{part}_proj").reshape(n, -1, size)
            if part != "v" and name + f"self_attn.{part}_norm.weight" in tensors:
                y = norm(y, name + f"self_attn.{part}_norm")
            return y if part == "v" else rotate(y, base, factor)

        inner = norm(x, name + "input_layernorm")
        softcap = config.get("attn_logit_softcapping") or 0.0
        attended = attend(*(heads(inner, part) for part in "qkv"), scale, True, window_of(config, layer), softcap)
        attended = linear(attended, name + "self_attn.o_proj")
        post = kind in ("gemma2", "gemma3_text")
        x = x + (norm(attended, name + "post_attention_layernorm") if post else attended)
        inner = norm(x, name + ("pre_feedforward_layernorm" if post else "post_attention_layernorm"))
        inner = linear(
            act(linear(inner, name + "mlp.gate_proj")) * linear(inner, name + "mlp.up_proj"), name + "mlp.down_proj"
        )
        x = x + (norm(inner, name + "post_feedforward_layernorm") if post else inner)
    head = tensors["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
    logits = norm(x, "model.norm") @ head.T
    cap = config.get("final_logit_softcapping") or 0.0
    return np.float32(cap) * np.tanh(logits / np.float32(cap)) if cap else logits


def logits(config, tensors, ids):
    forward = gpt2 if config["model_type"] == "gpt2" else rotary_decoder
    return forward(config, tensors, np.asarray(ids)).astype(np.float32)


def generate(config, tensors, ids, count):
    """Greedy decoding: (prompt logits [n, V], the `count` new ids, the smallest margin of a choice)."""
    prompt = logits(config, tensors, ids)
    row, out, margins = prompt[-1], [], []
    for _ in range(count):
        out.append(int(row.argmax()))
        second, first = np.partition(row, -2)[-2:]
        margins.append(float(first - second))
        row = logits(config, tensors, list(ids) + out)[-1]
    return prompt, out, min(margins)
