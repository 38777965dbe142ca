"""The cases of the communication table. Only what a case names is annotated."""

from dataclasses import dataclass, field, replace
from typing import Callable

from forms import Einsum, Linalg, Tp
from ir import Function, Value, module, sharding


@dataclass(frozen=True)
class Size:
    """One layer of Llama-3-8B. T: rows of a cache."""

    D: int = 4096
    heads: int = 32
    kv: int = 8
    E: int = 128  # of a head
    F: int = 14336
    B: int = 2
    S: int = 1024
    V: int = 128256
    T: int = 1024

    def small(self):
        """The same proportions: every value has 1/4096 of its bytes, a value without S or D 1/64."""
        return replace(self, **{n: max(1, getattr(self, n) // d) for n, d in self.divisors().items()})

    def divisors(self):
        return {"D": 64 if self.D % 64 == 0 and self.D > 576 else 32, "E": 64 if self.E > 64 else 32, "F": 64, "S": 64, "V": 64, "T": 64}


@dataclass(frozen=True)
class Case:
    name: str  # also says the ranks
    row: str  # what the table says
    mesh: list
    build: Callable  # writes the case into a Form
    hand: float  # MiB per device, the least known by hand
    xla: float | None  # MiB per device, None where not measured
    listed: bool  # in the list that XLA was measured on
    flops: float = 1.0  # ranks x per device / whole, at most
    xla_flops: float | None = None
    forms: dict = field(default_factory=lambda: {"tp": Tp, "linalg": Linalg})
    size: Size = Size()

    def ranks(self):
        n = 1
        for _, size in self.mesh:
            n *= size
        return n

    def text(self, form, small):
        """The module, in one of the forms, full or small."""
        f = self.forms[form](self.size.small() if small else self.size)
        self.build(f)
        return module(self.mesh, *f.functions, f.f.text())


CASES = []


def case(name, row, build, hand, xla=None, ranks=4, mesh=None, listed=True, **more):
    if xla is not None:
        more.setdefault("xla_flops", 1.0)
    CASES.append(Case(name, row, mesh or [("tp", ranks)], build, hand, xla, listed, **more))


def unlisted(name, row, build, hand, **more):
    case(name, row, build, hand, listed=False, **more)


BY_HEADS = {"wq": "out", "wk": "out", "wv": "out", "wo": "in"}
COLUMN_ROW = {"gate": "out", "up": "out", "down": "in"}
ALL = BY_HEADS | COLUMN_ROW
EINSUM = {"tp": Tp, "linalg": Einsum}


# ---- what the cases are made of ----
def mlp(split, *x, axis="tp", result=None):
    def build(m):
        m.give(m.mlp(m.activation("x", *x), *m.mlp_weights(split, axis)), split=result)

    return build


def attention(split, *x, axis="tp", heads=None, kv=None, **options):
    def build(m):
        m.give(m.attention(m.activation("x", *x), *m.attention_weights(split, heads, kv, axis), heads=heads, kv=kv, **options))

    return build


def layers(count, split, x=(), pin=None, result=None, axis="tp", **options):
    def build(m):
        h = m.activation("x", *x)
        for i in range(count):
            h = m.new_layer(h, split, f"_{i}" if count > 1 else "", axis, pin=pin, **options)
            if pin and i + 1 < count:
                h = m.constrain(h, *pin)
        m.give(h, split=result)

    return build


def called_layers(m):
    """Four layers as calls of one function; the weights of `main` are annotated."""
    caller = m.f
    m.f = Function("layer")
    m.give(m.new_layer(m.activation(), {}))
    callee, m.f = m.f, caller
    m.functions.append(callee.text(private=True))
    h = m.activation()
    types = ", ".join(v.type for v, _ in callee.arguments)
    for i in range(4):
        weights = m.attention_weights(ALL, suffix=f"_{i}") + m.mlp_weights(ALL, suffix=f"_{i}") + m.norm_weights(f"_{i}")
        names = ", ".join(v.name for v in [h, *weights])
        h = m.f.op(f"func.call @layer({names}) : ({types}) -> {h.type}", h.shape)
    m.give(h)


def looped_layers(m):
    """Four layers as a loop over stacked weights."""
    s = m.size
    x = m.activation()
    shapes = {"wq": (s.heads * s.E, s.D), "wk": (s.kv * s.E, s.D), "wv": (s.kv * s.E, s.D), "wo": (s.D, s.heads * s.E),
              "gate": (s.F, s.D), "up": (s.F, s.D), "down": (s.D, s.F)}
    stacked = []
    for name, (out, inner) in shapes.items():
        order = {"out": out, "in": inner} if m.out_first else {"in": inner, "out": out}
        stacked.append(m.f.argument(name, [4, *order.values()], sharding("", *("tp" if d == ALL[name] else "" for d in order))))
    stacked += [m.f.argument(name, [4, s.D]) for name in ("norm1", "norm2")]
    zero, one, four = (m.f.scalar(f"arith.constant {n} : index") for n in (0, 1, 4))
    m.f.count += 1
    result = Value(f"%v{m.f.count}", x.shape)
    m.f.line(f"{result.name} = scf.for %layer = {zero} to {four} step {one} iter_args(%h = {x.name}) -> ({x.type}) {{")
    m.f.indent = "    "
    weights = []
    for w in stacked:
        shape = w.shape[1:]
        sizes = [1, *shape]
        starts = ", ".join(["%layer", *["0"] * len(shape)])
        weights.append(m.f.op(f"tensor.extract_slice {w.name}[{starts}] {sizes} {[1] * len(sizes)} : {w.type} to {Value('', shape).type}", shape))
    y = m.layer(Value("%h", x.shape), weights[:4], weights[4:7], weights[7:])
    m.f.line(f"scf.yield {y.name} : {y.type}")
    m.f.indent = "  "
    m.f.line("}")
    m.give(result)


def linear(split, x=(), result=None, out_in=False, axis="tp"):
    def build(m):
        s = m.size
        w = m.weight("w", s.F, s.D, split, axis)
        if out_in and not m.out_first:
            w = m.f.arguments.pop()[0]
            w = m.input("w", w.shape[::-1], *{"out": (axis, ""), "in": ("", axis)}[split])
            w = m.transpose(w, [1, 0])
        m.give(m.linear(m.activation("x", *x), w), split=result)

    return build


def two_linears(m):
    s = m.size
    hidden = m.linear(m.activation(), m.weight("w1", s.F, s.D, "out"))
    m.give(m.linear(hidden, m.weight("w2", s.D, s.F, "out")))


def fused_qkv(heads, kv, bias=False, block=False):
    """[D, q + k + v] split in 4, cut in three, attention without its last linear; `block`: with it."""

    def build(m):
        s = m.size
        sizes = [heads * s.E, kv * s.E, kv * s.E]
        b = m.input("bias", [sum(sizes)], "tp") if bias else None
        q, k, v = m.cut(m.linear(m.activation(), m.weight("w", sum(sizes), s.D, "out"), b), sizes)
        y = m.attend(q, k, v, heads, kv)
        m.give(m.linear(y, m.weight("wo", s.D, heads * s.E, "in")) if block else y)

    return build


def embedding_head(loss):
    def build(m):
        s = m.size
        table = m.input("table", (s.V, s.D), "tp", "")
        logits = m.head(m.embedding(m.input("ids", (s.B, s.S), dtype="i32"), table), table)
        m.give(m.cross_entropy(logits, m.input("labels", (s.B, s.S), dtype="i32")) if loss else logits)

    return build


def greedy(m):
    s = m.size
    logits = m.head(m.input("x", (s.B, 1, s.D)), m.input("table", (s.V, s.D), "tp", ""))
    m.give(*m.argmax(m.reshape(logits, [[s.B, 1], [s.V]])))


def decode(split):
    def build(m):
        s = m.size
        cache = m.cache()
        h = m.input("x", (s.B, 1, s.D))
        h = m.new_layer(h, split, cache=cache)
        m.give(h, *m.caches)

    return build


def experts(count, split):
    """Every expert's MLP for every row, weighted and added."""

    def build(m):
        s = m.size
        x, total = m.activation(), None
        for i in range(count):
            share = m.input(f"share_{i}", (s.B, s.S))
            y = m.mlp(x, *m.mlp_weights(split, suffix=f"_{i}"))
            y = m.pointwise("bsd,bs->bsd", [y, share], "%y = arith.mulf {0}, {1} : f32", "yield %y : f32")
            total = m.add(total, y) if total else y
        m.give(total)

    return build


def expert_axis(m):
    """8 experts in one weight, split by experts: y[b,s,d] = sum over e of g[b,s,e] * relu(x w1[e]) w2[e]."""
    s = m.size
    x, g = m.activation(), m.input("g", (s.B, s.S, 8))
    w1, w2 = m.input("w1", (8, s.D, s.F), "tp", "", ""), m.input("w2", (8, s.F, s.D))
    zero = m.f.scalar("arith.constant 0.0 : f32")
    hidden = m.pointwise("bsef,bse->bsef", [m.einsum("bsd,edf->bsef", x, w1), g], f"%r = arith.maximumf {{0}}, {zero} : f32",
                         "%y = arith.mulf %r, {1} : f32", "yield %y : f32")
    m.give(m.einsum("bsef,efd->bsd", hidden, w2))


def parallel_block(m):
    """x + attention(n) + mlp(n)."""
    x = m.activation()
    n = m.norm(x, m.f.argument("norm", [m.size.D]))
    m.give(m.add(x, m.add(m.attention(n, *m.attention_weights(BY_HEADS)), m.mlp(n, *m.mlp_weights(COLUMN_ROW)))))


def alibi(m):
    """Attention with a bias by head and distance, made of iotas."""
    s = m.size
    rate = m.f.scalar(f"arith.constant {-8.0 / s.heads} : f32")

    def bias(scores):
        return m.pointwise("bhst->bhst", [scores], "%h = linalg.index {h} : index", "%i = linalg.index {s} : index", "%j = linalg.index {t} : index",
                           "%d = arith.subi %j, %i : index", "%hw = arith.index_cast %h : index to i32", "%dw = arith.index_cast %d : index to i32",
                           "%hf = arith.sitofp %hw : i32 to f32", "%df = arith.sitofp %dw : i32 to f32", f"%l = arith.mulf %hf, {rate} : f32",
                           "%m = math.exp2 %l : f32", "%p = arith.mulf %m, %df : f32", "%y = arith.addf {0}, %p : f32", "yield %y : f32")

    m.give(m.attention(m.activation(), *m.attention_weights(BY_HEADS, kv=s.heads), kv=s.heads, bias=bias))


def hidden_pinned(m):
    """An MLP whose hidden activation alone is annotated."""
    s = m.size
    hidden = m.constrain(m.linear(m.activation(), m.weight("w1", s.F, s.D)), "", "", "tp")
    m.give(m.linear(hidden, m.weight("w2", s.D, s.F)))


# ---- the list ----
for n, mib in ((2, 32), (4, 48), (8, 56)):
    case(f"mlp-{n}", f"MLP gate/up column, down row ({n})", mlp(COLUMN_ROW), mib, mib, n)
for n, mib in ((2, 32), (4, 48), (8, 56)):
    case(f"attention-{n}", f"attention by heads ({n})", attention(BY_HEADS), mib, mib, n)
case("layer", "llama layer (4)", layers(1, ALL), 96, 96)
case("layers-4", "4 layers (4)", layers(4, ALL), 384, 384)
case("layers-4-calls", "4 layers as calls of one function (4)", called_layers, 384, 384)
WHOLE = ("", "", "")
case("linear-out", "linear, out features split, result replicated (4)", linear("out", result=WHOLE), 84, 84)
case("linear-out-stored-out-in", "the same, W stored [out, in] (4)", linear("out", result=WHOLE, out_in=True), 84, 84)
case("linear-in-x-whole", "linear, in features split, x replicated (4)", linear("in", WHOLE), 168, 168)
case("linear-in-x-split", "linear, in features split, x split (4)", linear("in", ("", "", "tp")), 168, 168)
case("linear-in-result-out", "linear, in split, result split on out (4)", linear("in", result=("", "", "tp")), 42, 42)
case("mlp-only-gate", "MLP, only gate annotated (4)", mlp({"gate": "out"}), 48, 48)
case("mlp-only-down", "MLP, only down annotated (4)", mlp({"down": "in"}), 48, 48)
case("mlp-gate-others-whole", "MLP, gate column-split, up and down stated replicated (4)", mlp({"gate": "out", "up": "whole", "down": "whole"}), 48, 48)
for w in ("wq", "wk", "wo"):
    case(f"attention-only-{w}", f"attention, only {w} annotated (4)", attention({w: BY_HEADS[w]}, named=True), 48, 48)
case("layer-only-wq-gate", "layer, only wq and gate annotated (4)", layers(1, {"wq": "out", "gate": "out"}), 96, 96)
case("layer-only-wq", "layer, only wq annotated (4)", layers(1, {"wq": "out"}), 96, 48, xla_flops=3.33)
case("layer-all-out", "layer, all 7 weights split on out features (4)", layers(1, dict.fromkeys(ALL, "out")), 96, 132)
ROWS = ("", "tp", "")
case("sequence", "sequence parallel, input, result, residual pinned (4)", layers(1, ALL, ROWS, ROWS, ROWS), 96, 123, forms=EINSUM)
case("sequence-2", "the same, 2 layers (4)", layers(2, ALL, ROWS, ROWS, ROWS), 192, 246, forms=EINSUM)
case("context", "context parallel: x split on S, grouped-query einsum (4)", attention({}, *ROWS), 12, 12, forms=EINSUM)
case("data", "data parallel forward, B 8 (4)", layers(1, {}, ("dp", "", "")), 0, 0, mesh=[("dp", 4)], size=Size(B=8))
case("data-tensor", "dp2 x tp4 layer, forward, B 4 (8)", layers(1, ALL, ("dp", "", "")), 96, 96, mesh=[("dp", 2), ("tp", 4)], size=Size(B=4))
case("vocabulary-loss", "vocabulary-split embedding + tied head + cross-entropy, forward (4)", embedding_head(True), 48.04, 48.04)
case("argmax", "argmax of a vocabulary-split head (4)", greedy, 64 / 2**20, 64 / 2**20)
NINE = Size(D=576, heads=9, kv=3, E=64)
case("heads-9-3", "9 query / 3 kv heads, D 576, S 1024 (2)", attention(BY_HEADS), 4.5, 8.25, 2, flops=1.34, xla_flops=1.58, size=NINE)
case("conflict", "conflict: W1 column, W2 column, result free (4)", two_linears, 66, 84)
case("decode", "decode step, cache split by heads, B 8 (4)", decode(ALL), 0.375, 0.375, size=Size(B=8))
case("fused-qkv", "fused QKV weight [D, 3D] split in 4, then cut in three (4)", fused_qkv(32, 32), 0, 80)
case("one-axis", "batch and weights on one axis, B 4 (4)", mlp(COLUMN_ROW, "tp", "", ""), 96, 96, size=Size(B=4))

# ---- of the same kind ----
for n, mib in ((3, 128 / 3), (5, 51.2)):
    unlisted(f"mlp-{n}", f"MLP gate/up column, down row ({n})", mlp(COLUMN_ROW), mib, ranks=n)
    unlisted(f"attention-{n}", f"attention by heads, 32 / 8 ({n})", attention(BY_HEADS), mib, ranks=n, flops=1.34)
unlisted("fused-qkv-grouped", "fused QKV weight with 32 / 8 / 8 heads split in 4, then cut (4)", fused_qkv(32, 8), 0)
unlisted("fused-qkv-block", "the same with a bias, and the last linear (4)", fused_qkv(32, 32, True, True), 48)
unlisted("experts-hidden", "4 experts, hidden units of each split (4)", experts(4, COLUMN_ROW), 48)
unlisted("experts-axis", "8 experts in one weight, split by experts (4)", expert_axis, 48)
unlisted("parallel-block", "x + attention(n) + mlp(n) (4)", parallel_block, 48)
unlisted("alibi", "attention by heads with ALiBi from iotas (4)", alibi, 48, forms={"linalg": Linalg})
unlisted("context-repeated", "x split on S, keys and values repeated for their queries (4)", attention({}, *ROWS), 12, forms={"linalg": Linalg})
unlisted("sequence-flat", "sequence parallel, linears on [B * S, D] (4)", layers(1, ALL, ROWS, ROWS, ROWS), 96, forms={"linalg": Linalg})
unlisted("conflict-long", "W1 column, W2 column, result free, B 8 (4)", two_linears, 138, size=Size(B=8))
unlisted("two-axes", "MLP over two axes, 2 x 2 (4)", mlp(COLUMN_ROW, axis="a,b"), 48, mesh=[("a", 2), ("b", 2)])
unlisted("layers-4-loop", "4 layers as a loop over stacked weights (4)", looped_layers, 384)
unlisted("decode-only-cache", "decode step, only the cache annotated, B 8 (4)", decode({}), 0.375, size=Size(B=8))
unlisted("mlp-only-hidden", "linear, linear, only the hidden activation annotated (4)", hidden_pinned, 48)
unlisted("embedding-head", "vocabulary-split embedding + tied head, logits split (4)", embedding_head(False), 48)
