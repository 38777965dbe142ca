"""Tiny random Llama models of awkward sizes, as Hugging Face directories: shapes that a mesh may not divide.

python random_llama.py OUT           writes all of them as OUT/NAME
"""

import math
import sys
import zlib
from pathlib import Path

import hf_files
import llama
import numpy as np

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}

YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 32,
    "beta_fast": 4.0,
    "beta_slow": 0.5,
}

# What each is for; sizes not named are as in BASE.
BASE = {
    "vocab": 101,
    "hidden": 48,
    "layers": 2,
    "heads": 6,
    "kv_heads": 2,
    "head_dim": 8,
    "intermediate": 37,
    "tied": True,
}
MODELS = {
    "plain": {},
    "mqa": {"hidden": 40, "heads": 5, "kv_heads": 1},
    "mha": {"hidden": 24, "heads": 3, "kv_heads": 3, "vocab": 97},
    "untied": {"tied": False, "layers": 3},
    "wide_heads": {"hidden": 36, "heads": 3, "kv_heads": 1, "head_dim": 16, "tied": False},
    "rope_llama3": {"rope_scaling": LLAMA3},
    "rope_yarn": {"rope_scaling": YARN, "head_dim": 16},
    "rope_linear": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "rope_parameters": {
        "extra": {"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
        "rope_base": 500.0,
    },
    "bias": {"biases": ["q", "k", "v", "o", "gate", "up", "down"], "extra": {"attention_bias": True, "mlp_bias": True}},
}


def random_layer(rng, config: llama.Config, biases: list[str]) -> llama.Layer:
    """Weights large enough that attention is sharp: an error in positions or masks must move the logits."""

    def matrix(rows, columns, gain=1.0):
        return (rng.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(np.float32)

    d, s, inner = config.hidden_size, config.head_dim, config.intermediate_size
    weights = {
        "attn_norm": 1 + 0.2 * rng.standard_normal(d),
        "q": matrix(config.heads * s, d, 1.6),
        "k": matrix(config.kv_heads * s, d, 1.6),
        "v": matrix(config.kv_heads * s, d),
        "o": matrix(d, config.heads * s),
        "mlp_norm": 1 + 0.2 * rng.standard_normal(d),
        "gate": matrix(inner, d),
        "up": matrix(inner, d),
        "down": matrix(d, inner),
    }
    for name in biases:
        weights[name + "_bias"] = 0.5 * rng.standard_normal(weights[name].shape[0])
    return llama.Layer({name: values.astype(np.float32) for name, values in weights.items()})


def build(name: str) -> llama.Model:
    return build_spec(name, BASE | MODELS[name])


def build_spec(name: str, spec: dict) -> llama.Model:
    """The model is the same on every call: its seed is its name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    config = llama.Config(
        vocab_size=spec["vocab"],
        hidden_size=spec["hidden"],
        layers=spec["layers"],
        heads=spec["heads"],
        kv_heads=spec["kv_heads"],
        head_dim=spec["head_dim"],
        intermediate_size=spec["intermediate"],
        norm_eps=1e-5,
        rope_base=spec.get("rope_base", 10000.0),
        max_positions=512,
        interleaved=False,
        tied=spec["tied"],
        rope_scaling=spec.get("rope_scaling"),
    )
    # Small embeddings: large ones would make a tied model repeat its input. The last norm gives logits of about 3.
    spread = 0.25

    def table():
        return (spread * rng.standard_normal((config.vocab_size, config.hidden_size))).astype(np.float32)

    embedding = table()
    layers = [random_layer(rng, config, spec.get("biases", [])) for _ in range(config.layers)]
    norm = (1 + 0.2 * rng.standard_normal(config.hidden_size)) * 3 / (spread * math.sqrt(config.hidden_size))
    head = embedding if config.tied else table()
    return llama.Model(config, embedding, layers, norm.astype(np.float32), head, llama.rope_frequencies(config))


def write(name: str, directory, dtype: str = "f32", shards: int = 1) -> None:
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model = build(name)
    extra = (BASE | MODELS[name]).get("extra")
    hf_files.write_json(directory / "config.json", hf_files.config_json(model.config, dtype, None, 0, extra))
    hf_files.write_weights(directory, hf_files.tensors_of(model), dtype, shards)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for name in MODELS:
        write(name, Path(sys.argv[1]) / name)
        print(name)


if __name__ == "__main__":
    main()
