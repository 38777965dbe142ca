"""Bad input of tp-compile and tp-run: an exit code, one line that says what is wrong, nothing half-written, no hang."""

import json
import os
import shutil
from pathlib import Path

# first: it makes test/reference importable
from common import Suite, compile_model, expect, mpi_command, mpi_environment, run

import random_gguf
import random_llama

TIMEOUT = 30


def expect_error(result, words, several=False):
    """One line with 'error' on stderr (at least one under mpirun) that holds every word; no signal."""
    expect(
        0 < result.returncode < 128,
        f"expected an exit code of an error, found {result.returncode}; stderr {result.stderr[-500:]!r}",
    )
    lines = [line for line in result.stderr.splitlines() if "error" in line.lower()]
    expect(
        lines and (several or len(lines) == 1), f"expected one error line, found {len(lines)}: {result.stderr[-800:]!r}"
    )
    for word in words:
        expect(any(word.lower() in line.lower() for line in lines), f"expected '{word}' in {lines[0]!r}")


def check_compile(suite, arguments, words, output="out"):
    target = suite.scratch / output
    before = sorted(suite.scratch.iterdir())
    expect_error(run([suite.tool("tp-compile"), *arguments, "-o", target], TIMEOUT), words)
    expect(sorted(suite.scratch.iterdir()) == before, f"left behind: {set(suite.scratch.iterdir()) - set(before)}")


# name, flags, words of the message
COMPILE_FLAGS = [
    ("mesh without a size", ["--mesh", "tp"], ["tp"]),
    ("mesh with an empty size", ["--mesh", "tp="], ["tp="]),
    ("mesh size that is no number", ["--mesh", "tp=x"], ["tp=x"]),
    ("mesh size with a tail", ["--mesh", "tp=2x"], ["tp=2x"]),
    ("mesh without a name", ["--mesh", "=3"], ["=3"]),
    ("mesh with a trailing comma", ["--mesh", "tp=2,"], ["mesh"]),
    ("mesh size zero", ["--mesh", "tp=0"], ["0"]),
    ("mesh size negative", ["--mesh", "tp=-2"], ["-2"]),
    ("mesh size that overflows", ["--mesh", "tp=99999999999999999999"], ["99999999999999999999"]),
    ("mesh axis twice", ["--mesh", "tp=2,tp=3"], ["tp"]),
    ("unknown strategy", ["--strategy", "magic"], ["magic"]),
    ("unknown dtype", ["--dtype", "f17"], ["f17"]),
    ("unknown phase", ["--stop-after", "lunch"], ["lunch"]),
    ("unknown flag", ["--frobnicate"], ["frobnicate"]),
    ("max-seq zero", ["--max-seq", "0"], ["max-seq"]),
    ("max-seq that overflows", ["--max-seq", "99999999999"], ["max-seq"]),
    ("batch zero", ["--batch", "0"], ["batch"]),
    ("batch that dp does not divide", ["--mesh", "dp=2", "--batch", "0"], ["batch"]),
    ("shard-weight that matches nothing", ["--shard-weight", 'nothing.*=[{"tp"}, {}]'], ["nothing.*"]),
    ("shard-weight with an unknown axis", ["--shard-weight", '*q_proj*=[{"zz"}, {}]'], ["zz"]),
    ("shard-weight of wrong rank", ["--shard-weight", '*q_proj*=[{"tp"}]'], ["q_proj"]),
    ("shard-weight without a sharding", ["--shard-weight", "*q_proj*"], ["q_proj"]),
    ("shard-weight that does not parse", ["--shard-weight", "*q_proj*=[{"], ["[{"]),
]


def test_compile_flags(suite, model):
    for name, flags, words in COMPILE_FLAGS:
        arguments = [model, *(flags if "--mesh" in flags else ["--mesh", "tp=2", *flags])]
        suite.check(f"tp-compile {name}", check_compile, suite, arguments, words)


def write_bytes(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_compile_gguf(suite):
    inputs = suite.scratch / "inputs"
    good = inputs / "good.gguf"
    random_gguf.write(good)
    data = good.read_bytes()
    count = 8 + 8  # the header: magic, version, number of tensors, number of keys
    huge = data[:8] + (2**60).to_bytes(8, "little") + data[count:]
    cases = [
        ("missing file", inputs / "absent.gguf", ["absent.gguf"]),
        ("empty file", write_bytes(inputs / "empty.gguf", b""), ["empty.gguf"]),
        ("text for a model", write_bytes(inputs / "text.gguf", b"hello, world\n" * 99), ["text.gguf"]),
        ("truncated header", write_bytes(inputs / "header.gguf", data[:100]), ["header.gguf"]),
        ("truncated tensors", write_bytes(inputs / "half.gguf", data[: len(data) // 2]), ["half.gguf"]),
        ("64 bytes short", write_bytes(inputs / "short.gguf", data[: len(data) - 64]), ["short.gguf"]),
        ("huge count of tensors", write_bytes(inputs / "huge.gguf", huge), ["huge.gguf"]),
        ("unknown version", write_bytes(inputs / "version.gguf", data[:4] + b"\x63" + data[5:]), ["99"]),
    ]
    for name, path, words in cases:
        suite.check(f"tp-compile gguf {name}", check_compile, suite, [path, "--mesh", "tp=2"], words)
    for kind in ("Q5_0", "Q6_K"):
        path = inputs / f"{kind}.gguf"
        random_gguf.write(path, "Q5_0")
        if kind == "Q6_K":  # the gguf package does not write it
            retype_first_tensor(path)
        suite.check(f"tp-compile gguf tensor type {kind}", check_compile, suite, [path], [kind, "token_embd.weight"])


def retype_first_tensor(path: Path) -> None:
    """Says Q6_K (14) where the first tensor's type stands: after its name and two dimensions."""
    data = bytearray(path.read_bytes())
    start = data.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 2 * 8
    data[start : start + 4] = (14).to_bytes(4, "little")
    path.write_bytes(data)


def test_compile_hf(suite, model):
    inputs = suite.scratch / "inputs"

    def variant(name, change=None):
        target = inputs / name
        shutil.copytree(model, target)
        if change:
            config = json.loads((target / "config.json").read_text())
            change(config)
            (target / "config.json").write_text(json.dumps(config))
        return target

    (inputs / "nothing").mkdir()
    cut = variant("cut")
    weights = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    header = variant("header")
    (header / "model.safetensors").write_bytes(b"\xff" * 8 + weights[8:])
    broken = variant("broken")
    (broken / "config.json").write_text("{")
    index = variant("index")
    (index / "model.safetensors").rename(index / "model-00001-of-00002.safetensors")
    names = {"model.norm.weight": "model-00002-of-00002.safetensors"}
    (index / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    cases = [
        ("empty directory", inputs / "nothing", ["config.json"]),
        ("config that is no json", broken, ["config.json"]),
        ("truncated safetensors", cut, ["model.safetensors"]),
        ("safetensors with a wild header", header, ["model.safetensors"]),
        ("index that names a missing file", index, ["model-00002-of-00002.safetensors"]),
        ("config without a size", variant("size", lambda c: c.pop("hidden_size")), ["hidden_size"]),
        ("config of another type", variant("type", lambda c: c.update(hidden_size="many")), ["hidden_size"]),
        (
            "config with a size of zero",
            variant("zero", lambda c: c.update(num_attention_heads=0)),
            ["num_attention_heads"],
        ),
        ("heads that kv heads do not divide", variant("kv", lambda c: c.update(num_key_value_heads=4)), ["4"]),
        (
            "another architecture",
            variant("mamba", lambda c: c.update(model_type="mamba", architectures=["MambaForCausalLM"])),
            ["mamba"],
        ),
        (
            "unknown rope scaling",
            variant("rope", lambda c: c.update(rope_scaling={"rope_type": "bent", "factor": 2.0})),
            ["bent"],
        ),
        ("more layers than weights", variant("layers", lambda c: c.update(num_hidden_layers=3)), ["model.layers.2"]),
        (
            "weights of another shape",
            variant("shape", lambda c: c.update(intermediate_size=38)),
            ["model.layers.0.mlp"],
        ),
    ]
    for name, path, words in cases:
        suite.check(f"tp-compile hf {name}", check_compile, suite, [path, "--mesh", "tp=2"], words)


def test_compile_output(suite, model):
    blocker = write_bytes(suite.scratch / "file", b"")
    suite.check("tp-compile output below a file", check_compile, suite, [model], ["file"], "file/out")
    blocker.unlink()


RUN_FLAGS = [
    ("no prompt", [], ["prompt"]),
    ("prompt too long", ["--prompt-ids", ",".join(["5"] * 300)], ["300", "256"]),
    ("token out of range", ["--prompt-ids", "1,101"], ["101"]),
    ("token negative", ["--prompt-ids=-1,2"], ["-1"]),
    ("token that is no number", ["--prompt-ids", "1,x"], ["x"]),
    ("token that overflows", ["--prompt-ids", "99999999999999999999"], ["99999999999999999999"]),
    ("empty ids", ["--prompt-ids", ""], ["prompt"]),
    ("more prompts than the batch", ["--prompt-ids", "1", "--prompt-ids", "2"], ["batch"]),
    ("text without a tokenizer", ["--prompt", "hello"], ["tokenizer"]),
    ("chat without a template", ["--chat", "hello"], []),
    ("prompt file that is missing", ["--prompt-file", "absent.txt"], ["absent.txt"]),
    ("unknown print format", ["--prompt-ids", "1", "--print", "poetry"], ["poetry"]),
    ("unknown flag", ["--prompt-ids", "1", "--frobnicate"], ["frobnicate"]),
    ("temperature negative", ["--prompt-ids", "1", "--temperature", "-1"], ["temperature"]),
    ("top-p above one", ["--prompt-ids", "1", "--top-p", "1.5"], ["top-p"]),
    ("threads zero", ["--prompt-ids", "1", "--threads", "0"], ["threads"]),
    ("output in a missing folder", ["--prompt-ids", "1", "--output", "/absent/logits.npy"], ["/absent/logits.npy"]),
    ("stats in a missing folder", ["--prompt-ids", "1", "--stats", "/absent/stats.json"], ["/absent/stats.json"]),
]


def check_run(suite, package, flags, words, env=None):
    expect_error(run([suite.tool("tp-run"), package, *flags], TIMEOUT, cwd=suite.scratch, env=env), words)


def test_run_flags(suite, package):
    for name, flags, words in RUN_FLAGS:
        suite.check(f"tp-run {name}", check_run, suite, package, flags, words)
    suite.check("tp-run missing package", check_run, suite, suite.scratch / "absent", ["--prompt-ids", "1"], ["absent"])


def check_broken(suite, package, damage, words, env=None):
    """A copy of the package with one thing wrong."""
    broken = suite.scratch / "broken"
    shutil.copytree(package, broken)
    try:
        damage(broken)
        check_run(suite, broken, ["--prompt-ids", "1,2", "--max-tokens", "2"], words, env)
    finally:
        shutil.rmtree(broken)


def edit(change):
    """Damage to the manifest's values."""

    def damage(package):
        path = package / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return damage


def flip(before: bytes, after: bytes):
    """Damage to the manifest's bytes: the first `before` becomes `after`."""

    def damage(package):
        path = package / "manifest.json"
        data = path.read_bytes()
        assert before in data
        path.write_bytes(data.replace(before, after, 1))

    return damage


def cut(name):
    def damage(package):
        path = package / name
        os.truncate(path, path.stat().st_size // 2)

    return damage


DAMAGES = [
    ("manifest missing", lambda p: (p / "manifest.json").unlink(), ["manifest.json"]),
    ("manifest empty", lambda p: (p / "manifest.json").write_bytes(b""), ["manifest.json"]),
    ("manifest truncated", cut("manifest.json"), ["manifest.json"]),
    ("manifest brace flipped", flip(b"{", b"z"), ["manifest.json"]),
    ("manifest quote flipped", flip(b'"', b"#"), ["manifest.json"]),
    ("manifest key flipped", flip(b'"arena_bytes"', b'"arena_bytez"'), ["arena_bytes"]),
    ("manifest format flipped", flip(b"tp-package", b"tp-packagf"), ["tp-package"]),
    ("manifest not utf-8", flip(b"tp-package", b"tp-\xff\xfeckage"), ["manifest.json"]),
    ("manifest of another version", edit(lambda m: m.update(version=9)), ["9"]),
    ("manifest value of another type", edit(lambda m: m.update(ranks="two")), ["ranks"]),
    ("manifest ranks unlike the mesh", edit(lambda m: m.update(ranks=3)), ["3"]),
    ("manifest with too few weight files", edit(lambda m: m["weight_files"].pop()), ["weight_files"]),
    ("manifest with another weight size", edit(lambda m: m.update(weight_bytes=m["weight_bytes"] + 64)), ["weights"]),
    ("manifest without entries", edit(lambda m: m.update(entries=[])), ["entr"]),
    ("manifest with an unknown symbol", edit(lambda m: m["entries"][0].update(symbol="tp_absent")), ["tp_absent"]),
    (
        "manifest with an offset outside the arena",
        edit(lambda m: m["entries"][0]["inputs"][0].update(offset=2**40)),
        ["arena"],
    ),
    (
        "manifest with a cpu feature that is missing",
        edit(lambda m: m["target"]["features"].append("avx9000")),
        ["avx9000"],
    ),
    ("manifest for another machine", edit(lambda m: m["target"].update(arch="vax")), ["vax"]),
    ("manifest with an unknown collective", edit(lambda m: m["collectives"][0].update(kind="shout")), ["shout"]),
    ("manifest with a collective on an unknown axis", edit(lambda m: m["collectives"][0].update(axes=["zz"])), ["zz"]),
    ("weights missing", lambda p: (p / "weights" / "1.bin").unlink(), ["1.bin"]),
    ("weights truncated", cut("weights/1.bin"), ["1.bin"]),
    ("program missing", lambda p: (p / "program.so").unlink(), ["program.so"]),
    ("program truncated", cut("program.so"), ["program.so"]),
    ("program that is text", lambda p: (p / "program.so").write_text("hello"), ["program.so"]),
]


def check_mpi(suite, package, processes, flags, words):
    """Every process ends, and the reason is told."""
    command = [*mpi_command(processes), suite.tool("tp-run"), package, *flags]
    expect_error(run(command, TIMEOUT, env=mpi_environment()), words, several=True)


def test_mpi(suite, package):
    good = ["--prompt-ids", "1,2", "--max-tokens", "2"]
    for processes in (1, 3):
        words = ["2", str(processes)]
        # one process under mpirun must not fall back to threads in silence
        suite.check(f"tp-run mpirun -n {processes} for 2 ranks", check_mpi, suite, package, processes, good, words)
    suite.check("tp-run mpirun token out of range", check_mpi, suite, package, 2, ["--prompt-ids", "1,101"], ["101"])


def check_end_of_cache(suite, package):
    """Generation that reaches max_seq stops or is refused; it does not write past the cache."""
    ids = ",".join(["5"] * 250)
    result = run(
        [suite.tool("tp-run"), package, "--prompt-ids", ids, "--max-tokens", "30", "--ignore-eos", "--print", "ids"],
        TIMEOUT,
    )
    if result.returncode == 0:
        count = len(result.stdout.split())
        expect(
            1 <= count <= 7, f"at most 7 tokens fit after 250 of 256 positions (the last needs no cache), found {count}"
        )
    else:
        expect_error(result, ["256"])


def main():
    with Suite("bad_input_test") as suite:
        model = suite.scratch / "inputs" / "model"
        random_llama.write("plain", model)
        test_compile_flags(suite, model)
        test_compile_gguf(suite)
        test_compile_hf(suite, model)
        test_compile_output(suite, model)
        package = suite.scratch / "package"
        compile_model(suite, model, package, "--mesh", "tp=2", "--max-seq", "256", "--dtype", "f32")
        test_run_flags(suite, package)
        for name, damage, words in DAMAGES:
            suite.check(f"tp-run {name}", check_broken, suite, package, damage, words)
        test_mpi(suite, package)
        suite.check("tp-run end of the cache", check_end_of_cache, suite, package)


if __name__ == "__main__":
    main()
