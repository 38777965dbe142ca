"""The package: the same bytes from two compiles, and enough by itself in an empty root folder and environment."""

import filecmp
import os
import re
import shutil
import subprocess
from pathlib import Path

# first: it makes test/reference importable
from common import Expected, Suite, compile_model, expect, expect_tokens, parse_ids, run, run_ok

import random_gguf
import random_llama

FORBIDDEN = re.compile(r"mlir|llvm|clang|python|torch", re.IGNORECASE)
REAL = ["--mesh", "tp=3", "--dtype", "f32", "--max-seq", "256"]


def files_of(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def expect_same(first: Path, second: Path) -> None:
    expect(files_of(first) == files_of(second), f"different files: {files_of(first)} and {files_of(second)}")
    for name in files_of(first):
        expect(filecmp.cmp(first / name, second / name, shallow=False), f"{name} differs between two compiles")


def check_same_bytes(suite, model, flags):
    """The folder, the working directory, the locale and the clock have no part in the bytes."""
    first, second = suite.scratch / "first", suite.scratch / "elsewhere" / "second"
    second.parent.mkdir(exist_ok=True)
    try:
        compile_model(suite, model, first, *flags)
        environment = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"}
        command = [suite.tool("tp-compile"), model, "-o", second.name, *flags]
        run_ok(command, cwd=second.parent, env=environment)
        expect_same(first, second)
        leftovers = list(first.parent.glob("*.partial")) + list(second.parent.glob("*.partial"))
        expect(not leftovers, f"left behind: {leftovers}")
    finally:
        shutil.rmtree(first, ignore_errors=True)
        shutil.rmtree(second, ignore_errors=True)


def check_no_weights(suite, directory):
    """config.json alone gives the package but for its weights; with them, the folder is the very same."""
    whole, bare, shape = suite.scratch / "whole", suite.scratch / "bare", suite.scratch / "shape" / directory.name
    flags = ["--mesh", "tp=3", "--max-seq", "256"]
    compile_model(suite, directory, whole, *flags)
    shape.mkdir(parents=True)
    shutil.copy(directory / "config.json", shape)
    compile_model(suite, shape, bare, *flags, "--no-weights")
    expect(not list(bare.glob("weights/*")), "expected no weights")
    result = run([suite.tool("tp-run"), bare, "--prompt-ids", "1,2"])
    expect(result.returncode != 0 and "weights/0.bin" in result.stderr, f"expected an error, found {result.stderr!r}")
    for path in sorted((whole / "weights").iterdir()):
        shutil.copy(path, bare / "weights")
    expect_same(whole, bare)


def check_no_paths(suite, package):
    """A package can be moved and given away: it names no folder of the machine it was made on."""
    for name in files_of(package):
        if name.parts[0] == "weights":
            continue
        data = (package / name).read_bytes()
        for folder in (suite.options.build, suite.scratch, Path.home()):
            found = os.fsencode(str(folder)) in data and len(folder.parts) > 2
            expect(not found, f"{name} names {folder}")


def shared_objects(path: Path) -> list[Path]:
    """Everything that the loader maps for `path`, and the loader itself."""
    output = run_ok(["ldd", path]).stdout
    expect("not found" not in output, f"missing libraries: {output}")
    return [Path(match) for match in re.findall(r"(/\S+) \(0x", output)]


def check_symbols(suite, model, cpu):
    """The program calls no library: where a CPU has no instruction, it has code of its own."""
    for degree in (1, 3, 4):
        with suite.package(model, "--mesh", f"tp={degree}", "--dtype", "bf16", "--max-seq", "64", "--cpu", cpu) as package:
            nm = run_ok(["/usr/lib/llvm-22/bin/llvm-nm", "-D", "--undefined-only", package / "program.so"])
            expect(not nm.stdout.strip(), f"tp={degree}: program.so calls {nm.stdout.split()[1::2]}")


def check_libraries(suite, package):
    """tp-run and the program use no compiler and no Python."""
    for path in (suite.tool("tp-run"), package / "program.so"):
        result = run(["ldd", path])
        expect(
            not FORBIDDEN.search(re.sub(r"\S*=>", "", result.stdout).replace(str(suite.options.build), "")),
            result.stdout,
        )


def fill_root(suite, root: Path, package: Path) -> None:
    """A root folder with the program, its libraries and the package, and nothing else."""
    (root / "tmp").mkdir(parents=True)
    for source in [suite.tool("tp-run"), *shared_objects(suite.tool("tp-run"))]:
        target = root / "tp-run" if source.name == "tp-run" else root / str(source).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    shutil.copytree(package, root / "package")


def chroot_command() -> list[str] | None:
    """How this user may change the root folder; None where nothing works."""
    if os.geteuid() == 0:
        return ["chroot"]
    probe = subprocess.run(["unshare", "-r", "chroot", "/", "true"], capture_output=True)
    return ["unshare", "-r", "chroot"] if probe.returncode == 0 else None


def check_empty_root(suite, expected, package):
    root = suite.scratch / "root"
    chroot = chroot_command()
    if chroot is None:
        print("note: no right to chroot here; the empty environment alone is tested")
        return
    libraries = {
        "LD_LIBRARY_PATH": ":".join(sorted({str(path.parent) for path in shared_objects(suite.tool("tp-run"))}))
    }
    try:
        fill_root(suite, root, package)
        command = [*chroot, root, "/tp-run", "/package", "--chat", "What is gravity?"]
        result = run_ok([*command, "--print", "ids", "--max-tokens", "16", "--ignore-eos"], env=os.environ | libraries)
        expect_tokens(parse_ids(result.stdout), [expected.generated("chat")], "in an empty root")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def check_empty_environment(suite, expected, package):
    """No PATH, no HOME, no locale, from another folder."""
    ids = ",".join(map(str, expected.ids("chat")))
    command = [
        suite.tool("tp-run"),
        package,
        "--prompt-ids",
        ids,
        "--print",
        "ids",
        "--max-tokens",
        "16",
        "--ignore-eos",
    ]
    result = run_ok(command, env={}, cwd="/")
    expect_tokens(parse_ids(result.stdout), [expected.generated("chat")], "in an empty environment")


def check_read_only(suite, expected, package):
    """Running changes nothing in the package."""
    before = {name: (package / name).stat().st_mtime_ns for name in files_of(package)}
    check_empty_environment(suite, expected, package)
    after = {name: (package / name).stat().st_mtime_ns for name in files_of(package)}
    expect(before == after, "running changed the package")


def main():
    with Suite("package_test") as suite:
        expected = Expected(suite)
        for name, mesh in (("plain", "tp=3"), ("bias", "dp=2,tp=2")):
            directory = suite.scratch / name
            random_llama.write(name, directory)
            flags = ["--mesh", mesh, "--max-seq", "256", "--batch", "2"]
            suite.check(f"same bytes {name} {mesh}", check_same_bytes, suite, directory, flags)
        suite.check("no weights", check_no_weights, suite, suite.scratch / "plain")
        gguf = suite.scratch / "random.gguf"
        random_gguf.write(gguf)
        for cpu in ("x86-64-v3", "cascadelake", "znver4"):
            suite.check(f"no library is called on {cpu}", check_symbols, suite, gguf, cpu)
        suite.check("same bytes real model", check_same_bytes, suite, suite.model, REAL)
        with suite.case("compile and run"), suite.package(suite.model, *REAL) as package:
            suite.check("no paths in the package", check_no_paths, suite, package)
            suite.check("no compiler and no python among the libraries", check_libraries, suite, package)
            suite.check("empty environment", check_empty_environment, suite, expected, package)
            suite.check("running changes nothing", check_read_only, suite, expected, package)
            suite.check("empty root folder", check_empty_root, suite, expected, package)


if __name__ == "__main__":
    main()
