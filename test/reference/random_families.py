"""Tiny random models of the families in families.py, as Hugging Face directories of sizes that a mesh may not divide."""

import math
import zlib
from pathlib import Path

import hf_files
import numpy as np

ROTARY = {
    "vocab_size": 101,
    "hidden_size": 45,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 37,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
GEMMA = ROTARY | {"num_attention_heads": 5, "num_key_value_heads": 1, "hidden_activation": "gelu_pytorch_tanh"}
GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 101,
    "n_embd": 35,
    "n_layer": 2,
    "n_head": 5,
    "n_positions": 150,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
}
BERT = {
    "model_type": "bert",
    "vocab_size": 97,
    "hidden_size": 35,
    "num_hidden_layers": 2,
    "num_attention_heads": 5,
    "intermediate_size": 41,
    "max_position_embeddings": 75,
    "type_vocab_size": 3,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
DECODERS = {
    "mistral": ROTARY | {"model_type": "mistral", "sliding_window": 7},
    "qwen2": ROTARY
    | {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1},
    "qwen3": ROTARY | {"model_type": "qwen3", "layer_types": ["full_attention"] * 2, "tie_word_embeddings": False},
    "gemma": GEMMA | {"model_type": "gemma"},
    "gemma2": GEMMA
    | {
        "model_type": "gemma2",
        "num_hidden_layers": 3,
        "sliding_window": 7,
        "query_pre_attn_scalar": 11,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
    },
    "gemma3": GEMMA
    | {
        "model_type": "gemma3_text",
        "num_hidden_layers": 3,
        "sliding_window": 7,
        "sliding_window_pattern": 3,
        "query_pre_attn_scalar": 11,
        "rope_theta": 1000000.0,
        "rope_local_base_freq": 10000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0},
    },
    "gpt2": GPT2,
    "gpt2_untied": GPT2 | {"n_embd": 21, "n_head": 3, "n_inner": 50, "tie_word_embeddings": False},
}
ENCODERS = {"bert": BERT, "bert_prefixed": BERT | {"hidden_size": 24, "num_attention_heads": 3}}
MODELS = DECODERS | ENCODERS


class Weights:
    """Collects tensors. Large enough that attention is sharp: an error in positions or masks must move the output."""

    def __init__(self, name):
        self.rng, self.tensors = np.random.default_rng(zlib.crc32(name.encode())), {}

    def matrix(self, name, rows, columns, gain=1.0, transposed=False):
        values = (self.rng.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(np.float32)
        self.tensors[name + ".weight"] = np.ascontiguousarray(values.T) if transposed else values

    def vector(self, name, size, mean=0.0, spread=0.3):
        self.tensors[name] = (mean + spread * self.rng.standard_normal(size)).astype(np.float32)

    def dense(self, name, rows, columns, gain=1.0, transposed=False):
        self.matrix(name, rows, columns, gain, transposed)
        self.vector(name + ".bias", rows)

    def layer_norm(self, name, size, mean=1.0):
        self.vector(name + ".weight", size, mean, 0.2)
        self.vector(name + ".bias", size)

    def table(self, name, rows, size, spread=0.25):
        self.tensors[name + ".weight"] = (spread * self.rng.standard_normal((rows, size))).astype(np.float32)


def gpt2(name, config):
    w, d, p = Weights(name), config["n_embd"], "transformer." if name == "gpt2_untied" else ""
    inner = config.get("n_inner") or 4 * d
    w.table(p + "wte", config["vocab_size"], d)
    w.table(p + "wpe", config["n_positions"], d)
    for n in range(config["n_layer"]):
        h = f"{p}h.{n}."
        w.layer_norm(h + "ln_1", d)
        w.dense(h + "attn.c_attn", 3 * d, d, 1.5, transposed=True)
        w.dense(h + "attn.c_proj", d, d, transposed=True)
        w.layer_norm(h + "ln_2", d)
        w.dense(h + "mlp.c_fc", inner, d, transposed=True)
        w.dense(h + "mlp.c_proj", d, inner, transposed=True)
    w.layer_norm(p + "ln_f", d, 3 / (0.25 * math.sqrt(d)))
    if not config.get("tie_word_embeddings", True):
        w.table("lm_head", config["vocab_size"], d)
    return w.tensors


def bert(name, config):
    w, d, p = Weights(name), config["hidden_size"], "bert." if name == "bert_prefixed" else ""
    for part, rows in (("word", "vocab_size"), ("position", "max_position_embeddings"), ("token_type", "type_vocab_size")):
        w.table(f"{p}embeddings.{part}_embeddings", config[rows], d, 1.0)
    w.layer_norm(p + "embeddings.LayerNorm", d)
    for n in range(config["num_hidden_layers"]):
        layer = f"{p}encoder.layer.{n}."
        for part in ("query", "key", "value"):
            w.dense(layer + "attention.self." + part, d, d, 1.5)
        w.dense(layer + "attention.output.dense", d, d)
        w.layer_norm(layer + "attention.output.LayerNorm", d)
        w.dense(layer + "intermediate.dense", config["intermediate_size"], d)
        w.dense(layer + "output.dense", d, config["intermediate_size"])
        w.layer_norm(layer + "output.LayerNorm", d)
    if p:  # as in old checkpoints
        old = lambda name: name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
        return {old(name): values for name, values in w.tensors.items()}
    return w.tensors


def rotary(name, config):
    w, d, size, kind = Weights(name), config["hidden_size"], config["head_dim"], config["model_type"]
    mean = 0.0 if kind.startswith("gemma") else 1.0  # of norms
    spread = 0.25 / (math.sqrt(d) if kind.startswith("gemma") else 1)
    w.table("model.embed_tokens", config["vocab_size"], d, spread)
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        for part, heads in (("q", "num_attention_heads"), ("k", "num_key_value_heads"), ("v", "num_key_value_heads")):
            w.matrix(layer + f"self_attn.{part}_proj", config[heads] * size, d, 1.0 if part == "v" else 1.6)
            if kind == "qwen2":
                w.vector(layer + f"self_attn.{part}_proj.bias", config[heads] * size)
            if kind in ("qwen3", "gemma3_text") and part != "v":
                w.vector(layer + f"self_attn.{part}_norm.weight", size, mean + 0.5, 0.2)
        w.matrix(layer + "self_attn.o_proj", d, config["num_attention_heads"] * size)
        norms = ["input_layernorm", "post_attention_layernorm"]
        if kind in ("gemma2", "gemma3_text"):
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for norm in norms:
            w.vector(layer + norm + ".weight", d, mean, 0.2)
        w.matrix(layer + "mlp.gate_proj", config["intermediate_size"], d)
        w.matrix(layer + "mlp.up_proj", config["intermediate_size"], d)
        w.matrix(layer + "mlp.down_proj", d, config["intermediate_size"])
    w.vector("model.norm.weight", d, 3 / (spread * math.sqrt(d)), 0.2)
    if not config["tie_word_embeddings"]:
        w.table("lm_head", config["vocab_size"], d)
    return w.tensors


def build(name):
    """(config, tensors); the same on every call."""
    config = MODELS[name]
    make = {"gpt2": gpt2, "bert": bert}.get(config["model_type"], rotary)
    return config, make(name, config)


def write(name, directory, dtype="f32"):
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config, tensors = build(name)
    hf_files.write_json(directory / "config.json", config)
    hf_files.write_weights(directory, tensors, dtype, 1)
    return config, tensors
