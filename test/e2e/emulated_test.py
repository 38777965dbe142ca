"""Packages for GPUs on the emulated device: the real model's tokens and small random models' logits, of all families,
equal those of the CPU target, for ranks on one GPU and on one each; bad input of both tools, and faults of the machine's
libraries, end in one clear error; a machine without NVIDIA's software makes packages."""

import json
import os

import numpy as np

# first: it makes test/reference importable
import bad_input_test as bad_input
from bad_input_test import check_compile, expect_error
from common import Suite, compile_model, expect, expect_close, expect_tokens, mpi_command, mpi_environment, parse_ids, read_logits, run, run_ok

import hf_files
import llama
import mixtral
import random_families
import random_gguf
import random_llama
import t5
import xlnet

CUDA = ["--target", "cuda", "--gpu-arch", "sm_80", "--emit-kernel-ir"]
TOKENS = 8
TIMEOUT = 240


def environment(suite, package, devices=1, **more):
    """Of tp-run on the emulated device; ranks share it where there is one."""
    emulator = suite.options.build / "emulator"
    return os.environ | {
        "TP_CUDA_LIBRARIES": str(emulator),
        "TP_EMU_IR": f"{package}/kernels.sm_80.ll:{emulator}/meet.ll",
        "TP_EMU_DEVICES": str(devices),
        "TP_CUDA_SHARE": "1" if devices == 1 else "0",
        **more,
    }


def command(suite, package, prompt, *flags):
    ids = ",".join(map(str, prompt))
    return [suite.tool("tp-run"), package, "--prompt-ids", ids, "--print", "ids", "--max-tokens", TOKENS, *flags]


class Both:
    """A model as a package for CPUs and one for GPUs."""

    def __init__(self, suite, model, name, *flags):
        self.suite = suite
        self.cpu, self.gpu = suite.scratch / f"{name}.cpu", suite.scratch / f"{name}.gpu"
        compile_model(suite, model, self.cpu, *flags)
        compile_model(suite, model, self.gpu, *flags, *CUDA)

    def tokens(self, prompt, devices, *flags, **more):
        """Ids on the GPU, which must be those on the CPU."""
        expected = parse_ids(run_ok(command(self.suite, self.cpu, prompt, *flags), TIMEOUT).stdout)
        env = environment(self.suite, self.gpu, devices, **more)
        found = parse_ids(run_ok(command(self.suite, self.gpu, prompt, *flags), TIMEOUT, env=env).stdout)
        expect(len(expected[0]) == TOKENS, f"expected {TOKENS} tokens from the CPU, found {len(expected[0])}")
        expect_tokens(found, expected, "tokens")
        return found[0]

    def logits(self, prompt, devices, tolerance):
        """Of all positions, within an absolute + relative tolerance of the CPU's."""
        found = []
        for package, env in ((self.cpu, None), (self.gpu, environment(self.suite, self.gpu, devices))):
            output = self.suite.scratch / "logits.npy"
            ids = ",".join(map(str, prompt))
            run_ok([self.suite.tool("tp-run"), package, "--prompt-ids", ids, "--output", output], TIMEOUT, env=env)
            found.append(np.array(read_logits(output, len(prompt))))
        expect_close(found[1], found[0], "logits", tolerance)


def check_real(suite, ranks, devices):
    """The whole model, all 30 layers."""
    both = Both(suite, suite.model, f"real{ranks}", "--mesh", f"tp={ranks}", "--dtype", "bf16", "--max-seq", 64)
    both.tokens([504, 3575, 282, 4649, 314], devices, "--ignore-eos")


def test_real(suite):
    for ranks, devices in ((1, 1), (2, 1), (3, 3)):
        suite.check(f"SmolLM2 tp={ranks}, {devices} GPUs", check_real, suite, ranks, devices)


def check_random(suite, model, ranks, devices, dtype):
    both = Both(suite, model, "random", "--mesh", f"tp={ranks}", "--dtype", dtype)
    prompt = [5, 17, 42, 1, 9, 33, 2, 8, 71, 64, 3]
    both.tokens(prompt, devices, "--ignore-eos")
    if 1 < devices < 4: # without, all messages go through the GPUs' own memory: they are small
        both.tokens(prompt, devices, "--ignore-eos", TP_CUDA_ONE_SHOT="0")
    if ranks == 2:
        both.tokens(prompt, devices, "--ignore-eos", TP_CUDA_GRAPHS="0")
    # Sums in another order round otherwise in bf16.
    both.logits(prompt, devices, 1e-3 if dtype == "f32" else 3e-2)


def test_random(suite, model):
    for ranks in (1, 2, 3, 4):
        for dtype, devices in (("f32", 1), ("bf16", ranks)):
            title = f"random {dtype} tp={ranks}, {devices} GPUs"
            suite.check(title, check_random, suite, model, ranks, devices, dtype)


def check_processes(suite, model):
    """A process and a GPU for each of four ranks, in groups over two axes: small messages through the GPUs' memory, the
    others by NCCL."""
    both = Both(suite, model, "processes", "--mesh", "dp=2,tp=2", "--batch", 2, "--max-seq", 64, "--dtype", "f32")
    prompt, flags = [5, 17, 42, 1, 9, 33, 2, 8], ["--ignore-eos", "--prompt-ids", "7,70"]
    expected = parse_ids(run_ok(command(suite, both.cpu, prompt, *flags), TIMEOUT).stdout)
    meeting = suite.scratch / "meeting"
    meeting.mkdir()
    for one_shot in ("0", "300", "1000000"):
        more = {"TP_CUDA_ONE_SHOT": one_shot, "TP_EMU_NCCL": str(meeting)}
        env = mpi_environment() | environment(suite, both.gpu, 4, **more)
        found = parse_ids(run_ok([*mpi_command(4), *command(suite, both.gpu, prompt, *flags)], TIMEOUT, env=env).stdout)
        expect_tokens(found, expected, f"tokens, TP_CUDA_ONE_SHOT={one_shot}")
    expect(not list(meeting.iterdir()), f"expected that nothing is left, found {list(meeting.iterdir())}")


def check_odd(suite, shape, ranks, dtype):
    model = suite.scratch / "inputs" / "odd.gguf"
    random_gguf.write(model, **random_gguf.ODD_SHAPES[shape])
    both = Both(suite, model, "odd", "--mesh", f"tp={ranks}", "--dtype", dtype, "--max-seq", 64)
    prompt = [1 + i * 37 % 95 for i in range(41)]
    # The largest of many logits of these in bf16 is off by 0.25 on CPUs, too.
    both.logits(prompt, 1, 1e-3 if dtype == "f32" else 0.3)


def test_processes(suite, model):
    suite.check("dp=2,tp=2, a process each", check_processes, suite, model)


def test_odd(suite):
    for shape, ranks, dtype in ((0, 2, "bf16"), (1, 3, "f32"), (2, 1, "bf16"), (3, 3, "bf16"), (4, 1, "f32")):
        suite.check(f"odd shape {shape} {dtype} tp={ranks}", check_odd, suite, shape, ranks, dtype)


SAMPLING = [
    {"--temperature": 1},
    {"--temperature": 3, "--top-k": 5, "--seed": 8},
    {"--temperature": 2, "--top-p": 0.7, "--seed": 9},
    {"--temperature": 1.5, "--top-k": 40, "--top-p": 0.8, "--seed": 10},
    {"--temperature": 1e-9, "--top-p": 1e-50, "--seed": 11},
    {"--temperature": 1e9, "--top-k": 1000000, "--seed": 12},
]


def check_sampling(suite, ranks, vocab):
    """Two sequences of a batch; the device draws what the host draws, and moves no logits to it."""
    model = suite.scratch / "inputs" / f"vocab{vocab}.gguf"
    if not model.exists():
        random_gguf.write(model, vocab=vocab)
    both = Both(suite, model, "sampling", "--mesh", f"tp={ranks}", "--batch", 2, "--max-seq", 64)
    names = {entry["name"] for entry in json.loads((both.gpu / "manifest.json").read_text())["entries"]}
    expect({"prefill_sample", "decode_sample"} <= names, f"found the entries {sorted(names)}")
    drawn = set()
    for sampling in SAMPLING:
        flags = ["--ignore-eos", *(part for pair in sampling.items() for part in pair), "--prompt-ids", "7,70"]
        drawn.add(tuple(both.tokens([5, 17, 42, 1, 9], 1, *flags)))
    expect(len(drawn) == len(SAMPLING), f"expected {len(SAMPLING)} different texts, found {len(drawn)}")


def test_sampling(suite):
    for ranks, vocab in ((1, 101), (3, 3001)):
        suite.check(f"sampling from {vocab}, tp={ranks}", check_sampling, suite, ranks, vocab)


def check_overlap(suite, model, ranks, dtype):
    """Halves give the very logits of the whole, whether a graph is replayed or not."""
    prompt = [5, 17, 42, 1, 9, 33, 2, 8, 71, 64, 3, 77, 21]
    ids = ",".join(map(str, prompt))
    found = []
    for overlap in ("off", "on"):
        package, output = suite.scratch / f"overlap.{overlap}", suite.scratch / f"{overlap}.npy"
        compile_model(suite, model, package, "--mesh", f"tp={ranks}", "--dtype", dtype, "--overlap", overlap, *CUDA)
        events = json.loads((package / "manifest.json").read_text())["events"]
        expect((events > 0) == (overlap == "on"), f"--overlap {overlap}: {events} events")
        for graphs in "01":
            env = environment(suite, package, 1, TP_CUDA_GRAPHS=graphs)
            tokens = run_ok(command(suite, package, prompt, "--ignore-eos"), TIMEOUT, env=env).stdout
            run_ok([suite.tool("tp-run"), package, "--prompt-ids", ids, "--output", output], TIMEOUT, env=env)
            found.append((tokens, np.array(read_logits(output, len(prompt)))))
    for tokens, logits in found[1:]:
        expect(tokens == found[0][0], f"expected the tokens {found[0][0]}, found {tokens}")
        expect(np.array_equal(logits, found[0][1]), "expected the same bits in all logits")


def check_lost_wait(suite, number):
    """A wait that a program forgot is a race, which the emulated device names."""
    package = suite.scratch / "overlap.on"
    env = environment(suite, package, 1, TP_CUDA_GRAPHS="0", TP_EMU_LOST_WAIT=str(number))
    result = run(command(suite, package, [5, 17], "--ignore-eos"), TIMEOUT, env=env)
    expect_error(result, ["not ordered"])


def test_overlap(suite, model):
    for ranks, dtype in ((3, "bf16"), (2, "f32")):
        suite.check(f"overlap {dtype} tp={ranks}", check_overlap, suite, model, ranks, dtype)
    for number in (3, 4, 9, 10):
        suite.check(f"overlap, wait {number} lost", check_lost_wait, suite, number)


def check_family(suite, name, ranks):
    source = suite.scratch / "inputs" / name
    random_families.write(name, source)
    both = Both(suite, source, name, "--mesh", f"tp={ranks}")
    prompt = [5, 17, 31, 1, 9, 33, 2]
    if name not in random_families.ENCODERS:
        both.tokens(prompt, 1, "--ignore-eos")
    both.logits(prompt, 1, 1e-3)


# Family, model, mesh, further flags
OTHER_FAMILIES = [
    (mixtral, "mixtral", "tp=3", []),
    (mixtral, "mixtral", "ep=3,tp=2", ["--batch", 3]),
    (mixtral, "mixtral_even", "ep=2", ["--strategy", "sequence"]),
    (mixtral, "mixtral_tiles", "ep=2,tp=2", ["--dtype", "bf16"]), # tensor cores
    (mixtral, "qwen3_moe", "tp=2", []),
    (t5, "t5_relu", "tp=2", []),
    (t5, "t5_gated", "tp=3", ["--strategy", "sequence"]),
    (xlnet, "xlnet", "tp=3", []),
    (xlnet, "xlnet_wide", "tp=1", ["--batch", 2]),
]


def check_other_family(suite, family, name, mesh, flags):
    source = suite.scratch / "inputs" / name
    if not source.exists():
        family.write(name, source)
    bf16 = "bf16" in flags
    both = Both(suite, source, name, "--mesh", mesh, "--max-seq", 64 if bf16 else 32, *([] if bf16 else ["--dtype", "f32"]), *flags)
    prompt = [5, 17, 31, 1, 9, 33, 2, 8, 12, 19, 3, 25, 7, 30, 11, 4, 22, 6]
    if family is not xlnet:
        both.tokens(prompt, 1, "--ignore-eos")
    both.logits(prompt * (3 if bf16 else 1), 1, 5e-2 if bf16 else 1e-3)


def test_families(suite):
    for i, name in enumerate(random_families.MODELS):
        ranks = 1 + i % 3
        suite.check(f"{name} tp={ranks}", check_family, suite, name, ranks)
    for family, name, mesh, flags in OTHER_FAMILIES:
        suite.check(f"{name} {mesh}", check_other_family, suite, family, name, mesh, flags)


# name, flags, words of the message
COMPILE_FLAGS = [
    ("arch without sm_", ["--gpu-arch", "80"], ["80"]),
    ("arch that is none", ["--gpu-arch", "sm_x"], ["sm_x"]),
    ("arch that is too old", ["--gpu-arch", "sm_30"], ["sm_30"]),
    ("one arch of two that is none", ["--gpu-arch", "sm_80,sm_x"], ["sm_x"]),
    ("ptxas that is not there", ["--ptxas", "/nowhere/ptxas"], ["/nowhere/ptxas"]),
    ("ptxas that fails", ["--ptxas", "/bin/false"], ["/bin/false"]),
    ("mesh size zero", ["--mesh", "tp=0"], ["0"]),
    ("unknown target", ["--target", "tpu"], ["tpu"]),
]


def test_compile_errors(suite, model):
    for name, flags, words in COMPILE_FLAGS:
        base = [] if "--target" in flags else ["--target", "cuda"]
        suite.check(f"tp-compile {name}", check_compile, suite, [model, *base, *flags], words)


def check_run(suite, package, change, words, devices=1, **more):
    """`change` spoils the package and returns what mends it."""
    mend = change() if change else None
    try:
        env = environment(suite, package, devices, **more)
        expect_error(run(command(suite, package, [5, 17]), 60, env=env), words)
    finally:
        if mend:
            mend()


def rewrite(path, content):
    """A change for check_run."""

    def change():
        old = path.read_bytes()
        path.write_bytes(content(old))
        return lambda: path.write_bytes(old)

    return change


def test_bad_input(suite, model):
    """The cases of bad_input_test.py, which is for CPUs."""
    for name, flags, words in bad_input.COMPILE_FLAGS:
        mesh = [] if "--mesh" in flags else ["--mesh", "tp=2"]
        suite.check(f"tp-compile {name}", check_compile, suite, [model, "--target", "cuda", *mesh, *flags], words)
    package = suite.scratch / "bad_input"
    compile_model(suite, model, package, "--mesh", "tp=2", "--max-seq", 256, "--dtype", "f32", *CUDA, "--ptxas", "none")
    env = environment(suite, package)
    for name, flags, words in bad_input.RUN_FLAGS:
        suite.check(f"tp-run {name}", bad_input.check_run, suite, package, flags, words, env)
    for name, damage, words in bad_input.DAMAGES:
        suite.check(f"tp-run {name}", bad_input.check_broken, suite, package, damage, words, env)


def test_run_errors(suite, model):
    package = suite.scratch / "bad"
    compile_model(suite, model, package, "--mesh", "tp=2", *CUDA, "--ptxas", "none")
    ptx, weights, manifest = package / "kernels.sm_80.ptx", package / "weights" / "1.bin", package / "manifest.json"
    cases = [
        ("no driver", None, ["driver is missing", "libcuda.so.1"], 1, {"TP_CUDA_LIBRARIES": str(suite.scratch)}),
        ("driver too old", None, ["too old for its PTX"], 2, {"TP_EMU_DRIVER": "10020"}),
        ("arch not in the package", None, ["sm_80", "sm_75"], 2, {"TP_EMU_ARCH": "75"}),
        ("fewer GPUs than ranks", None, ["needs 2 GPUs", "has 1"], 1, {"TP_CUDA_SHARE": "0"}),
        ("out of device memory", None, ["weights", "arena", "100000 bytes free"], 2, {"TP_EMU_MEMORY": "100000"}),
        ("profile that cannot be written", None, ["TP_CUDA_PROFILE", "/nowhere/p.json"], 2, {"TP_CUDA_PROFILE": "/nowhere/p.json"}),
        ("truncated weights", rewrite(weights, lambda data: data[:-64]), ["1.bin"], 2, {}),
        ("empty PTX", rewrite(ptx, lambda data: b""), ["kernels.sm_80.ptx", "empty"], 2, {}),
        ("text for PTX", rewrite(ptx, lambda data: b"hello\n"), ["kernels.sm_80.ptx"], 2, {}),
        ("manifest cut", rewrite(manifest, lambda data: data[: len(data) // 2]), ["manifest.json"], 2, {}),
        ("program cut", rewrite(package / "program.so", lambda data: data[:200]), ["program.so"], 2, {}),
    ]
    for name, change, words, devices, more in cases:
        suite.check(f"tp-run {name}", lambda c=change, w=words, d=devices, m=more: check_run(suite, package, c, w, d, **m))
    suite.check("tp-run runs it as it was", lambda: run_ok(command(suite, package, [5, 17]), 60, env=environment(suite, package)))


FAULTS = 100


def check_faults(suite, model):
    """Any call of the driver, cuBLASLt and NCCL fails at any point of what a compiled package does."""
    package = suite.scratch / "faults"
    compile_model(suite, model, package, "--mesh", "tp=2", "--batch", 2, "--max-seq", 64, *CUDA, "--ptxas", "none")
    variables = {"TP_FAULT_PACKAGE": str(package), "TP_FAULT_RANKS": "2", "TP_FAULTS": str(FAULTS)}
    command = [suite.tool("tp-cuda-tests"), "--gtest_filter=*Faults*"]
    said = run_ok(command, TIMEOUT, env=os.environ | variables).stdout
    expect("[  PASSED  ] 3 tests." in said, f"expected that 3 tests pass, found: {said[-500:]}")


def test_faults(suite, model):
    suite.check(f"{FAULTS} faults in a compiled package", check_faults, suite, model)


def compile_bare(suite, model, *flags):
    """What tp-compile says where no assembler is found: nothing on PATH; one in a fixed place is passed over."""
    folder = suite.scratch / "bare"
    folder.mkdir(exist_ok=True)
    fixed = ["--ptxas", "none"] if os.path.exists("/usr/local/cuda/bin/ptxas") else []
    command = [suite.tool("tp-compile"), model, "--target", "cuda", "--mesh", "tp=2", "--dtype", "bf16", *fixed, *flags]
    said = run_ok(command, TIMEOUT, env={"PATH": str(folder), "HOME": str(folder)}).stderr
    expect("no ptxas" in said and "PTX alone" in said, f"expected that PTX alone is announced, found: {said}")
    return said


def check_bare_package(suite):
    package = suite.scratch / "package"
    compile_bare(suite, suite.model, "-o", package, "--max-seq", 64)
    names = sorted(file.name for file in package.glob("kernels.*"))
    expect(names == ["kernels.sm_80.ptx", "kernels.sm_90.ptx"], f"expected PTX for both archs, found {names}")


def check_bare_shape(suite):
    """A shape without weights is compiled to the end; what each GPU needs is known."""
    directory = suite.scratch / "8b"
    directory.mkdir()
    hf_files.write_json(directory / "config.json", hf_files.config_json(llama.LLAMA3_8B, "bf16", 128000, 128001))
    said = compile_bare(suite, directory, "--stop-after", "lower")
    expect("weights 8031." in said, f"expected 8,031 MB of weights on each GPU, found: {said}")


def test_no_nvidia_software(suite):
    suite.check("SmolLM2 without NVIDIA's software", check_bare_package, suite)
    suite.check("Llama-3-8B's shape without NVIDIA's software", check_bare_shape, suite)


def main():
    with Suite("emulated") as suite:
        model = suite.scratch / "inputs" / "model.gguf"
        model.parent.mkdir()
        random_gguf.write(model)
        plain = suite.scratch / "inputs" / "plain"
        random_llama.write("plain", plain)
        test_compile_errors(suite, model)
        test_bad_input(suite, plain)
        test_run_errors(suite, model)
        test_faults(suite, model)
        test_no_nvidia_software(suite)
        test_random(suite, model)
        test_processes(suite, model)
        test_odd(suite)
        test_sampling(suite)
        test_overlap(suite, model)
        test_families(suite)
        test_real(suite)


if __name__ == "__main__":
    main()
