"""Llama-architecture inference in float32 NumPy: the reference that every generated program is compared with.

It shares no code with the compiler: weights come from a GGUF file through the `gguf` package (dequantised to float32)
or from a Hugging Face directory; layers are written from the model's definition. Shapes: n new tokens, p cached
positions, d hidden size, V vocabulary, h query heads, k kv heads, s head size.

    python llama.py MODEL --ids 1,2,3 --max-tokens 16 [--logits out.npy]
"""

import argparse
import json
import math
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np


@dataclass
class Config:
    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    norm_eps: float
    rope_base: float
    max_positions: int
    interleaved: bool  # rotary pairs: (2i, 2i + 1) when true, (i, i + s / 2) when false
    tied: bool
    rope_scaling: dict | None = None  # Hugging Face's `rope_scaling`


LLAMA3_8B = Config(
    vocab_size=128256,
    hidden_size=4096,
    layers=32,
    heads=32,
    kv_heads=8,
    head_dim=128,
    intermediate_size=14336,
    norm_eps=1e-5,
    rope_base=500000.0,
    max_positions=8192,
    interleaved=False,
    tied=False,
)
LLAMA3_70B = replace(
    LLAMA3_8B, hidden_size=8192, layers=80, heads=64, intermediate_size=28672, max_positions=131072
)


@dataclass
class Layer:
    """Matrices are [outputs, inputs]; a bias is None or [outputs]."""

    weights: dict[
        str, np.ndarray
    ]  # attn_norm, q, k, v, o, mlp_norm, gate, up, down, and q_bias, ... where the model has them


@dataclass
class Model:
    config: Config
    embedding: np.ndarray  # [V, d]
    layers: list[Layer]
    norm: np.ndarray  # [d]
    head: np.ndarray  # [V, d]
    frequencies: np.ndarray  # [s / 2] float64, radians per position


@dataclass
class Cache:
    """Keys (after rotary) and values per layer, [p, k, s]."""

    keys: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    length: int = 0


def rope_frequencies(config: Config, divisors: np.ndarray | None = None) -> np.ndarray:
    """Radians per position of each pair; `divisors` is GGUF's `rope_freqs` tensor."""
    frequencies = config.rope_base ** -(np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim)
    if divisors is not None:
        return frequencies / divisors
    scaling = config.rope_scaling or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return frequencies
    if kind == "linear":
        return frequencies / scaling["factor"]
    if kind == "llama3":
        return np.array([llama3_frequency(f, scaling) for f in frequencies])
    if kind == "yarn":
        return yarn_frequencies(frequencies, config, scaling)
    raise ValueError(f"rope scaling '{kind}' is not known to the reference")


def llama3_frequency(frequency: float, scaling: dict) -> float:
    """Long waves are stretched by `factor`, short ones kept, those between are blended."""
    turns = scaling["original_max_position_embeddings"] * frequency / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    keep = min(max((turns - low) / (high - low), 0.0), 1.0)
    return keep * frequency + (1 - keep) * frequency / scaling["factor"]


def yarn_frequencies(frequencies: np.ndarray, config: Config, scaling: dict) -> np.ndarray:
    """Pairs that turn often in the original context are kept, those that hardly turn are stretched, linear by their number between."""
    size, context = config.head_dim, scaling.get("original_max_position_embeddings", config.max_positions)

    def pair(turns):
        return size * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(config.rope_base))

    first = max(math.floor(pair(scaling.get("beta_fast", 32))), 0)
    last = min(math.ceil(pair(scaling.get("beta_slow", 1))), size - 1)
    stretched = np.clip((np.arange(size // 2) - first) / max(last - first, 0.001), 0, 1)
    return frequencies * (1 - stretched) + frequencies / scaling["factor"] * stretched


def yarn_magnitude(config: Config) -> float:
    """By which YaRN multiplies queries and keys."""
    scaling = config.rope_scaling or {}
    if scaling.get("rope_type", scaling.get("type")) != "yarn":
        return 1.0
    return scaling.get("attention_factor") or 0.1 * math.log(scaling["factor"]) + 1


GGUF_LAYER_NAMES = {
    "attn_norm": "attn_norm.weight",
    "q": "attn_q.weight",
    "k": "attn_k.weight",
    "v": "attn_v.weight",
    "o": "attn_output.weight",
    "mlp_norm": "ffn_norm.weight",
    "gate": "ffn_gate.weight",
    "up": "ffn_up.weight",
    "down": "ffn_down.weight",
    "q_bias": "attn_q.bias",
    "k_bias": "attn_k.bias",
    "v_bias": "attn_v.bias",
    "o_bias": "attn_output.bias",
    "gate_bias": "ffn_gate.bias",
    "up_bias": "ffn_up.bias",
    "down_bias": "ffn_down.bias",
}

HF_LAYER_NAMES = {
    "attn_norm": "input_layernorm.weight",
    "q": "self_attn.q_proj.weight",
    "k": "self_attn.k_proj.weight",
    "v": "self_attn.v_proj.weight",
    "o": "self_attn.o_proj.weight",
    "mlp_norm": "post_attention_layernorm.weight",
    "gate": "mlp.gate_proj.weight",
    "up": "mlp.up_proj.weight",
    "down": "mlp.down_proj.weight",
    "q_bias": "self_attn.q_proj.bias",
    "k_bias": "self_attn.k_proj.bias",
    "v_bias": "self_attn.v_proj.bias",
    "o_bias": "self_attn.o_proj.bias",
    "gate_bias": "mlp.gate_proj.bias",
    "up_bias": "mlp.up_proj.bias",
    "down_bias": "mlp.down_proj.bias",
}


def collect_layers(tensors: dict, count: int, prefix: str, names: dict[str, str]) -> list[Layer]:
    layers = []
    for index in range(count):
        full = {key: f"{prefix}{index}.{name}" for key, name in names.items()}
        layers.append(Layer({key: tensors[name] for key, name in full.items() if name in tensors}))
    return layers


def gguf_config(fields: dict, vocab_size: int, tied: bool) -> Config:
    def get(key, default=None):
        return fields["llama." + key].contents() if "llama." + key in fields else default

    heads, hidden = get("attention.head_count"), get("embedding_length")
    scaling = None
    if get("rope.scaling.type", "none") != "none":
        scaling = {"rope_type": get("rope.scaling.type"), "factor": get("rope.scaling.factor")}
    return Config(
        vocab_size=vocab_size,
        hidden_size=hidden,
        layers=get("block_count"),
        heads=heads,
        kv_heads=get("attention.head_count_kv", heads),
        head_dim=get("attention.key_length", hidden // heads),
        intermediate_size=get("feed_forward_length"),
        norm_eps=get("attention.layer_norm_rms_epsilon"),
        rope_base=get("rope.freq_base", 10000.0),
        max_positions=get("context_length"),
        interleaved=True,
        tied=tied,
        rope_scaling=scaling,
    )


def load_gguf(path) -> Model:
    import gguf

    reader = gguf.GGUFReader(str(path))
    tensors = {}
    for tensor in reader.tensors:
        shape = tuple(int(n) for n in reversed(tensor.shape))
        tensors[tensor.name] = (
            gguf.dequantize(tensor.data, tensor.tensor_type).reshape(shape).astype(np.float32, copy=False)
        )
    embedding = tensors["token_embd.weight"]
    config = gguf_config(reader.fields, embedding.shape[0], "output.weight" not in tensors)
    layers = collect_layers(tensors, config.layers, "blk.", GGUF_LAYER_NAMES)
    frequencies = rope_frequencies(config, tensors.get("rope_freqs.weight"))
    return Model(
        config, embedding, layers, tensors["output_norm.weight"], tensors.get("output.weight", embedding), frequencies
    )


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors as float32. Read directly, as NumPy has no bfloat16: 8 bytes of header size, a JSON header, data."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin : 8 + size + end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[entry["dtype"]]).astype(np.float32)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def hf_config(directory: Path) -> Config:
    raw = json.loads((directory / "config.json").read_text())
    rope = raw.get("rope_parameters") or raw.get("rope_scaling")
    heads, hidden = raw["num_attention_heads"], raw["hidden_size"]
    return Config(
        vocab_size=raw["vocab_size"],
        hidden_size=hidden,
        layers=raw["num_hidden_layers"],
        heads=heads,
        kv_heads=raw.get("num_key_value_heads") or heads,
        head_dim=raw.get("head_dim") or hidden // heads,
        intermediate_size=raw["intermediate_size"],
        norm_eps=raw["rms_norm_eps"],
        rope_base=raw.get("rope_theta") or (rope or {}).get("rope_theta", 10000.0),
        max_positions=raw["max_position_embeddings"],
        interleaved=False,
        tied=raw.get("tie_word_embeddings", False),
        rope_scaling=rope,
    )


def load_hf(directory) -> Model:
    directory = Path(directory)
    config = hf_config(directory)
    index = directory / "model.safetensors.index.json"
    files = ["model.safetensors"]
    if index.exists():
        files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    tensors = {}
    for name in files:
        tensors.update(read_safetensors(directory / name))
    embedding = tensors["model.embed_tokens.weight"]
    head = embedding if config.tied else tensors["lm_head.weight"]
    layers = collect_layers(tensors, config.layers, "model.layers.", HF_LAYER_NAMES)
    return Model(config, embedding, layers, tensors["model.norm.weight"], head, rope_frequencies(config))


def load(path) -> Model:
    return load_hf(path) if Path(path).is_dir() else load_gguf(path)


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(eps)) * weight


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray, interleaved: bool) -> np.ndarray:
    """x [n, heads, s]; cos and sin [n, 1, s / 2]."""
    half = x.shape[-1] // 2
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    out = np.empty_like(x)
    first, second = (np.s_[..., 0::2], np.s_[..., 1::2]) if interleaved else (np.s_[..., :half], np.s_[..., half:])
    out[first] = a * cos - b * sin
    out[second] = a * sin + b * cos
    return out


def linear(x: np.ndarray, weights: dict, name: str) -> np.ndarray:
    y = x @ weights[name].T
    bias = weights.get(name + "_bias")
    return y if bias is None else y + bias


def attend(query: np.ndarray, keys: np.ndarray, values: np.ndarray, past: int) -> np.ndarray:
    """Causal grouped-query attention: query [n, h, s], keys and values [past + n, k, s]; returns [n, h * s]."""
    n, heads, size = query.shape
    kv_heads = keys.shape[1]
    grouped = query.reshape(n, kv_heads, heads // kv_heads, size).transpose(1, 2, 0, 3)  # [k, h / k, n, s]
    scores = grouped @ keys.transpose(1, 2, 0)[:, None] / np.float32(math.sqrt(size))  # [k, h / k, n, past + n]
    hidden = np.arange(past + n)[None, :] > past + np.arange(n)[:, None]
    scores[..., hidden] = -np.inf
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed = scores @ values.transpose(1, 0, 2)[:, None]  # [k, h / k, n, s]
    return mixed.transpose(2, 0, 1, 3).reshape(n, heads * size)


def attention(model: Model, index: int, x: np.ndarray, cache: Cache, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    config, weights = model.config, model.layers[index].weights
    n, size = x.shape[0], config.head_dim
    query = rotate(linear(x, weights, "q").reshape(n, config.heads, size), cos, sin, config.interleaved)
    key = rotate(linear(x, weights, "k").reshape(n, config.kv_heads, size), cos, sin, config.interleaved)
    value = linear(x, weights, "v").reshape(n, config.kv_heads, size)
    if index < len(cache.keys):
        key = np.concatenate([cache.keys[index], key])
        value = np.concatenate([cache.values[index], value])
        cache.keys[index], cache.values[index] = key, value
    else:
        cache.keys.append(key)
        cache.values.append(value)
    return linear(attend(query, key, value, cache.length), weights, "o")


def mlp(weights: dict, x: np.ndarray) -> np.ndarray:
    gate = linear(x, weights, "gate")
    return linear(gate / (1 + np.exp(-gate)) * linear(x, weights, "up"), weights, "down")


def forward(model: Model, ids, cache: Cache) -> np.ndarray:
    """Logits [n, V] of the n tokens `ids` that follow the cache; the cache grows by n."""
    config = model.config
    ids = np.asarray(ids, dtype=np.int64)
    angles = np.outer(cache.length + np.arange(len(ids)), model.frequencies)[:, None, :]
    magnitude = yarn_magnitude(config)
    cos, sin = (magnitude * f(angles).astype(np.float32) for f in (np.cos, np.sin))
    x = model.embedding[ids]
    for index, layer in enumerate(model.layers):
        x = x + attention(model, index, rms_norm(x, layer.weights["attn_norm"], config.norm_eps), cache, cos, sin)
        x = x + mlp(layer.weights, rms_norm(x, layer.weights["mlp_norm"], config.norm_eps))
    cache.length += len(ids)
    return rms_norm(x, model.norm, config.norm_eps) @ model.head.T


def logits(model: Model, ids) -> np.ndarray:
    """Logits [n, V] float32 of every position of a sequence."""
    return forward(model, ids, Cache())


def margin(row: np.ndarray) -> float:
    """How far the best token is ahead of the second."""
    second, first = np.partition(row, -2)[-2:]
    return float(first - second)


def generate(model: Model, ids, count: int):
    """Greedy decoding: (prompt logits [n, V], the `count` new ids, the margin of each choice)."""
    cache = Cache()
    prompt_logits = forward(model, ids, cache)
    row, out, margins = prompt_logits[-1], [], []
    for step in range(count):
        out.append(int(row.argmax()))
        margins.append(margin(row))
        if step + 1 < count:
            row = forward(model, [out[-1]], cache)[-1]
    return prompt_logits, out, margins


def greedy(model: Model, ids, count: int) -> tuple[list[int], list[float]]:
    """The `count` ids of greedy decoding and the margin of each choice."""
    return generate(model, ids, count)[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a GGUF file or a Hugging Face directory")
    parser.add_argument("--ids", required=True, help="prompt, comma separated")
    parser.add_argument("--max-tokens", type=int, default=16)
    parser.add_argument("--logits", help="write the logits of all prompt positions (.npy)")
    options = parser.parse_args()
    ids = [int(part) for part in options.ids.split(",")]
    prompt_logits, out, margins = generate(load(options.model), ids, options.max_tokens)
    if options.logits:
        np.save(options.logits, prompt_logits)
    print(*out)
    print("smallest margin", min(margins, default=math.inf))


if __name__ == "__main__":
    main()
