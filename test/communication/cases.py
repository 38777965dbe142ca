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


def looped_layers(m, split=(), splits=ALL):
    """Four layers as a loop over stacked weights."""
    s = m.size
    x = m.activation("x", *split)
    shapes = {"wq": (s.heads * s.E, s.D), "wk": (s.kv * s.E, s.D), "wv": (s.kv * s.E, s.D), "wo": (s.D, s.heads * s.E),
              "gate": (s.F, s.D), "up": (s.F, s.D), "down": (s.D, s.F)}
    stacked = []
    for name, (out, inner) in shapes.items():
        order = {"out": out, "in": inner} if m.out_first else {"in": inner, "out": out}
        stated = [sharding("", *("tp" if d == splits[name] else "" for d in order))] if name in splits else []
        stacked.append(m.f.argument(name, [4, *order.values()], *stated))
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


def fused_qkv(heads, kv, bias=False, block=False, x=(), result=None):
    """[D, q + k + v] split in 4, cut in three, attention without its last linear; `block`: with it."""

    def build(m):
        s = m.size
        sizes = [heads * s.E, kv * s.E, kv * s.E]
        b = m.input("bias", [sum(sizes)], "tp") if bias else None
        q, k, v = m.cut(m.linear(m.activation("x", *x), m.weight("w", sum(sizes), s.D, "out"), b), sizes)
        y = m.attend(q, k, v, heads, kv)
        m.give(m.linear(y, m.weight("wo", s.D, heads * s.E, "in")) if block else y, split=result)

    return build


def embedding_head(loss, axis="tp", rows=()):
    def build(m):
        s = m.size
        table = m.input("table", (s.V, s.D), axis, "")
        logits = m.head(m.embedding(m.input("ids", (s.B, s.S), *rows, dtype="i32"), table), table)
        m.give(m.cross_entropy(logits, m.input("labels", (s.B, s.S), dtype="i32")) if loss else logits)

    return build


def greedy(m):
    s = m.size
    logits = m.head(m.input("x", (s.B, 1, s.D)), m.input("table", (s.V, s.D), "tp", ""))
    m.give(*m.argmax(m.reshape(logits, [[s.B, 1], [s.V]])))


def decode(split, batch=""):
    def build(m):
        s = m.size
        cache = m.cache(batch)
        h = m.input("x", (s.B, 1, s.D), *([batch, "", ""] if batch else []))
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


def expert_axis(m, axis="tp", split=(), hidden=""):
    """8 experts in one weight, split by experts: y[b,s,d] = sum over e of g[b,s,e] * relu(x w1[e]) w2[e]."""
    s = m.size
    x, g = m.activation("x", *split), m.input("g", (s.B, s.S, 8))
    w1, w2 = m.input("w1", (8, s.D, s.F), axis, "", hidden), m.input("w2", (8, s.F, s.D))
    zero = m.f.scalar("arith.constant 0.0 : f32")
    hidden = m.pointwise("bsef,bse->bsef", [m.einsum("bsd,edf->bsef", x, w1), g], f"%r = arith.maximumf {{0}}, {zero} : f32",
                         "%y = arith.mulf %r, {1} : f32", "yield %y : f32")
    m.give(m.einsum("bsef,efd->bsd", hidden, w2))


def parallel_block(m, split=()):
    """x + attention(n) + mlp(n)."""
    x = m.activation("x", *split)
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


def fused_mlp(m):
    """Gate and up are one weight, whose result is cut in two."""
    s = m.size
    gate, up = m.cut(m.linear(m.activation(), m.weight("w", 2 * s.F, s.D, "out")), [s.F, s.F])
    m.give(m.linear(m.gated(gate, up), m.weight("down", s.D, s.F, "in")))


def cross_attention(m, x, memory, suffix=""):
    s = m.size
    wq, wk, wv, wo = m.attention_weights(BY_HEADS, suffix=suffix)
    q, k, v = m.linear(x, wq), m.linear(memory, wk), m.linear(memory, wv)
    return m.linear(m.attend(q, k, v, s.heads, s.kv, causal=False), wo)


def crossed(m):
    m.give(cross_attention(m, m.activation(), m.activation("memory")))


def encoder_decoder(m):
    """One layer each; the decoder's has cross-attention between its two blocks."""
    memory = m.new_layer(m.activation("source"), ALL, "_encoder")
    h = m.activation("target")
    n1, n2 = m.norm_weights("_decoder")
    h = m.add(h, m.attention(m.norm(h, n1), *m.attention_weights(BY_HEADS, suffix="_decoder"), rotary=True))
    h = m.add(h, cross_attention(m, m.norm(h, m.f.argument("norm_cross", [m.size.D])), memory, "_cross"))
    m.give(m.add(h, m.mlp(m.norm(h, n2), *m.mlp_weights(COLUMN_ROW, suffix="_decoder"))))


def scored(letters):
    """Attention by heads whose scores have a bias that is an argument and not annotated."""

    def build(m):
        s = m.size
        sizes = {"b": s.B, "h": s.heads, "s": s.S, "t": s.S}
        bias = m.input("bias", [sizes[c] for c in letters])

        def add(scores):
            return m.pointwise(f"bhst,{letters}->bhst", [scores, bias], "%y = arith.addf {0}, {1} : f32", "yield %y : f32")

        m.give(m.attention(m.activation(), *m.attention_weights(BY_HEADS), bias=add))

    return build


def adapted(m):
    """y = x W + (x A) B: W alone is annotated."""
    s = m.size
    x = m.activation()
    low = m.linear(m.linear(x, m.weight("a", 16, s.D)), m.weight("b", s.D, 16))
    m.give(m.add(m.linear(x, m.weight("w", s.D, s.D, "in")), low), split=WHOLE)


def probabilities(named):
    def build(m):
        s = m.size
        table = m.input("table", (s.V, s.D), "tp", "")
        m.give(m.softmax(m.head(m.activation(), table), named))

    return build


def cache_rows(m):
    """One query row against keys and values that are split by rows."""
    s = m.size
    q = m.input("query", (s.B, 1, s.heads, s.E))
    k, v = (m.input(n, (s.B, s.T, s.kv, s.E), "", "tp", "", "") for n in ("keys", "values"))
    m.give(m.attend_heads(q, k, v, s.heads // s.kv))


def two_ways(m):
    """The weight's input features over one axis and its output features over the other."""
    s = m.size
    order = {"out": "b", "in": "a"}
    w = m.input("w", (s.F, s.D) if m.out_first else (s.D, s.F), *(order[d] for d in (("out", "in") if m.out_first else ("in", "out"))))
    m.give(m.linear(m.activation("x", "", "", "a"), w), split=("", "", "b"))


def fused_at_run_time(kv):
    """The three weights are put side by side, and the result is cut again."""

    def build(m):
        s = m.size
        wq, wk, wv, wo = m.attention_weights(BY_HEADS, kv=kv)
        q, k, v = m.cut(m.linear(m.activation(), m.concat(0 if m.out_first else 1, wq, wk, wv)), [s.heads * s.E, kv * s.E, kv * s.E])
        m.give(m.linear(m.attend(q, k, v, s.heads, kv), wo))

    return build


def first_annotated(m):
    """Two layers; wq of the first alone is annotated."""
    h = m.new_layer(m.activation(), {"wq": "out"}, "_0")
    m.give(m.new_layer(h, {}, "_1"))


def one_expert(m):
    """Four MLPs of one input, added; the gate of the first alone is annotated."""
    x = m.activation()
    total = m.mlp(x, *m.mlp_weights({"gate": "out"}, suffix="_0"))
    for i in (1, 2, 3):
        total = m.add(total, m.mlp(x, *m.mlp_weights({}, suffix=f"_{i}")))
    m.give(total)


def mean_loss(m):
    """The mean of squares over all rows, of a batch that is split."""
    y = m.linear(m.activation("x", "dp", "", ""), m.weight("w", m.size.D, m.size.D))
    total = m.reduce("bsd->", m.binary("mul", y, y), "addf", "0.0")
    m.give(total)


def grown_cache(m):
    """A decode step whose new keys and values are put behind the old ones."""
    s = m.size
    wq, wk, wv, wo = m.attention_weights(BY_HEADS)
    x = m.input("x", (s.B, 1, s.D))
    q, k, v = (m.split_heads(m.linear(x, w), n) for w, n in ((wq, s.heads), (wk, s.kv), (wv, s.kv)))
    k, v = (m.concat(1, m.input(n, (s.B, s.T, s.kv, s.E), "", "", "tp", ""), new) for n, new in (("keys", k), ("values", v)))
    m.give(m.linear(m.attend_heads(q, k, v, s.heads // s.kv, causal=False), wo), k, v)


def norm_of_features(m):
    """A norm of rows whose features are split."""
    s = m.size
    m.give(m.norm(m.activation("x", "", "", "tp"), m.f.argument("norm", [s.D])), split=("", "", "tp"))


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
case("heads-9-3", "9 query / 3 kv heads, D 576, S 1024 (2)", attention(BY_HEADS), 4.5, 8.25, 2, flops=1.14, xla_flops=1.58, size=NINE)
case("conflict", "conflict: W1 column, W2 column, result free (4)", two_linears, 66, 84)
case("decode", "decode step, cache split by heads, B 8 (4)", decode(ALL), 0.375, 0.375, size=Size(B=8))
case("fused-qkv", "fused QKV weight [D, 3D] split in 4, then cut in three (4)", fused_qkv(32, 32), 0, 80)
case("one-axis", "batch and weights on one axis, B 4 (4)", mlp(COLUMN_ROW, "tp", "", ""), 96, 96, size=Size(B=4))

# ---- of the same kind ----
for n, mib in ((3, 128 / 3), (5, 51.2)):
    unlisted(f"mlp-{n}", f"MLP gate/up column, down row ({n})", mlp(COLUMN_ROW), mib, ranks=n)
    unlisted(f"attention-{n}", f"attention by heads, 32 / 8 ({n})", attention(BY_HEADS), mib, ranks=n, flops=1.23)
unlisted("fused-qkv-grouped", "fused QKV weight with 32 / 8 / 8 heads split in 4, then cut (4)", fused_qkv(32, 8), 0)
unlisted("fused-qkv-block", "the same with a bias, and the last linear (4)", fused_qkv(32, 32, True, True), 48)
unlisted("fused-qkv-grouped-block", "the same, 32 / 8 / 8 heads (4)", fused_qkv(32, 8, True, True), 48)
unlisted("fused-qkv-9-3", "the same, 9 / 3 / 3 heads, D 576 (2)", fused_qkv(9, 3, True, True), 4.5, ranks=2, flops=1.14, size=NINE)
unlisted("fused-qkv-32-2", "the same, 32 / 2 / 2 heads (4)", fused_qkv(32, 2, True, True), 48, flops=1.06)
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

# ---- of the same kind, on two axes ----
BOTH = {"mesh": [("dp", 2), ("tp", 4)], "size": Size(B=4)}
BATCH = ("dp", "", "")
ONLY_LINALG = {"forms": {"linalg": Linalg}}
unlisted("data-tensor-2", "dp2 x tp4, 2 layers, B 4 (8)", layers(2, ALL, BATCH), 192, **BOTH)
unlisted("data-tensor-loop", "dp2 x tp4, 4 layers as a loop, B 4 (8)", lambda m: looped_layers(m, BATCH), 384, **BOTH)
unlisted("data-tensor-fused", "dp2 x tp4, fused QKV with a bias as in GPT-2, B 4 (8)", fused_qkv(32, 32, True, True, BATCH), 48, **BOTH)
unlisted("data-tensor-parallel", "dp2 x tp4, x + attention(n) + mlp(n), B 4 (8)", lambda m: parallel_block(m, BATCH), 48, **BOTH)
unlisted("data-tensor-decode", "dp2 x tp4, decode step, cache split by batch and heads, B 8 (8)", decode(ALL, "dp"), 0.1875,
         mesh=BOTH["mesh"], size=Size(B=8))
unlisted("data-tensor-sequence", "dp2 x tp4, sequence parallel, B 4 (8)", layers(1, ALL, ("dp", "tp", ""), ("dp", "tp", ""), ("dp", "tp", "")), 96,
         forms={"tp": Einsum, "linalg": Linalg}, **BOTH)
unlisted("data-tensor-loss", "dp2 x tp4, vocabulary-split embedding + tied head + cross-entropy, B 4 (8)", embedding_head(True, rows=("dp", "")), 48.04, **BOTH)
unlisted("data-expert", "dp2 x ep4, 8 experts in one weight, split by experts, B 4 (8)", lambda m: expert_axis(m, "ep", BATCH), 48,
         mesh=[("dp", 2), ("ep", 4)], size=Size(B=4))
unlisted("vocabulary-two-axes", "vocabulary split over two axes, 2 x 2, logits split (4)", embedding_head(False, "a,b"), 48, mesh=[("a", 2), ("b", 2)])
unlisted("linear-two-ways", "linear, in features over one axis and out over the other, 2 x 2 (4)", two_ways, 56, mesh=[("a", 2), ("b", 2)])

# ---- of the same kind, other blocks ----
unlisted("cross-attention", "cross-attention by heads (4)", crossed, 48)
unlisted("encoder-decoder", "an encoder's and a decoder's layer (4)", encoder_decoder, 240)
unlisted("bias-by-head", "attention by heads with a bias [heads, S, S] (4)", scored("hst"), 48, **ONLY_LINALG)
unlisted("padding-mask", "attention by heads with a padding mask [B, S] (4)", scored("bt"), 48, **ONLY_LINALG)
unlisted("sequence-fused", "sequence parallel, fused QKV with a bias (4)", fused_qkv(32, 32, True, True, ROWS, ROWS), 48)
unlisted("sequence-9-3", "sequence parallel, 9 query / 3 kv heads, attention (2)", attention(BY_HEADS, *ROWS), 3.1875, ranks=2, size=NINE)
unlisted("fused-gate-up", "gate and up in one weight, cut in two (4)", fused_mlp, 48)
unlisted("adapter", "linear in split, with an adapter of rank 16 (4)", adapted, 48.2, flops=1.01)
unlisted("softmax-vocabulary", "softmax over a split vocabulary (4)", probabilities(False), 0.0235, **ONLY_LINALG)
unlisted("softmax-vocabulary-named", "the same, as linalg.softmax (4)", probabilities(True), 0.0235, **ONLY_LINALG)
unlisted("decode-cache-rows", "attention of one row, cache split by rows, B 8 (4)", cache_rows, 0.1905, size=Size(B=8), **ONLY_LINALG)
unlisted("fused-at-run-time", "three weights split on out, concatenated, and the result cut (4)", fused_at_run_time(32), 48)
unlisted("fused-at-run-time-grouped", "the same, 32 / 8 / 8 heads (4)", fused_at_run_time(8), 48)
unlisted("mean", "mean of squares of a linear's result, batch split, B 8 (4)", mean_loss, 6 / 2**20, mesh=[("dp", 4)], size=Size(B=8), **ONLY_LINALG)
unlisted("decode-grown-cache", "decode step, keys and values concatenated to the cache, B 8 (4)", grown_cache, 0.1875, size=Size(B=8), **ONLY_LINALG)
unlisted("norm-of-features", "norm of rows whose features are split (4)", norm_of_features, 0.0118)
unlisted("weights-and-batch", "batch split, and all weights on their first dimension over the same axis, B 8 (4)", layers(1, dict.fromkeys(ALL, "out"), ("tp", "", "")), 402, size=Size(B=8))
unlisted("three-axes", "dp2 x ep2 x tp2, experts over one axis, their hidden units over another, B 4 (8)", lambda m: expert_axis(m, "ep", BATCH, "tp"), 48, mesh=[("dp", 2), ("ep", 2), ("tp", 2)], size=Size(B=4))
QUERIES = {"wq": "out", "wo": "in"}
unlisted("attention-32-2", "attention by heads, 32 / 2, wq and wo annotated (4)", attention(QUERIES, kv=2), 48, flops=1.06)
unlisted("attention-32-1", "attention by heads, 32 / 1, wq and wo annotated (4)", attention(QUERIES, kv=1), 48, flops=1.08)

# ---- of the same kind, completed from little ----
unlisted("data-tensor-only-wq", "dp2 x tp4 layer, the batch and wq annotated, B 4 (8)", layers(1, {"wq": "out"}, BATCH), 96, **BOTH)
unlisted("data-tensor-only-down", "dp2 x tp4 layer, the batch and down annotated, B 4 (8)", layers(1, {"down": "in"}, BATCH), 96, **BOTH)
unlisted("layers-2-first-wq", "2 layers, wq of the first annotated (4)", first_annotated, 192)
unlisted("layers-4-loop-only-wq", "4 layers as a loop, wq annotated (4)", lambda m: looped_layers(m, splits={"wq": "out"}), 384)
unlisted("mlp-two-axes-only-gate", "MLP over two axes, only gate annotated, 2 x 2 (4)", mlp({"gate": "out"}, axis="a,b"), 48, mesh=[("a", 2), ("b", 2)])
unlisted("experts-one-gate", "4 MLPs of one input, added, the gate of the first annotated (4)", one_expert, 48)
