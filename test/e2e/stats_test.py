"""--stats and --explain: their form, and the collectives per token that each strategy must have."""

import json

from common import Expected, Suite, expect, run_ok, run_package

LAYERS = 30
KINDS = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "permute"}
FLAGS = ["--dtype", "bf16", "--max-seq", "512"]


def stats_of(suite, package, ids, count):
    path = suite.scratch / "stats.json"
    path.unlink(missing_ok=True)
    run_package(suite, package, [ids], "--stats", path, count=count)
    return json.loads(path.read_text())


def expect_keys(value, keys, what):
    expect(isinstance(value, dict) and set(keys) <= set(value), f"{what}: expected {sorted(keys)}, found {value}")


def check_schema(suite, expected, package, ranks):
    stats = stats_of(suite, package, expected.ids("chat"), 5)
    expect_keys(stats, ("prefill", "decode", "load_seconds", "ranks"), "stats")
    for phase, tokens in (("prefill", {len(expected.ids("chat"))}), ("decode", {4, 5})):
        part = stats[phase]
        expect_keys(part, ("tokens", "seconds", "tokens_per_second"), phase)
        expect(part["tokens"] in tokens, f"{phase}: expected {tokens} tokens, found {part['tokens']}")
        rate = part["tokens"] / part["seconds"]
        expect(
            abs(part["tokens_per_second"] / rate - 1) < 0.01,
            f"{phase}: rate {part['tokens_per_second']}, expected {rate}",
        )
    expect(0 <= stats["load_seconds"] < 60, f"load_seconds {stats['load_seconds']}")
    expect([rank["rank"] for rank in stats["ranks"]] == list(range(ranks)), f"ranks {stats['ranks']}")
    for rank in stats["ranks"]:
        expect_keys(rank, ("weight_bytes", "arena_bytes", "peak_rss_bytes", "collectives"), "rank")
        expect(min(rank["weight_bytes"], rank["arena_bytes"], rank["peak_rss_bytes"]) > 0, f"sizes of {rank}")
        for entry in rank["collectives"]:
            expect_keys(entry, ("kind", "count", "bytes"), "collective")
            expect(entry["kind"] in KINDS, f"unknown kind {entry['kind']}")


def counts(stats, rank=0):
    found = {}
    for entry in stats["ranks"][rank]["collectives"]:
        found[entry["kind"]] = found.get(entry["kind"], 0) + entry["count"]
    return found


def per_decode_token(suite, package, ids):
    """Collectives of one decode step: the difference between two runs that differ by eight steps."""
    few, many = (counts(stats_of(suite, package, ids, count)) for count in (2, 10))
    found = {kind: (many[kind] - few.get(kind, 0)) / 8 for kind in many}
    return {kind: count for kind, count in found.items() if count}


def check_decode(suite, expected, package):
    """Two all_reduce a layer, at most one more for the embedding, one all_gather for the logits, nothing else."""
    found = per_decode_token(suite, package, expected.ids("short"))
    reduces, gathers = found.pop("all_reduce", 0), found.pop("all_gather", 0)
    expect(2 * LAYERS <= reduces <= 2 * LAYERS + 1, f"expected {2 * LAYERS} all_reduce (+ 1), found {reduces}")
    expect(gathers <= 1, f"expected at most 1 all_gather, found {gathers}")
    expect(not found, f"unexpected collectives in a decode step: {found}")


def check_sequence_prefill(suite, expected, package):
    """Activations between blocks are split along the sequence: gathered before one, reduced and scattered after."""
    found = counts(stats_of(suite, package, expected.ids("chunk"), 1))
    # The one is for the single row whose logits are wanted; no layer has any.
    expect(found.get("all_reduce", 0) <= 1, f"expected no all_reduce in the layers' prefill, found {found}")
    for kind in ("all_gather", "reduce_scatter"):
        expect(2 * LAYERS <= found.get(kind, 0) <= 2 * LAYERS + 2, f"expected about {2 * LAYERS} {kind}, found {found}")


def check_megatron_prefill(suite, expected, package):
    found = counts(stats_of(suite, package, expected.ids("chunk"), 1))
    reduces = found.get("all_reduce", 0)
    expect(2 * LAYERS <= reduces <= 2 * LAYERS + 1, f"expected {2 * LAYERS} all_reduce (+ 1), found {found}")


def check_silent(suite, expected, package):
    """Replicated ranks have nothing to say to one another."""
    found = counts(stats_of(suite, package, expected.ids("short"), 4))
    expect(sum(found.values()) == 0, f"expected no collectives, found {found}")


def check_same_on_ranks(suite, expected, package, ranks):
    stats = stats_of(suite, package, expected.ids("short"), 3)
    for rank in range(1, ranks):
        expect(
            counts(stats, rank) == counts(stats, 0), f"rank {rank}: {counts(stats, rank)}, rank 0: {counts(stats, 0)}"
        )


def check_weights_shrink(suite, expected, whole, package, ranks):
    """A rank's weights are its share, and padding and norms besides."""
    rank = stats_of(suite, package, expected.ids("short"), 2)["ranks"][0]
    expect(rank["weight_bytes"] < 1.25 * whole / ranks, f"{rank['weight_bytes']} bytes of weights, whole model {whole}")


def check_explain(suite, strategy, degree):
    """The report as JSON and as a table, without making a package."""
    report = suite.scratch / "explain.json"
    command = [suite.tool("tp-compile"), suite.model, "-o", suite.scratch / "plan.mlir", "--mesh", f"tp={degree}"]
    command += ["--strategy", strategy, "--stop-after", "partition"]
    run_ok([*command, f"--explain={report}"])
    expect_report(json.loads(report.read_text()), degree)
    table = run_ok([*command, "--explain"])
    expect("all_reduce" in table.stdout + table.stderr, "the table names no all_reduce")


def expect_report(report, degree):
    """An array of collectives of each entry point."""
    expect(isinstance(report, list) and report, f"expected an array that is not empty, found {str(report)[:200]}")
    for entry in report:
        expect_keys(entry, ("entry", "kind", "axes", "group_size", "bytes", "op", "operand"), "collective")
        expect(entry["axes"] == ["tp"] and entry["group_size"] == degree, f"axes and group of {entry}")
        expect(entry["bytes"] > 0 and entry["op"], f"bytes and op of {entry}")


def main():
    with Suite("stats_test") as suite:
        expected = Expected(suite)
        whole = 0
        with suite.case("replicate compile and run"), suite.package(
            suite.model, *FLAGS, "--mesh", "tp=2", "--strategy", "replicate"
        ) as package:
            whole = stats_of(suite, package, expected.ids("short"), 2)["ranks"][0]["weight_bytes"]
            suite.check("replicate no collectives", check_silent, suite, expected, package)
        for strategy, degree in (("megatron", 3), ("sequence", 3), ("megatron", 2)):
            title = f"{strategy} tp={degree}"
            flags = ["--mesh", f"tp={degree}", "--strategy", strategy]
            with suite.case(f"{title} compile and run"), suite.package(suite.model, *FLAGS, *flags) as package:
                suite.check(f"{title} schema", check_schema, suite, expected, package, degree)
                suite.check(f"{title} decode step", check_decode, suite, expected, package)
                prefill = check_megatron_prefill if strategy == "megatron" else check_sequence_prefill
                suite.check(f"{title} prefill", prefill, suite, expected, package)
                suite.check(f"{title} same on every rank", check_same_on_ranks, suite, expected, package, degree)
                suite.check(f"{title} weights", check_weights_shrink, suite, expected, whole, package, degree)
            suite.check(f"{title} explain", check_explain, suite, strategy, degree)


if __name__ == "__main__":
    main()
