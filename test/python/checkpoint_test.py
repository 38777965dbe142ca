"""Compares the checkpoint readers with the `gguf` and `safetensors` packages, bit for bit.

usage: checkpoint_test.py --dump BIN --gguf FILE

BIN is the test tool tp-checkpoint-dump, FILE a real GGUF model. Needs numpy, gguf and safetensors. Ends in
'N passed, N failed'; the exit code is not 0 when a check failed.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import safetensors.numpy
from gguf.quants import dequantize, quantize

passed = failed = 0


def check(name, ok, found=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name} {found}", flush=True)


class Dump:
    """Runs the tool on one checkpoint."""

    def __init__(self, binary, path, folder):
        self.binary, self.path, self.folder = binary, path, folder

    def run(self, *options):
        return subprocess.run([self.binary, self.path, *options], capture_output=True, text=True, timeout=300)

    def describe(self):
        result = self.run()
        if result.returncode:
            raise RuntimeError(result.stderr)
        return json.loads(result.stdout)

    def tensor(self, name, *options):
        output = self.folder / "tensor.bin"
        result = self.run("--tensor", name, "--output", output, *options)
        if result.returncode:
            raise RuntimeError(result.stderr)
        return np.fromfile(output, dtype=np.uint32)


def bits(array):
    return np.ascontiguousarray(array, dtype=np.float32).reshape(-1).view(np.uint32)


def same(dump, name, expected, label):
    found = dump.tensor(name)
    wanted = bits(expected)
    check(f"{label}: {name}", np.array_equal(found, wanted), f"{found.size} values, expected {wanted.size}")


def field(reader, key):
    return reader.fields[key].contents()


def check_real_model(binary, path, folder):
    reader = gguf.GGUFReader(path)
    dump = Dump(binary, path, folder)
    described = dump.describe()
    listed = [(t["name"], t["shape"], t["type"]) for t in described["tensors"]]
    expected = [(t.name, [int(n) for n in reversed(t.shape)], t.tensor_type.name) for t in reader.tensors]
    check("real model: list of tensors", listed == expected)
    for tensor in reader.tensors:
        same(dump, tensor.name, dequantize(tensor.data, tensor.tensor_type), "real model")

    tensor = reader.tensors[0]
    rows = dump.tensor(tensor.name, "--first", "1000", "--rows", "7")
    check("real model: some rows", np.array_equal(rows, bits(dequantize(tensor.data[1000:1007], tensor.tensor_type))))

    arch = field(reader, "general.architecture")
    config = described["config"]
    for ours, theirs in {
        "vocab_size": "vocab_size",
        "hidden_size": "embedding_length",
        "layers": "block_count",
        "heads": "attention.head_count",
        "kv_heads": "attention.head_count_kv",
        "intermediate_size": "feed_forward_length",
        "context_length": "context_length",
        "norm_eps": "attention.layer_norm_rms_epsilon",
        "rope_base": "rope.freq_base",
        "rope_dim": "rope.dimension_count",
    }.items():
        check(f"real model: {ours}", config[ours] == field(reader, f"{arch}.{theirs}"), config[ours])
    check("real model: chat template", config["chat_template"] == field(reader, "tokenizer.chat_template"))
    tokenizer = described["tokenizer"]
    for ours, theirs in {"tokens": "tokens", "types": "token_type", "merges": "merges", "model": "model"}.items():
        check(f"real model: tokenizer {ours}", tokenizer[ours] == field(reader, f"tokenizer.ggml.{theirs}"))


def check_quantised(binary, folder):
    """Random data of every type, once as quantize() makes it and once as random bytes, which reach every code."""
    random = np.random.default_rng(1)
    path = folder / "random.gguf"
    writer = gguf.GGUFWriter(path, "test")
    expected = {}
    kinds = gguf.GGMLQuantizationType
    for kind in (kinds.F32, kinds.F16, kinds.BF16, kinds.Q8_0, kinds.Q4_0, kinds.Q4_1):
        values = (random.standard_normal((33, 96)) * np.exp(random.uniform(-12, 6, (33, 1)))).astype(np.float32)
        values[0] = 0
        packed = quantize(values, kind)
        writer.add_tensor(f"quantised.{kind.name}", packed, raw_dtype=kind)
        expected[f"quantised.{kind.name}"] = dequantize(packed, kind)
        if kind == kinds.F32:
            continue
        block, size = gguf.GGML_QUANT_SIZES[kind]
        noise = random.integers(0, 256, (257, 8 * size), dtype=np.uint8)
        halves = noise.view(np.uint16).reshape(257, 8, -1)
        # Scales are the leading halves of a block: no infinities and NaNs, whose payload is the host's affair.
        scales = slice(None) if kind in (kinds.F16, kinds.BF16) else slice(0, 2 if kind == kinds.Q4_1 else 1)
        limit = 0x7F80 if kind == kinds.BF16 else 0x7C00
        part = halves[..., scales]
        part[(part & 0x7FFF) >= limit] &= 0x83FF
        raw = noise.view(np.float16) if kind == kinds.F16 else noise
        writer.add_tensor(f"noise.{kind.name}", raw, raw_dtype=kind)
        expected[f"noise.{kind.name}"] = dequantize(raw, kind)
    writer.add_tensor("other", np.zeros((2, 210), dtype=np.uint8), raw_dtype=kinds.Q6_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    dump = Dump(binary, path, folder)
    for name, values in expected.items():
        same(dump, name, values, "every type")
    result = dump.run("--tensor", "other", "--output", folder / "x")
    check("unreadable type", result.returncode == 1 and result.stderr == "error: tensor 'other' has type Q6_K; "
          "expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1\n", result.stderr)


CONFIG = {"model_type": "llama", "vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 2,
          "num_attention_heads": 4, "intermediate_size": 128}


def new_model(folder, name):
    directory = folder / name
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(CONFIG))
    return directory


def check_safetensors(binary, folder):
    random = np.random.default_rng(2)
    values = {"a": random.standard_normal((5, 7)).astype(np.float32),
              "b.weight": random.standard_normal((64,)).astype(np.float16),
              "c": random.standard_normal((2, 3, 4)).astype(np.float32),
              "empty": np.zeros((0, 3), dtype=np.float32),
              "scalar": np.array(2.5, dtype=np.float32)}
    single = new_model(folder, "single")
    safetensors.numpy.save_file(values, single / "model.safetensors", metadata={"format": "pt"})
    dump = Dump(binary, single, folder)
    for name, array in values.items():
        same(dump, name, array.astype(np.float32), "one file")

    sharded = new_model(folder, "sharded")
    index = {}
    for number, names in enumerate((["a", "b.weight"], ["c", "empty", "scalar"])):
        file = f"model-{number + 1:05}-of-00002.safetensors"
        safetensors.numpy.save_file({name: values[name] for name in names}, sharded / file)
        index |= {name: file for name in names}
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    dump = Dump(binary, sharded, folder)
    check("sharded: list", {t["name"] for t in dump.describe()["tensors"]} == set(values))
    for name, array in values.items():
        same(dump, name, array.astype(np.float32), "sharded")


def check_bf16(binary, folder):
    """NumPy has no bfloat16; safetensors.serialize takes its bytes."""
    values = np.random.default_rng(3).integers(0, 0x7F80, (11, 13), dtype=np.uint16)
    directory = new_model(folder, "bf16")
    header = json.dumps({"t": {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [0, values.nbytes]}})
    data = struct.pack("<Q", len(header)) + header.encode() + values.tobytes()
    (directory / "model.safetensors").write_bytes(data)
    names = [name for name, _ in safetensors.deserialize(data)]  # the package accepts what this test wrote
    check("bf16: the file is valid", names == ["t"])
    same(Dump(binary, directory, folder), "t", (values.astype(np.uint32) << 16).view(np.float32), "bf16")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--gguf", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        parts = [(check_real_model, options.gguf), (check_quantised,), (check_safetensors,), (check_bf16,)]
        for part, *arguments in parts:
            try:
                part(options.dump, *arguments, folder)
            except Exception as error:  # a part that cannot go on counts as one failure; the others still run
                check(part.__name__, False, repr(error))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
