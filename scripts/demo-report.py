"""Says what a compiled and run package is: python demo-report.py MANIFEST.json EXPLAIN.json STATS.json

What was split and how, the collectives of one generated token, weights per rank, tokens per second. Standard library alone.
"""

import json
import re
import sys
from pathlib import Path


def heading(text: str) -> None:
    print(f"\n== {text}")


def table(titles: list[str], rows: list[list], left: int) -> None:
    """The first `left` columns and the last are aligned left, the others right."""
    rows = [titles] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    for row in rows:
        last = len(row) - 1
        cells = [c.ljust(w) if i < left or i == last else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print(("  " + "  ".join(cells)).rstrip())


def sizes(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def split_text(sharding: str) -> str:
    """[{"tp", unit = 64, repeat = 3}, {}] as words."""
    parts = []
    for dimension, text in enumerate(re.findall(r"\{([^{}]*)\}", sharding.split("]")[0])):
        axes = re.findall(r'"([^"]+)"', text)
        if axes:
            unit = re.search(r"unit = (\d+)", text)
            by = f" in units of {unit.group(1)}" if unit else ""
            parts.append(f"dim {dimension} over {', '.join(axes)}{by}")
    return "; ".join(parts) or "whole on every rank"


def report_weights(manifest: dict) -> None:
    groups: dict[tuple, int] = {}
    for weight in manifest["weights"]:
        name = re.sub(r"\.\d+\.", ".*.", weight["name"])
        key = name, sizes(weight["shape"]), sizes(weight["local_shape"]), split_text(weight["sharding"])
        groups[key] = groups.get(key, 0) + 1
    heading("What was split and how")
    rows = [[name, count, whole, local, text] for (name, whole, local, text), count in groups.items()]
    table(["weight", "of them", "whole", "one rank", "split"], rows, 1)


def report_collectives(explain: list) -> None:
    uses = [use for use in explain if use["entry"].startswith("decode") and use["kind"] != "idle"]
    heading("Collectives of one generated token (bytes that one rank sends)")
    rows = []
    for use in uses:
        count, size = use["count"], use["bytes"]
        asked = f"{use['function']}: {use['op']} {use['operand']}"
        rows.append([use["kind"], ",".join(use["axes"]), use["group_size"], count, f"{size:,}", f"{count * size:,}", asked])
    total = sum(use["count"] * use["bytes"] for use in uses)
    rows.append(["all", "", "", sum(use["count"] for use in uses), "", f"{total:,}", ""])
    table(["collective", "axes", "ranks", "count", "bytes each", "bytes", "asked for by"], rows, 2)


def report_ranks(manifest: dict, stats: dict) -> None:
    heading("Ranks")
    rows = []
    for rank, file in zip(stats["ranks"], manifest["weight_files"]):
        calls = sum(c["count"] for c in rank["collectives"])
        sent = sum(c["bytes"] for c in rank["collectives"])
        rows.append([rank["rank"], megabytes(rank["weight_bytes"]), megabytes(manifest["state_bytes"]),
                     megabytes(rank["arena_bytes"]), calls, megabytes(sent), file])
    table(["rank", "weights", "KV cache", "arena", "collectives", "sent", "file"], rows, 1)


def report_speed(stats: dict) -> None:
    heading("Speed")
    rows = [[name, part["tokens"], f"{part['seconds']:.2f} s", f"{part['tokens_per_second']:.1f} tokens/s"]
            for name, part in (("prompt", stats["prefill"]), ("generated", stats["decode"]))]
    table(["", "tokens", "time", "rate"], rows, 1)
    print(f"  weights mapped and ranks started in {stats['load_seconds']:.2f} s")


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    manifest, explain, stats = (json.loads(Path(path).read_text()) for path in sys.argv[1:])
    model = manifest["model"]
    mesh = ", ".join(f"{axis}={size}" for axis, size in manifest["mesh"])
    print(f"{model['name']}: {model['layers']} layers, hidden {model['hidden_size']}, vocabulary {model['vocab_size']}, "
          f"{model['dtype']}, mesh {mesh}")
    report_weights(manifest)
    report_collectives(explain)
    report_ranks(manifest, stats)
    report_speed(stats)


if __name__ == "__main__":
    main()
