"""Writes the model of a GGUF file as a Hugging Face directory, q and k rows in that layout's order.

python write_hf.py MODEL.gguf OUT [--shards N] [--dtype f32|f16|bf16]
"""

import argparse
import shutil
from pathlib import Path

import hf_files
import llama
import numpy as np
import prompts


def unpermute(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head from interleaved pairs (2i, 2i + 1) to halves (i, i + s / 2); values [heads * s, ...]."""
    size = values.shape[0] // heads
    pairs = values.reshape(heads, size // 2, 2, *values.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(values.shape)


def to_hf_layout(model: llama.Model) -> None:
    config = model.config
    for layer in model.layers:
        for key, heads in (
            ("q", config.heads),
            ("q_bias", config.heads),
            ("k", config.kv_heads),
            ("k_bias", config.kv_heads),
        ):
            if key in layer.weights:
                layer.weights[key] = unpermute(layer.weights[key], heads)
    config.interleaved = False


def write_tokenizer(gguf_path, directory: Path) -> tuple[int, int]:
    """tokenizer.json, tokenizer_config.json and generation_config.json; returns the ids of bos and eos."""
    import gguf

    fields = gguf.GGUFReader(str(gguf_path)).fields
    bos, eos = (fields[f"tokenizer.ggml.{name}_token_id"].contents() for name in ("bos", "eos"))
    tokens = fields["tokenizer.ggml.tokens"].contents()
    prompts.gguf_tokenizer(gguf_path).save(str(directory / "tokenizer.json"))
    hf_files.write_json(
        directory / "tokenizer_config.json",
        {
            "add_prefix_space": False,
            "bos_token": tokens[bos],
            "eos_token": tokens[eos],
            "chat_template": fields["tokenizer.chat_template"].contents(),
            "tokenizer_class": "GPT2Tokenizer",
        },
    )
    hf_files.write_json(directory / "generation_config.json", {"bos_token_id": bos, "eos_token_id": eos})
    return bos, eos


def write(gguf_path, directory, shards: int = 1, dtype: str = "f32") -> None:
    """An existing directory is replaced."""
    directory = Path(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    model = llama.load_gguf(gguf_path)
    to_hf_layout(model)
    bos, eos = write_tokenizer(gguf_path, directory)
    hf_files.write_json(directory / "config.json", hf_files.config_json(model.config, dtype, bos, eos))
    hf_files.write_weights(directory, hf_files.tensors_of(model), dtype, shards)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--dtype", choices=hf_files.DTYPES, default="f32")
    options = parser.parse_args()
    write(options.model, options.out, options.shards, options.dtype)


if __name__ == "__main__":
    main()
