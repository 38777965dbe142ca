"""Writes the files of a Hugging Face model directory: config.json and safetensors in one file or several."""

import json
import struct
from pathlib import Path

import llama
import numpy as np

DTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
TORCH_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def encode(values: np.ndarray, dtype: str) -> bytes:
    """Little-endian bytes; bfloat16 is rounded to nearest even."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    if dtype == "f32":
        return values.tobytes()
    if dtype == "f16":
        return values.astype(np.float16).tobytes()
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, values in tensors.items():
        size = values.size * (4 if dtype == "f32" else 2)
        header[name] = {"dtype": DTYPES[dtype], "shape": list(values.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(encode(values, dtype))


def split_evenly(tensors: dict[str, np.ndarray], shards: int) -> list[dict[str, np.ndarray]]:
    """In order, about equally large; a shard has at least one tensor."""
    total, done, parts = sum(values.size for values in tensors.values()), 0, [{} for _ in range(shards)]
    for name, values in tensors.items():
        parts[min(shards - 1, done * shards // total)][name] = values
        done += values.size
    assert all(parts), f"{shards} shards are too many"
    return parts


def write_weights(directory: Path, tensors: dict[str, np.ndarray], dtype: str, shards: int) -> None:
    if shards == 1:
        write_safetensors(directory / "model.safetensors", tensors, dtype)
        return
    weight_map, total = {}, 0
    for index, part in enumerate(split_evenly(tensors, shards), 1):
        name = f"model-{index:05}-of-{shards:05}.safetensors"
        write_safetensors(directory / name, part, dtype)
        weight_map.update({tensor: name for tensor in part})
        total += sum(values.size for values in part.values()) * (4 if dtype == "f32" else 2)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def config_json(config: llama.Config, dtype: str, bos: int | None, eos, extra: dict | None = None) -> dict:
    """As `LlamaConfig` is written; `extra` overrides, a value of None removes the key."""
    raw = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_positions,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": config.norm_eps,
        "rope_scaling": config.rope_scaling,
        "rope_theta": config.rope_base,
        "tie_word_embeddings": config.tied,
        "torch_dtype": TORCH_NAMES[dtype],
        "vocab_size": config.vocab_size,
    }
    raw.update(extra or {})
    return {key: value for key, value in raw.items() if value is not None or key in ("rope_scaling", "bos_token_id")}


def tensors_of(model: llama.Model) -> dict[str, np.ndarray]:
    """Names and values as in a Hugging Face checkpoint; q and k rows must already be in its order."""
    tensors = {"model.embed_tokens.weight": model.embedding}
    for index, layer in enumerate(model.layers):
        for key, values in layer.weights.items():
            tensors[f"model.layers.{index}.{llama.HF_LAYER_NAMES[key]}"] = values
    tensors["model.norm.weight"] = model.norm
    if not model.config.tied:
        tensors["lm_head.weight"] = model.head
    return tensors
