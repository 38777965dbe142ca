"""Ranks on several hosts: two network namespaces with a cable between them, each with its own name and address."""

import contextlib
import os
import subprocess
import sys
import time

# first: it makes test/reference importable
from common import Failure, Suite, end, expect, expect_tokens, mpi_environment, parse_ids, run, run_ok, run_package

import random_llama

ADDRESSES = ["10.71.0.1", "10.71.0.2"]
PROMPTS = [list(range(1, 40))]
LONG = 65000  # tokens: many seconds on any machine, so that a fault meets a run that is under way


def become_root() -> None:
    """Namespaces want rights that any user has in a user namespace of their own, where the system allows one."""
    if os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "-r", sys.executable, *sys.argv])


class Hosts:
    """Two hosts that see the same files. on(i, command) is the command that runs `command` on host i."""

    def __init__(self, suite):
        self.cable = f"tp{os.getpid()}"
        self.hosts = []
        for i in range(len(ADDRESSES)):
            script = f"ip link set lo up && hostname host{i} && echo up && exec sleep infinity"
            command = ["unshare", "-n", "-u", "sh", "-c", script]
            host = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.hosts.append(host)
            if host.stdout.readline() != "up\n":
                raise Failure(f"no network namespace can be made here: {host.stderr.read().strip()}")
        ends = [f"{self.cable}.{i}" for i in range(len(ADDRESSES))]
        pids = [str(host.pid) for host in self.hosts]
        run_ok(["ip", "link", "add", ends[0], "netns", pids[0], "type", "veth", "peer", "name", ends[1], "netns", pids[1]])
        for i, address in enumerate(ADDRESSES):
            run_ok(self.on(i, ["ip", "addr", "add", f"{address}/24", "dev", ends[i]]))
            run_ok(self.on(i, ["ip", "link", "set", ends[i], "up"]))
        # mpirun reaches the other host through this in place of ssh: HOST COMMAND...
        self.remote_shell = suite.scratch / "remote-shell"
        self.remote_shell.write_text(f'#!/bin/sh\nshift\nexec nsenter -t {pids[1]} -n -u sh -c "$*"\n')
        self.remote_shell.chmod(0o755)

    def on(self, i: int, command) -> list[str]:
        return ["nsenter", "-t", str(self.hosts[i].pid), "-n", "-u", *map(str, command)]

    def cut(self) -> None:
        run_ok(self.on(0, ["ip", "link", "set", f"{self.cable}.0", "down"]))

    def end(self) -> None:
        for host in self.hosts:
            host.kill()
            host.communicate()

    def mpirun(self, command) -> list[str]:
        """Four ranks, two on each host."""
        hosts = ",".join(f"{address}:2" for address in ADDRESSES)
        options = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--host", hosts, "-n", "4"]
        return self.on(0, ["mpirun", "--mca", "plm_rsh_agent", self.remote_shell, *options, *command])

    def torchrun(self, command) -> list[subprocess.Popen]:
        """The same as processes that only the environment tells who they are."""
        ranks = []
        for rank in range(4):
            environment = os.environ | {
                "RANK": str(rank),
                "WORLD_SIZE": "4",
                "LOCAL_RANK": str(rank % 2),
                "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": ADDRESSES[0],
                "MASTER_PORT": "29500",
                "TP_TIMEOUT": "5",
            }
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
            ranks.append(subprocess.Popen(self.on(rank // 2, command), text=True, env=environment, **pipes))
        return ranks


@contextlib.contextmanager
def two_hosts(suite):
    hosts = Hosts(suite)
    try:
        yield hosts
    finally:
        hosts.end()


def finish(ranks, timeout: float) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each rank; all must end by themselves."""
    results, limit = [], time.monotonic() + timeout
    try:
        for number, rank in enumerate(ranks):
            try:
                stdout, stderr = rank.communicate(timeout=max(limit - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                raise Failure(f"rank {number} did not end within {timeout} s") from None
            results.append((rank.returncode, stdout, stderr))
    finally:
        for rank in ranks:
            end(rank)
    return results


def tp_run(suite, package, count: int) -> list:
    ids = ",".join(map(str, PROMPTS[0]))
    flags = ["--print", "ids", "--max-tokens", count, "--ignore-eos", "--threads", 1, "--prompt-ids", ids]
    return [suite.tool("tp-run"), package, *flags]


def check_mpirun(suite, package):
    expected = run_package(suite, package, PROMPTS, count=32)
    with two_hosts(suite) as hosts:
        result = run_ok(hosts.mpirun(tp_run(suite, package, 32)), env=mpi_environment())
        expect_tokens(parse_ids(result.stdout), expected, "mpirun on two hosts")


def check_torchrun(suite, package):
    expected = run_package(suite, package, PROMPTS, count=32)
    with two_hosts(suite) as hosts:
        results = finish(hosts.torchrun(tp_run(suite, package, 32)), 60)
        expect(all(code == 0 for code, _, _ in results), f"expected 4 exit codes of 0, found {results}")
        expect_tokens(parse_ids(results[0][1]), expected, "torchrun's variables on two hosts")


def expect_end(results, words) -> None:
    """Every rank that was not killed ends with an error of one line; some line says who is to blame."""
    for rank, (code, _, stderr) in enumerate(results):
        expect(code != 0, f"rank {rank} did not notice")
        expect(code < 0 or len(stderr.strip().splitlines()) == 1, f"rank {rank}: expected one line, found: {stderr}")
    said = "".join(stderr for _, _, stderr in results)
    expect(any(word in said for word in words), f"expected one of {words} among the errors, found: {said}")


def check_killed(suite, package):
    with two_hosts(suite) as hosts:
        ranks = hosts.torchrun(tp_run(suite, package, LONG))
        time.sleep(1.5)
        ranks[3].kill()
        expect_end(finish(ranks, 30), ["rank 3"])


def check_mpirun_killed(suite, package):
    with two_hosts(suite) as hosts:
        command = hosts.mpirun(tp_run(suite, package, LONG))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        job = subprocess.Popen(command, text=True, env=mpi_environment(), **pipes)
        time.sleep(1.5)
        far = run_ok(hosts.on(1, ["pgrep", "--ns", hosts.hosts[1].pid, "--nslist", "net", "-f", "tp-run"])).stdout.split()
        run_ok(["kill", "-9", far[-1]])
        [(code, _, stderr)] = finish([job], 30)
        expect(code != 0, "mpirun did not notice")
        expect("rank" in stderr.lower(), f"expected a rank's number, found: {stderr}")


def check_cut(suite, package):
    with two_hosts(suite) as hosts:
        ranks = hosts.torchrun(tp_run(suite, package, LONG))
        time.sleep(1.5)
        hosts.cut()
        expect_end(finish(ranks, 60), ["rank 0", "rank 1", "rank 2", "rank 3"])


def check_unreachable(suite, package):
    with two_hosts(suite) as hosts:
        hosts.cut()
        expect_end(finish(hosts.torchrun(tp_run(suite, package, 32)), 60), ["TP_TIMEOUT", "reach"])


def main():
    become_root()
    with Suite("hosts_test") as suite:
        model = suite.scratch / "model"
        random_llama.write("plain", model)
        with suite.package(model, "--mesh", "tp=4", "--max-seq", "65536") as package:
            suite.check("mpirun on two hosts", check_mpirun, suite, package)
            suite.check("torchrun's variables on two hosts", check_torchrun, suite, package)
            suite.check("a rank on the other host is killed", check_killed, suite, package)
            suite.check("a rank of mpirun on the other host is killed", check_mpirun_killed, suite, package)
            suite.check("the cable is cut", check_cut, suite, package)
            suite.check("the other host cannot be reached", check_unreachable, suite, package)


if __name__ == "__main__":
    main()
