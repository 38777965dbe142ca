"""One model, two ways to write it: as tp layers, and as linalg on tensors. Both have the same methods, so that a case is
written once. Weights are [out, in] in tp and [in, out] in linalg; a case says which of the two is split."""

from ir import Function, Value, sharding
from structured import Structured


class Form(Structured):
    def __init__(self, size):
        self.size, self.functions = size, []
        self.f = Function()

    def input(self, name, shape, *split, dtype="f32"):
        return self.f.argument(name, shape, sharding(*split) if split else None, dtype)

    def activation(self, name="x", *split):
        s = self.size
        return self.input(name, (s.B, s.S, s.D), *split)

    def weight(self, name, out, inner, split=None, axis="tp"):
        """`split`: "out", "in", "whole" (stated) or None (not annotated)."""
        dims = {None: None, "out": ("out",), "in": ("in",), "whole": ()}[split]
        order = ("out", "in") if self.out_first else ("in", "out")
        text = None if dims is None else sharding(*(axis if d in dims else "" for d in order))
        return self.f.argument(name, [{"out": out, "in": inner}[d] for d in order], text)

    def constrain(self, x, *split):
        return self.f.op(f"tp.sharding_constraint {x.name} {sharding(*split).removeprefix('#tp.sharding')} : {x.type}", x.shape)

    def give(self, *values, split=None):
        self.f.give(*values, split=sharding(*split) if split else None)

    def attention_weights(self, split, heads=None, kv=None, axis="tp", suffix=""):
        """`split`: a dictionary wq, wk, wv, wo -> "out", "in" ...; what is missing is not annotated."""
        s = self.size
        heads, kv, d = heads or s.heads, kv or s.kv, s.D
        shapes = {"wq": (heads * s.E, d), "wk": (kv * s.E, d), "wv": (kv * s.E, d), "wo": (d, heads * s.E)}
        return [self.weight(n + suffix, out, inner, split.get(n), axis) for n, (out, inner) in shapes.items()]

    def mlp_weights(self, split, axis="tp", suffix=""):
        s = self.size
        shapes = {"gate": (s.F, s.D), "up": (s.F, s.D), "down": (s.D, s.F)}
        return [self.weight(n + suffix, out, inner, split.get(n), axis) for n, (out, inner) in shapes.items()]

    def layer(self, x, attention, mlp, norms, pin=None, **options):
        """A Llama layer on weights that exist; `pin`: the split of the residual between the two blocks."""
        h = self.add(x, self.attention(self.norm(x, norms[0]), *attention, rotary=True, **options))
        if pin:
            h = self.constrain(h, *pin)
        return self.add(h, self.mlp(self.norm(h, norms[1]), *mlp))

    def norm_weights(self, suffix=""):
        return [self.f.argument(f"norm{i}{suffix}", [self.size.D]) for i in (1, 2)]

    def new_layer(self, x, split, suffix="", axis="tp", **options):
        return self.layer(x, self.attention_weights(split, axis=axis, suffix=suffix), self.mlp_weights(split, axis=axis, suffix=suffix),
                          self.norm_weights(suffix), **options)


class Tp(Form):
    name = "tp"
    out_first = True

    def linear(self, x, w, bias=None):
        out = Value("", (*x.shape[:-1], w.shape[0]))
        values = [x, w] + ([bias] if bias else [])
        extra = f" bias {bias.name}" if bias else ""
        return self.f.op(f"tp.linear {x.name}, {w.name}{extra} : ({', '.join(v.type for v in values)}) -> {out.type}", out.shape)

    head = linear

    def add(self, x, y):
        return self.f.op(f"arith.addf {x.name}, {y.name} : {x.type}", x.shape)

    def norm(self, x, w):
        return self.f.op(f"tp.rms_norm {x.name}, {w.name} {{eps = 1.0e-5 : f64}} : ({x.type}, {w.type}) -> {x.type}", x.shape)

    def mlp(self, x, gate, up, down):
        types = ", ".join(v.type for v in (x, gate, up, down))
        return self.f.op(f"tp.mlp {x.name} gate({gate.name}) up({up.name}) down({down.name}) {{activation = #tp.activation_kind<silu>}} : ({types}) -> {x.type}", x.shape)

    def gated(self, gate, up):
        hidden = self.f.op(f"tp.activation silu {gate.name} : ({gate.type}) -> {gate.type}", gate.shape)
        return self.f.op(f"arith.mulf {hidden.name}, {up.name} : {gate.type}", gate.shape)

    def attention(self, x, wq, wk, wv, wo, heads=None, kv=None, rotary=False, cache=None, **_):
        s = self.size
        values = [x, wq, wk, wv, wo, *(cache or [])]
        text = f"tp.attention {x.name} weights({wq.name}, {wk.name}, {wv.name}, {wo.name})"
        if cache:
            text += f" cache({cache[0].name}, {cache[1].name} at {cache[2].name})"
        rope = ", rotary = #tp.rotary<base = 10000.0>" if rotary else ""
        text += f" {{heads = {heads or s.heads}, kv_heads = {kv or s.kv}, head_size = {s.E}, causal{rope}}}"
        results = [x] + list(cache[:2] if cache else [])
        text += f" : ({', '.join(v.type for v in values)}) -> ({', '.join(v.type for v in results)})"
        if not cache:
            return self.f.op(text, x.shape)
        self.f.count += 1
        y, k, v = (Value(f"%v{self.f.count}#{i}", r.shape) for i, r in enumerate(results))
        self.f.line(f"%v{self.f.count}:3 = {text}")
        self.caches = [k, v]
        return y

    def attend(self, q, k, v, heads, kv, causal=True, **_):
        """[B, S, heads * E] and [B, S, kv * E] to [B, S, heads * E]."""
        b, s, _d = q.shape
        q, k, v = (self.reshape(x, [[b], [s], [n, x.shape[2] // n]]) for x, n in ((q, heads), (k, kv), (v, kv)))
        text = f"tp.sdpa {q.name}, {k.name}, {v.name} {{{'causal, ' if causal else ''}group = {heads // kv} : i64, scale = {self.size.E ** -0.5} : f64}}"
        o = self.f.op(f"{text} : ({q.type}, {k.type}, {v.type}) -> {q.type}", q.shape)
        return self.reshape(o, [[b], [s], [heads, q.shape[3]]])

    def embedding(self, ids, table):
        out = Value("", (*ids.shape, table.shape[1]))
        return self.f.op(f"tp.embedding {ids.name}, {table.name} : ({ids.type}, {table.type}) -> {out.type}", out.shape)

    def cache(self, batch=""):
        """Key and value cache and the position, split by heads; the batch over `batch`."""
        s = self.size
        k, v = (self.input(n, (s.B, s.T, s.kv, s.E), batch, "", "tp", "") for n in ("k_cache", "v_cache"))
        return [k, v, self.input("position", (s.B,), dtype="i32")]


class Linalg(Form):
    """`flat`: linears on [B * S, D] and attention on [B * heads, S, E], as from a front end whose matmuls have two or three
    dimensions; else contractions on all dimensions (einsum)."""

    name = "linalg"
    out_first = False
    flat = True

    def linear(self, x, w, bias=None):
        if not self.flat:
            y = self.einsum("bsd,df->bsf", x, w)
        else:
            b, s, d = x.shape
            rows = self.reshape(x, [[b, s], [d]])
            y = self.reshape(self.named("matmul", [rows, w], self.zeros((b * s, w.shape[1]))), [[b, s], [w.shape[1]]])
        if bias:
            y = self.pointwise("bsf,f->bsf", [y, bias], "%y = arith.addf {0}, {1} : f32", "yield %y : f32")
        return y

    def head(self, x, table):
        """Times the table [V, D], transposed."""
        return self.linear(x, self.transpose(table, [1, 0]))

    def add(self, x, y):
        return self.binary("add", x, y)

    def norm(self, x, w):
        squares = self.generic("bsd->bs", [x], [self.zeros(x.shape[:2])], ["%p = arith.mulf {0}, {0} : f32", "%s = arith.addf {1}, %p : f32", "yield %s : f32"])
        n, eps = self.f.scalar(f"arith.constant {float(x.shape[2])} : f32"), self.f.scalar("arith.constant 1.0e-5 : f32")
        root = self.pointwise("bs->bs", [squares], f"%m = arith.divf {{0}}, {n} : f32", f"%e = arith.addf %m, {eps} : f32",
                              "%r = math.rsqrt %e : f32", "yield %r : f32")
        return self.pointwise("bsd,bs,d->bsd", [x, root, w], "%n = arith.mulf {0}, {1} : f32", "%y = arith.mulf %n, {2} : f32", "yield %y : f32")

    def silu(self, x):
        one = self.f.scalar("arith.constant 1.0 : f32")
        return self.pointwise("bsf->bsf", [x], "%n = arith.negf {0} : f32", "%e = math.exp %n : f32", f"%d = arith.addf {one}, %e : f32",
                              "%y = arith.divf {0}, %d : f32", "yield %y : f32")

    def gated(self, gate, up):
        return self.binary("mul", self.silu(gate), up)

    def mlp(self, x, gate, up, down):
        return self.linear(self.gated(self.linear(x, gate), self.linear(x, up)), down)

    def rotate(self, x, position=None):
        """Rotary embedding of [B, S, H, E]: angles from iotas, halves by slices."""
        half = x.shape[3] // 2
        rate = self.f.scalar(f"arith.constant {-9.210340371976184 / half} : f32")
        angles = self.empty((x.shape[1], half))
        move = [f"%sp = arith.addi %si, {position} : index"] if position else ["%z = arith.constant 0 : index", "%sp = arith.addi %si, %z : index"]
        tables = [self.generic("->se", [], [angles], [
            "%si = linalg.index {s} : index", *move, "%ei = linalg.index {e} : index", "%sw = arith.index_cast %sp : index to i32",
            "%ew = arith.index_cast %ei : index to i32", "%sf = arith.sitofp %sw : i32 to f32", "%ef = arith.sitofp %ew : i32 to f32",
            f"%l = arith.mulf %ef, {rate} : f32", "%w = math.exp %l : f32", "%g = arith.mulf %sf, %w : f32", f"%t = math.{op} %g : f32", "yield %t : f32"])
            for op in ("cos", "sin")]
        low, high = self.cut(x, [half, half])
        halves = [self.pointwise("bshe,bshe,se,se->bshe", [a, b, *tables], "%p = arith.mulf {0}, {2} : f32", "%q = arith.mulf {1}, {3} : f32",
                                 f"%y = arith.{op} %p, %q : f32", "yield %y : f32") for a, b, op in ((low, high, "subf"), (high, low, "addf"))]
        return self.concat(3, *halves)

    def masked(self, scores, letters, scale, row="s", column="t", position=None):
        """Scales, and hides the keys behind the query: the mask is iotas. `position`: the query row's number, an index."""
        factor, none = self.f.scalar(f"arith.constant {scale} : f32"), self.f.scalar("arith.constant -3.40282e+38 : f32")
        at = f"{position}" if position else "%i"
        return self.pointwise(f"{letters}->{letters}", [scores], f"%i = linalg.index {{{row}}} : index", f"%j = linalg.index {{{column}}} : index",
                              f"%see = arith.cmpi ule, %j, {at} : index", f"%c = arith.mulf {{0}}, {factor} : f32",
                              f"%y = arith.select %see, %c, {none} : f32", "yield %y : f32")

    def scaled(self, scores, letters, scale):
        factor = self.f.scalar(f"arith.constant {scale} : f32")
        return self.pointwise(f"{letters}->{letters}", [scores], f"%y = arith.mulf {{0}}, {factor} : f32", "yield %y : f32")

    def split_heads(self, x, heads):
        b, s, d = x.shape
        return self.reshape(x, [[b], [s], [heads, d // heads]])

    def batches(self, x, group):
        """[B, T, K, E] to [B * K * group, T, E], each head repeated."""
        x = self.transpose(x, [0, 2, 1, 3])
        b, k, t, e = x.shape
        if group > 1:
            return self.reshape(self.broadcast(x, 2, group), [[b, k, group], [t], [e]])
        return self.reshape(x, [[b, k], [t], [e]])

    def attend_heads(self, q, k, v, group, named=False, position=None, bias=None, causal=True):
        """Queries [B, S, H, E], keys and values [B, T, K, E]; the result [B, S, H * E]."""
        b, s, h, e = q.shape
        scale = e ** -0.5
        if not self.flat and group > 1:
            return self.grouped(q, k, v, group, scale)
        q, k, v = self.batches(q, 1), self.batches(k, group), self.batches(v, group)
        n, t = b * h, k.shape[1]
        scores = self.named("batch_matmul", [q, self.transpose(k, [0, 2, 1])], self.zeros((n, s, t)))
        if bias:
            scores = self.reshape(bias(self.reshape(scores, [[b, h], [s], [t]])), [[b, h], [s], [t]])
        scores = self.masked(scores, "nst", scale, position=position) if causal else self.scaled(scores, "nst", scale)
        weights = self.softmax(scores, named)
        o = self.named("batch_matmul", [weights, v], self.zeros((n, s, e)))
        o = self.transpose(self.reshape(o, [[b, h], [s], [e]]), [0, 2, 1, 3])
        return self.reshape(o, [[b], [s], [h, e]])

    def grouped(self, q, k, v, group, scale):
        """Keys and values are not repeated: queries are [B, S, K, G, E]."""
        b, s, h, e = q.shape
        q = self.reshape(q, [[b], [s], [h // group, group], [e]])
        weights = self.softmax(self.masked(self.einsum("bskge,btke->bkgst", q, k), "bkgst", scale))
        o = self.reshape(self.einsum("bkgst,btke->bskge", weights, v), [[b], [s], [h // group, group], [e]])
        return self.reshape(o, [[b], [s], [h, e]])

    def attend(self, q, k, v, heads, kv, **options):
        q, k, v = self.split_heads(q, heads), self.split_heads(k, kv), self.split_heads(v, kv)
        return self.attend_heads(q, k, v, heads // kv, **options)

    def attention(self, x, wq, wk, wv, wo, heads=None, kv=None, rotary=False, cache=None, **options):
        s = self.size
        heads, kv = heads or s.heads, kv or s.kv
        q, k, v = (self.split_heads(self.linear(x, w), n) for w, n in ((wq, heads), (wk, kv), (wv, kv)))
        position = None
        if cache:
            word = self.f.scalar(f"tensor.extract {cache[2].name}[] : tensor<i32>")
            position = self.f.scalar(f"arith.index_cast {word} : i32 to index")
        if rotary:
            q, k = self.rotate(q, position), self.rotate(k, position)
        if cache:
            k, v = self.caches = [self.write(c, rows, position) for c, rows in ((cache[0], k), (cache[1], v))]
        return self.linear(self.attend_heads(q, k, v, heads // kv, position=position, **options), wo)

    def write(self, cache, rows, position):
        sizes = list(rows.shape)
        return self.f.op(f"tensor.insert_slice {rows.name} into {cache.name}[0, {position}, 0, 0] {sizes} [1, 1, 1, 1] : {rows.type} into {cache.type}", cache.shape)

    def cache(self, batch=""):
        s = self.size
        k, v = (self.input(n, (s.B, s.T, s.kv, s.E), batch, "", "tp", "") for n in ("k_cache", "v_cache"))
        return [k, v, self.input("position", (), dtype="i32")]

    def embedding(self, ids, table):
        """Rows looked up inside the body."""
        shape = (*ids.shape, table.shape[1])
        return self.generic("bs->bsd", [ids], [self.empty(shape)], [
            "%r = arith.index_cast {0} : i32 to index", "%c = linalg.index {d} : index",
            f"%e = tensor.extract {table.name}[%r, %c] : {table.type}", "yield %e : f32"])


class Einsum(Linalg):
    """Linalg with contractions on all dimensions."""

    flat = False
