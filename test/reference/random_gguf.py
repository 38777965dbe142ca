"""Tiny random Llama models as GGUF files in each tensor type, and ones that a reader must refuse.

python random_gguf.py OUT.gguf [TYPE]
"""

import sys

import gguf
import llama
import numpy as np
import random_llama

# Rows are whole blocks of 32 values, as the quantised types need.
SPEC = {
    "vocab": 101,
    "hidden": 64,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 16,
    "intermediate": 96,
    "tied": True,
}
# Sizes that no vector, warp or tile divides.
ODD_SHAPES = (
    {"vocab": 131, "hidden": 96, "heads": 3, "kv_heads": 1, "head_dim": 32, "intermediate": 160},
    {"vocab": 257, "hidden": 72, "heads": 3, "kv_heads": 3, "head_dim": 24, "intermediate": 100},
    {"vocab": 1001, "hidden": 80, "heads": 5, "kv_heads": 1, "head_dim": 16, "intermediate": 136},
    {"vocab": 97, "hidden": 256, "heads": 2, "kv_heads": 2, "head_dim": 128, "intermediate": 352},
    {"vocab": 103, "hidden": 6, "heads": 1, "kv_heads": 1, "head_dim": 6, "intermediate": 10},
)
TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")


def write(path, tensor_type: str = "F32", rope_factors=None, tensors_per_part: int = 0, **spec) -> None:
    """Norms and biases stay F32, as in real files. The reference reads the file back, so q and k rows stay. In parts, x.gguf is
    x-00001-of-00003.gguf and so on; `rope_factors` is what divides the rotation's frequencies."""
    model = random_llama.build_spec("gguf", SPEC | spec)
    writer = gguf.GGUFWriter(str(path), "llama", split_max_tensors=tensors_per_part)
    add_config(writer, model.config)
    kind = gguf.GGMLQuantizationType[tensor_type]
    add_tensor(writer, "token_embd.weight", model.embedding, kind)
    for index, layer in enumerate(model.layers):
        for key, values in layer.weights.items():
            add_tensor(writer, f"blk.{index}.{llama.GGUF_LAYER_NAMES[key]}", values, kind)
    add_tensor(writer, "output_norm.weight", model.norm, kind)
    if rope_factors is not None:
        add_tensor(writer, "rope_freqs.weight", np.array(rope_factors, np.float32), kind)
    if not model.config.tied:
        add_tensor(writer, "output.weight", model.head, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_config(writer: gguf.GGUFWriter, config: llama.Config) -> None:
    writer.add_name("tiny")
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_eps)


def add_tensor(writer: gguf.GGUFWriter, name: str, values: np.ndarray, kind: gguf.GGMLQuantizationType) -> None:
    if values.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, values)
    elif kind == gguf.GGMLQuantizationType.F16:
        writer.add_tensor(name, values.astype(np.float16))
    else:
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    write(*sys.argv[1:])


if __name__ == "__main__":
    main()
