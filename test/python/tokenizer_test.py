#!/usr/bin/env python3
"""Compares runtime/tokenizer with the `tokenizers` package, on the real model's vocabulary and on small trained ones.

Usage: tokenizer_test.py --tokenize BIN --gguf FILE     BIN: tp-tokenize, FILE: SmolLM2-135M-Instruct as GGUF
Prints 'N passed, N failed'; the exit status is not 0 when something failed.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import gguf
import jinja2
import jinja2.sandbox
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_texts import CHAT_TEMPLATES, CONVERSATIONS, CORPUS, HARD, randomTexts

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


class Results:
    passed = failed = 0

    def check(self, name, ok, detail=""):
        if ok:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 20:
            print(f"FAILED {name}: {detail}")


results = Results()


class Ours:
    """A tp-tokenize process."""

    def __init__(self, binary, path):
        self.process = subprocess.Popen([binary, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        results.check("exit status", self.process.wait() == 0)


def short(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def compareText(name, ours, oracle, text):
    for special in (False, True):
        want = oracle.encode(text, add_special_tokens=special).ids
        got = ours(text=text, special=special, parse=True)
        results.check(f"{name} encode", got.get("ids") == want,
                      f"{short(text)}: expected {short(want)}, got {short(got)}")
    oracle.encode_special_tokens = True
    want = oracle.encode(text, add_special_tokens=False).ids
    oracle.encode_special_tokens = False
    got = ours(text=text, parse=False)
    results.check(f"{name} encode as text", got.get("ids") == want,
                  f"{short(text)}: expected {short(want)}, got {short(got)}")


def compareIds(name, ours, oracle, ids, streams=True):
    for skip in (False, True):
        want = oracle.decode(ids, skip_special_tokens=skip)
        got = ours(ids=ids, skip=skip)
        results.check(f"{name} decode", got.get("text") == want,
                      f"{short(ids)}: expected {short(want)}, got {short(got)}")
        joined = "".join(got.get("pieces", []))
        results.check(f"{name} stream", not streams or joined == want,
                      f"{short(ids)}: expected {short(want)}, got {short(joined)}")


def compare(name, binary, path, count, byteRuns=False):
    """`byteRuns`: random ids may be byte-fallback runs that are no UTF-8, which a stream decodes in its own way."""
    ours, oracle = Ours(binary, path), Tokenizer.from_file(path)
    rng = random.Random(name)
    specials = [t.content for t in oracle.get_added_tokens_decoder().values()]
    for text in HARD + randomTexts(rng, count, specials):
        compareText(name, ours, oracle, text)
        compareIds(name, ours, oracle, oracle.encode(text).ids)
    size = oracle.get_vocab_size()
    for _ in range(count // 4):
        compareIds(name, ours, oracle, [rng.randrange(size) for _ in range(rng.randrange(1, 30))], streams=not byteRuns)
    ours.close()


def ggufKeys(path):
    reader = gguf.GGUFReader(path)
    prefix = "tokenizer.ggml."
    return {k[len(prefix):]: f.contents() for k, f in reader.fields.items() if k.startswith(prefix)}


def convert(binary, keys, folder, name):
    keysFile, out = folder / f"{name}.keys.json", folder / f"{name}.json"
    keysFile.write_text(json.dumps(keys))
    run = subprocess.run([binary, "--from-gguf", keysFile], capture_output=True, text=True)
    results.check(f"{name} conversion", run.returncode == 0, run.stderr)
    out.write_text(run.stdout)
    return str(out)


def byteLevelOracle(keys, pre, **bpe):
    """The tokenizer that the GGUF keys describe, made without the code under test."""
    vocab = {token: i for i, token in enumerate(keys["tokens"])}
    merges = [tuple(m.split(" ")) for m in keys["merges"]]
    oracle = Tokenizer(models.BPE(vocab, merges, **bpe))
    oracle.pre_tokenizer = pre
    oracle.decoder = decoders.ByteLevel()
    for token, kind in zip(keys["tokens"], keys["token_type"]):
        if kind == 3:
            oracle.add_special_tokens([AddedToken(token, normalized=False, special=True)])
        elif kind == 4:
            oracle.add_tokens([AddedToken(token, normalized=False)])
    return oracle


def sameEncoding(name, binary, path, oracle, count):
    """Our tokenizer on our converted file against an oracle that did not read the file."""
    ours, rng = Ours(binary, path), random.Random(name)
    specials = [t.content for t in oracle.get_added_tokens_decoder().values()]
    for text in HARD + randomTexts(rng, count, specials):
        compareText(name, ours, oracle, text)
        compareIds(name, ours, oracle, oracle.encode(text).ids)
    ours.close()


def trainByteLevel(pre, normalizer=None, **bpe):
    tokenizer = Tokenizer(models.BPE(**bpe))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=900, show_progress=False, special_tokens=["<|begin|>", "<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.add_tokens(["plain_added", AddedToken("left", lstrip=True), AddedToken("right", rstrip=True),
                          AddedToken("alone", single_word=True), AddedToken("RAW é", normalized=False)])
    begin = tokenizer.token_to_id("<|begin|>")
    addBegin = processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A <|begin|> $B",
                                             special_tokens=[("<|begin|>", begin)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), addBegin])
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def trainMarked(normalizer, pre, decoder, byteFallback=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byteFallback, fuse_unk=True))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre or pre_tokenizers.Metaspace()
    bytesTokens = [f"<0x{b:02X}>" for b in range(256)] if byteFallback else []
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=900, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"] + bytesTokens, limit_alphabet=120))
    # The byte tokens are part of the model alone, as in published files.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]
    state["pre_tokenizer"] = json.loads(pre.__getstate__()) if pre else None
    state["decoder"] = json.loads(decoder.__getstate__())
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>",
                                                             special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def trainedTokenizers():
    mark = "\u2581"
    llama = normalizers.Sequence([normalizers.Prepend(mark), normalizers.Replace(" ", mark)])
    fallback = decoders.Sequence([decoders.Replace(mark, " "), decoders.ByteFallback(), decoders.Fuse(),
                                  decoders.Strip(" ", 1, 0)])
    gemma = decoders.Sequence([decoders.Replace(mark, " "), decoders.ByteFallback(), decoders.Fuse()])
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                      pre_tokenizers.ByteLevel(add_prefix_space=False)])
    falcon = pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(),
                                      pre_tokenizers.Digits(),
                                      pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    yield "digits", trainByteLevel(digits), False
    yield "gpt2", trainByteLevel(pre_tokenizers.ByteLevel(add_prefix_space=True)), False
    yield "llama3", trainByteLevel(split(LLAMA3), ignore_merges=True), False
    yield "qwen2", trainByteLevel(split(QWEN2), normalizers.NFC()), False
    yield "nfd", trainByteLevel(split(QWEN2), normalizers.Sequence([normalizers.NFD(), normalizers.Strip()])), False
    yield "falcon", trainByteLevel(falcon), False
    for behavior in ("removed", "merged_with_previous", "merged_with_next", "contiguous"):
        pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"[\s\p{P}]"), behavior),
                                       pre_tokenizers.Split("a", behavior),
                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
        yield behavior, trainByteLevel(pre), False
    yield "llama2", trainMarked(llama, None, fallback), True
    spaces = pre_tokenizers.Split(" ", "merged_with_previous")
    yield "gemma", trainMarked(normalizers.Replace(" ", mark), spaces, gemma), True
    for scheme in ("always", "first", "never"):
        pre = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=scheme != "first")
        decoder = decoders.Metaspace(prepend_scheme=scheme)
        yield f"metaspace-{scheme}", trainMarked(normalizers.Sequence([]), pre, decoder, byteFallback=False), False


def testRealModel(binary, path, folder, count):
    keys = ggufKeys(path)
    file = convert(binary, keys, folder, "smollm2")
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                   pre_tokenizers.ByteLevel(add_prefix_space=False)])
    sameEncoding("smollm2", binary, file, byteLevelOracle(keys, pre), count)
    compare("smollm2 file", binary, file, count // 4)
    for name, pre, bpe in (("llama-bpe", split(LLAMA3), {"ignore_merges": True}), ("qwen2", split(QWEN2), {}),
                           ("gpt-2", pre_tokenizers.ByteLevel(add_prefix_space=False), {})):
        oracle = byteLevelOracle(keys, pre, **bpe)
        if name == "qwen2":
            oracle.normalizer = normalizers.NFC()
        sameEncoding(f"pre {name}", binary, convert(binary, {**keys, "pre": name}, folder, name), oracle, count // 8)


def testSentencePieceKeys(binary, folder, count):
    """Scores in the order of the merges must give the tokenizer back."""
    mark = "\u2581"
    source = trainMarked(normalizers.Sequence([normalizers.Prepend(mark), normalizers.Replace(" ", mark)]), None,
                         decoders.Sequence([decoders.Replace(mark, " "), decoders.ByteFallback(), decoders.Fuse(),
                                            decoders.Strip(" ", 1, 0)]))
    tokens = [source.id_to_token(i) for i in range(source.get_vocab_size())]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
    scores = [0.0] * 259 + [-float(i) for i in range(len(tokens) - 259)]
    keys = {"model": "llama", "tokens": tokens, "token_type": types, "scores": scores, "bos_token_id": 1,
            "eos_token_id": 2, "unknown_token_id": 0, "add_bos_token": True, "add_eos_token": True}
    # The oracle's merges, from the definition: each cut of a token into two tokens, best score first.
    known = {t: i for i, t in enumerate(tokens)}
    cuts = [(-scores[i], -k, t[:k], t[k:]) for i, t in enumerate(tokens) if types[i] == 1
            for k in range(1, len(t)) if t[:k] in known and t[k:] in known]
    state = json.loads(source.to_str())
    state["model"]["merges"] = [[c[2], c[3]] for c in sorted(cuts, key=lambda c: c[:2])]
    oracle = Tokenizer.from_str(json.dumps(state))
    sameEncoding("sentencepiece", binary, convert(binary, keys, folder, "spm"), oracle, count)


def testGgufErrors(binary, path, folder):
    keys = ggufKeys(path)
    bad = {"pre": ({"pre": "nobody"}, "nobody"), "model": ({"model": "bert"}, "bert"),
           "types": ({"token_type": [1]}, "token_type"), "bos": ({"bos_token_id": 10**6}, "bos_token_id"),
           "twice": ({"tokens": ["a"] * len(keys["tokens"])}, "once"), "merges": ({"merges": []}, "merges"),
           "none": ({"tokens": [], "token_type": []}, "tokens"), "scores": ({"model": "llama"}, "scores")}
    for name, (change, word) in bad.items():
        file = folder / "bad.json"
        file.write_text(json.dumps({**keys, **change}))
        run = subprocess.run([binary, "--from-gguf", file], capture_output=True, text=True)
        oneLine = run.stderr.count("\n") == 1
        results.check(f"error {name}", run.returncode == 1 and word in run.stderr and oneLine, run.stderr)


def testLimits(binary, file):
    """Inputs that a careless tokenizer takes minutes for."""
    ours, oracle = Ours(binary, file), Tokenizer.from_file(file)
    for text in ("a" * 200_000, " " * 200_000 + "x", "e\u0301" * 50_000, "<|im_start|" * 20_000, "ab " * 100_000,
                 "\n\r\t " * 50_000, "\u0301" * 100_000):
        compareText("long", ours, oracle, text)
    for raw in ("ff", "61c3", "c080", "eda080", "f4908080", "e282"):
        results.check("invalid UTF-8", "UTF-8" in ours(bytes=raw).get("error", ""), raw)
    results.check("null byte", ours(text="a\0b")["ids"] == oracle.encode("a\0b").ids)
    ours.close()


def testChat(binary, file):
    ours = Ours(binary, file)
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(message):
        raise jinja2.TemplateError(message)
    environment.globals["raise_exception"] = refuse
    for name, (family, template) in CHAT_TEMPLATES.items():
        for messages in CONVERSATIONS:
            got = ours(template=template, bos="<s>", eos="</s>", messages=messages)
            try:
                want = environment.from_string(template).render(messages=messages, bos_token="<s>", eos_token="</s>",
                                                                add_generation_prompt=True)
                ok = got.get("text") == want and got.get("family") == family
            except jinja2.TemplateError as error:
                want, ok = error, "error" in got
            results.check(f"chat {name}", ok, f"{short(messages)}: expected {short(want)}, got {short(got)}")
    results.check("chat unknown", "ChatML" in ours(template="{{ messages }}", messages=[]).get("error", ""))
    one = [{"role": "user", "content": "a"}]
    for messages in ([], one * 2, one + [{"role": "assistant", "content": "b"}], [{"role": "tool", "content": "x"}]):
        got = ours(template=CHAT_TEMPLATES["smollm2"][1], messages=messages)
        results.check("chat order", "expected" in got.get("error", ""), short(got))
    ours.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenize", required=True)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--count", type=int, default=2000, help="random texts for the real model")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        testRealModel(args.tokenize, args.gguf, folder, args.count)
        smollm2 = str(folder / "smollm2.json")
        testLimits(args.tokenize, smollm2)
        testChat(args.tokenize, smollm2)
        testGgufErrors(args.tokenize, args.gguf, folder)
        testSentencePieceKeys(args.tokenize, folder, args.count // 8)
        for style, tokenizer, byteRuns in trainedTokenizers():
            path = str(folder / f"{style}.json")
            tokenizer.save(path)
            compare(style, args.tokenize, path, args.count // 8, byteRuns)
    print(f"{results.passed} passed, {results.failed} failed")
    return results.failed != 0


if __name__ == "__main__":
    sys.exit(main())
