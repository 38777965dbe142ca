"""Writes MLIR functions as text: values, arguments with shardings, ops."""

from typing import NamedTuple


class Value(NamedTuple):
    name: str
    shape: tuple
    dtype: str = "f32"

    @property
    def type(self):
        return "tensor<" + "".join(f"{n}x" for n in self.shape) + self.dtype + ">"


def sharding(*dims):
    """The attribute: for each dimension its axes, "" for whole: sharding("", "tp"), sharding("dp,tp", "")."""
    return "#tp.sharding<@mesh, [%s]>" % ", ".join("{%s}" % ", ".join(f'"{a}"' for a in d.split(",") if a) for d in dims)


class Function:
    """One function; `name` is its symbol. Arguments are added as they are needed."""

    def __init__(self, name="main"):
        self.name, self.arguments, self.lines, self.results, self.count = name, [], [], [], 0
        self.indent = "  "

    def argument(self, name, shape, split=None, dtype="f32"):
        """`split`: the sharding attribute, or None for an argument that is not annotated."""
        value = Value(f"%{name}", tuple(shape), dtype)
        self.arguments.append((value, split))
        return value

    def line(self, text):
        self.lines.append(self.indent + text)

    def op(self, text, shape, dtype="f32", count=1):
        """Emits `text` with its result (or `count` of one shape, each with its type of `dtype`), which is returned."""
        self.count += 1
        name = f"%v{self.count}"
        self.line(f"{name}{f':{count}' if count > 1 else ''} = {text}")
        if count > 1:
            return [Value(f"{name}#{i}", tuple(shape), dtype[i]) for i in range(count)]
        return Value(name, tuple(shape), dtype)

    def scalar(self, text):
        """Emits an op with a scalar result; its name."""
        self.count += 1
        self.line(f"%v{self.count} = {text}")
        return f"%v{self.count}"

    def give(self, *values, split=None):
        self.results += [(value, split) for value in values]

    def text(self, private=False):
        def attributes(split):
            return f" {{tp.sharding = {split}}}" if split else ""

        arguments = ", ".join(f"{v.name}: {v.type}{attributes(s)}" for v, s in self.arguments)
        results = ", ".join(f"{v.type}{attributes(s)}" for v, s in self.results)
        values = ", ".join(v.name for v, _ in self.results)
        types = ", ".join(v.type for v, _ in self.results)
        head = f"func.func {'private ' if private else ''}@{self.name}({arguments}) -> ({results}) {{"
        return "\n".join([head, *self.lines, f"  return {values} : {types}", "}"])


def module(mesh, *functions):
    """`mesh`: [("tp", 4)]; the functions' texts."""
    axes = ", ".join(f'"{name}" = {size}' for name, size in mesh)
    return "\n".join([f"tp.mesh @mesh <[{axes}]>", *functions]) + "\n"
