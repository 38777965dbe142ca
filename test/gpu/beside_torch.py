#!/usr/bin/env python3
"""Tokens per second of PyTorch for a Llama's shape with random bf16 weights: what `run` puts beside tp-run's.

beside_torch.py SHAPE.json --prompt N --tokens N [--device cuda] [--rounds N]

Written as for speed: layers through torch.compile, scaled_dot_product_attention, a static cache, the token chosen on the
device and the whole decode step one CUDA graph. The prompt runs in one piece. Prints JSON: the version, and tokens per
second of prefill and decode, medians of the rounds. Before that, a token decoded behind a prompt is compared with the
last one of a prompt that is longer by it.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F


def rotate(x, cos, sin):
    """x [rows, heads, size]; pairs are (i, i + size / 2)."""
    low, high = x.float().chunk(2, dim=-1)
    return torch.cat((low * cos - high * sin, high * cos + low * sin), dim=-1).to(x.dtype)


def layer(x, weights, keys, values, position, cos, sin, mask, shape):
    """x [rows, D]; keys and values [kv heads, positions, size] are written at `position` [rows]. mask None: a prompt from position 0."""
    attn_norm, qkv, out, mlp_norm, gate_up, down = weights
    heads, kv, size, eps = shape
    q, k, v = F.linear(F.rms_norm(x, x.shape[-1:], attn_norm, eps), qkv).split((heads * size, kv * size, kv * size), dim=-1)
    q, k, v = rotate(q.view(-1, heads, size), cos, sin), rotate(k.view(-1, kv, size), cos, sin), v.view(-1, kv, size)
    keys.index_copy_(1, position, k.transpose(0, 1))
    values.index_copy_(1, position, v.transpose(0, 1))
    if mask is None:
        q, k, v = (each.transpose(0, 1)[None] for each in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0].transpose(0, 1)
    else:  # one row: the queries of a group are rows that see the same positions
        attended = F.scaled_dot_product_attention(q.view(1, kv, heads // kv, size), keys[None], values[None], attn_mask=mask)
    x = x + F.linear(attended.reshape(x.shape[0], heads * size), out)
    gate, up = F.linear(F.rms_norm(x, x.shape[-1:], mlp_norm, eps), gate_up).chunk(2, dim=-1)
    return x + F.linear(F.silu(gate) * up, down)


class Llama:
    def __init__(self, shape, positions, device):
        d, size, kv, hidden, vocabulary = (shape[key] for key in ("hidden_size", "head_dim", "kv_heads", "intermediate_size", "vocab_size"))
        torch.manual_seed(7)

        def random(*sizes):
            """Matrices keep the size of what they are given; vectors are weights of norms."""
            values = torch.ones(sizes, dtype=torch.bfloat16, device=device)
            return values.normal_(std=sizes[-1] ** -0.5) if len(sizes) > 1 else values

        self.table = random(vocabulary, d)
        self.head = self.table if shape["tied"] else random(vocabulary, d)
        self.norm = random(d)
        matrices = ((d,), ((shape["heads"] + 2 * kv) * size, d), (d, shape["heads"] * size), (d,), (2 * hidden, d), (d, hidden))
        self.layers = [tuple(random(*sizes) for sizes in matrices) for _ in range(shape["layers"])]
        self.caches = [(torch.zeros(kv, positions, size, dtype=torch.bfloat16, device=device), torch.zeros(kv, positions, size, dtype=torch.bfloat16, device=device))
                       for _ in self.layers]
        angles = torch.outer(torch.arange(positions), shape["rope_base"] ** (-torch.arange(0, size, 2) / size))
        self.cos, self.sin = angles.cos().to(device)[:, None], angles.sin().to(device)[:, None]
        self.all = torch.arange(positions, device=device)
        self.shape = (shape["heads"], kv, size, shape["norm_eps"])
        self.layer = torch.compile(layer, fullgraph=True, dynamic=False)

    def logits(self, ids, position):
        """Of the last row; ids and position [rows]."""
        x, mask = self.table[ids], None if len(ids) > 1 else (self.all <= position)[None, None, None]
        cos, sin = self.cos[position], self.sin[position]
        for weights, (keys, values) in zip(self.layers, self.caches):
            x = self.layer(x, weights, keys, values, position, cos, sin, mask, self.shape)
        return F.linear(F.rms_norm(x[-1:], x.shape[-1:], self.norm, self.shape[-1]), self.head)


class Decoder:
    """The decode step on two tensors, `token` and `position`, which it moves on; a CUDA graph where there is CUDA."""

    def __init__(self, model, device):
        self.model = model
        self.token, self.position = torch.zeros(1, dtype=torch.int64, device=device), torch.zeros(1, dtype=torch.int64, device=device)
        self.step()  # compiles
        self.replay = self.step
        if device == "cuda":
            aside = torch.cuda.Stream()
            with torch.cuda.stream(aside):
                self.step()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.step()
            self.replay = graph.replay

    def step(self):
        self.token.copy_(self.model.logits(self.token, self.position).argmax(dim=-1))
        self.position.add_(1)

    def start(self, token, position):
        self.token.fill_(token)
        self.position.fill_(position)


def seconds(work, device):
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def check(model, ids):
    """Decoding behind a prompt gives what the longer prompt gives."""
    last, at = ids[-1:], model.all[len(ids) - 1 : len(ids)]
    whole = model.logits(ids, model.all[: len(ids)]).float()
    model.logits(ids[:-1], model.all[: len(ids) - 1])
    worst = (model.logits(last, at).float() - whole).abs().max().item() / whole.abs().max().item()
    if not worst < 0.05:
        sys.exit(f"beside_torch.py: error: expected equal logits of a decoded and of a prompt's token, found {worst:.3f} between them")


def main():
    parser = argparse.ArgumentParser(description="tokens per second of PyTorch for a Llama's shape with random bf16 weights")
    parser.add_argument("shape", type=Path, help="JSON: hidden_size, layers, heads, kv_heads, head_dim, intermediate_size, vocab_size, norm_eps, rope_base, tied")
    parser.add_argument("--prompt", type=int, required=True, help="rows of the prompt")
    parser.add_argument("--tokens", type=int, required=True, help="to decode")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with torch.no_grad():
        model = Llama(json.loads(options.shape.read_text()), options.prompt + options.tokens + 1, options.device)
        ids = 1 + torch.arange(options.prompt, device=options.device) % 90
        check(model, ids)
        decoder, positions = Decoder(model, options.device), model.all[: options.prompt]
        model.logits(ids, positions)
        prefill, decode = [], []
        for _ in range(options.rounds):
            prefill.append(options.prompt / seconds(lambda: model.logits(ids, positions), options.device))
            decoder.start(1, options.prompt)
            decode.append(options.tokens / seconds(lambda: [decoder.replay() for _ in range(options.tokens)], options.device))
    middle = options.rounds // 2
    print(json.dumps({"version": torch.__version__, "prefill": sorted(prefill)[middle], "decode": sorted(decode)[middle]}))


if __name__ == "__main__":
    main()
