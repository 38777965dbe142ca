"""The real model as a Hugging Face directory, one file or sharded, gives the GGUF's tokens; config.json alone plans."""

import json

# first: it makes test/reference importable
from common import Expected, Suite, expect, expect_close, expect_tokens, read_logits, run, run_ok, run_package

import hf_files
import llama
import write_hf

FLAGS = ["--mesh", "tp=3", "--dtype", "f32", "--max-seq", "1024"]
PROMPTS = ("short", "chat", "boundary")


def check_directory(suite, expected, shards):
    """Same tokens and logits as the GGUF file's, and the text tokenised by the directory's tokenizer.json."""
    directory = suite.scratch / "hf"
    write_hf.write(suite.model, directory, shards=shards)
    with suite.package(directory, *FLAGS) as package:
        for name in PROMPTS:
            output = suite.scratch / "logits.npy"
            found = run_package(suite, package, [expected.ids(name)], output=output)
            expect_tokens(found, [expected.generated(name)], name)
            expect_close(read_logits(output, len(expected.ids(name))), expected.logits(name), name)
        command = [
            suite.tool("tp-run"),
            package,
            "--chat",
            "What is gravity?",
            "--print",
            "ids",
            "--max-tokens",
            "16",
            "--ignore-eos",
        ]
        text = run_ok(command).stdout
        expect(text.split() == list(map(str, expected.generated("chat"))), f"--chat: found {text!r}")


def check_config_alone(suite, strategy):
    """A model of 70 billion weights is planned from its config.json, without weights, quickly."""
    directory = suite.scratch / "large"
    directory.mkdir(exist_ok=True)
    hf_files.write_json(directory / "config.json", hf_files.config_json(llama.LLAMA3_70B, "bf16", 128000, 128001))
    report = suite.scratch / "explain.json"
    command = [
        suite.tool("tp-compile"),
        directory,
        "--mesh",
        "tp=8",
        "--strategy",
        strategy,
        "--stop-after",
        "partition",
    ]
    run_ok([*command, "-o", suite.scratch / "plan.mlir", f"--explain={report}"], timeout=60)
    expect(len(json.loads(report.read_text())) > 0, "the report is empty")
    table = run_ok([*command, "-o", suite.scratch / "plan.mlir", "--explain"], timeout=60)
    expect("reduce" in table.stdout + table.stderr, f"expected a table of collectives, found {table.stdout[:300]!r}")


def check_config_alone_cannot_run(suite):
    """Without --stop-after it is an error that names what is missing."""
    directory = suite.scratch / "large"
    result = run([suite.tool("tp-compile"), directory, "-o", suite.scratch / "package", "--mesh", "tp=8"], timeout=60)
    expect(result.returncode != 0, "expected an error, found success")
    expect("safetensors" in result.stderr, f"expected an error that names safetensors, found {result.stderr[-300:]!r}")
    expect(not (suite.scratch / "package").exists(), "a package was left behind")


def main():
    with Suite("hf_test") as suite:
        expected = Expected(suite)
        suite.check("one file", check_directory, suite, expected, 1)
        suite.check("sharded with an index", check_directory, suite, expected, 3)
        for strategy in ("megatron", "sequence"):
            suite.check(f"config.json alone {strategy}", check_config_alone, suite, strategy)
        suite.check("config.json alone cannot run", check_config_alone_cannot_run, suite)


if __name__ == "__main__":
    main()
