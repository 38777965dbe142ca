"""The random models of random_families.py as GGUF files, with names and values as llama.cpp's converter gives them."""

import re

import gguf
import numpy as np

COMMON = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
NAMES = {
    "gemma": COMMON | {"post_attention_layernorm": "ffn_norm"},
    "gemma2": COMMON
    | {
        "post_attention_layernorm": "post_attention_norm",
        "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
    },
    "gpt2": {
        "wte": "token_embd",
        "wpe": "position_embd",
        "ln_f": "output_norm",
        "lm_head": "output",
        "ln_1": "attn_norm",
        "attn.c_attn": "attn_qkv",
        "attn.c_proj": "attn_output",
        "ln_2": "ffn_norm",
        "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down",
    },
    "bert": {
        "embeddings.word_embeddings": "token_embd",
        "embeddings.position_embeddings": "position_embd",
        "embeddings.token_type_embeddings": "token_types",
        "embeddings.LayerNorm": "token_embd_norm",
        "attention.self.query": "attn_q",
        "attention.self.key": "attn_k",
        "attention.self.value": "attn_v",
        "attention.output.dense": "attn_output",
        "attention.output.LayerNorm": "attn_output_norm",
        "intermediate.dense": "ffn_up",
        "output.dense": "ffn_down",
        "output.LayerNorm": "layer_output_norm",
    },
}
NAMES["gemma3"] = NAMES["gemma2"]
LAYER = re.compile(r"(?:model\.layers|h|encoder\.layer)\.(\d+)\.(.*)")


def gguf_name(names, name):
    stem, kind = name.rsplit(".", 1)
    layer = LAYER.fullmatch(stem)
    return f"blk.{layer[1]}.{names[layer[2]]}.{kind}" if layer else f"{names[stem]}.{kind}"


def converted(architecture, name, values):
    """Norms of Gemma with 1 added, GPT-2's matrices [out, in]."""
    if architecture.startswith("gemma") and "norm" in name:
        return values + np.float32(1)
    if architecture == "gpt2" and values.ndim == 2 and ".c_" in name:
        return np.ascontiguousarray(values.T)
    return values


def write(path, config, tensors):
    """`config` and `tensors` as Hugging Face has them."""
    architecture = config["model_type"].removesuffix("_text")
    writer = gguf.GGUFWriter(str(path), architecture)
    get = lambda *keys: next(config[key] for key in keys if key in config)
    writer.add_name("tiny")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(get("max_position_embeddings", "n_positions"))
    writer.add_embedding_length(get("hidden_size", "n_embd"))
    writer.add_block_count(get("num_hidden_layers", "n_layer"))
    writer.add_feed_forward_length(config.get("intermediate_size", 4 * get("hidden_size", "n_embd")))
    writer.add_head_count(get("num_attention_heads", "n_head"))
    if architecture in ("gpt2", "bert"):
        writer.add_layer_norm_eps(get("layer_norm_epsilon", "layer_norm_eps"))
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
        writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    if "sliding_window" in config:
        writer.add_sliding_window(config["sliding_window"])
    if "final_logit_softcapping" in config:
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if "rope_scaling" in config:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config["rope_scaling"]["factor"])
    for name, values in tensors.items():
        writer.add_tensor(gguf_name(NAMES[architecture], name), converted(architecture, name, values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
