"""linalg and tensor ops as a front end writes them; einsum letters say what is looped over."""

from ir import Value


def types(values):
    return ", ".join(v.type for v in values)


def names(values):
    return ", ".join(v.name for v in values)


class Structured:
    """Emits into the function `self.f`."""

    def zeros(self, shape, value="0.0", dtype="f32"):
        constant = self.f.scalar(f"arith.constant {value} : {dtype}")
        empty = self.empty(shape, dtype)
        return self.f.op(f"linalg.fill ins({constant} : {dtype}) outs({empty.name} : {empty.type}) -> {empty.type}", shape, dtype)

    def empty(self, shape, dtype="f32"):
        return self.f.op(f"tensor.empty() : {Value('', tuple(shape), dtype).type}", shape, dtype)

    def generic(self, letters, inputs, inits, body, tail=""):
        """`letters`: "bsd,df->bsf", one group for each input and each init. `body`: lines; {0}, {1} ... are the inputs' and
        inits' elements, "yield %x : f32" ends it. Returns a value, or a list where there are several inits."""
        left, right = letters.split("->")
        groups = left.split(",")[: len(inputs)] + right.split(",")
        loops = "".join(dict.fromkeys(right.split(",")[0] + left.replace(",", "") + right.replace(",", "")))
        kinds = ", ".join('"parallel"' if c in right.split(",")[0] else '"reduction"' for c in loops)
        maps = ", ".join(f"affine_map<({', '.join(loops)}) -> ({', '.join(g)})>" for g in groups)
        values = [*inputs, *inits]
        arguments = ", ".join(f"%a{i}: {v.dtype}" for i, v in enumerate(values))
        ins = f" ins({names(inputs)} : {types(inputs)})" if inputs else ""
        text = f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}{ins} outs({names(inits)} : {types(inits)}) {{\n"
        text += f"  ^bb0({arguments}):\n"
        for line in body:
            line = line.format(*(f"%a{i}" for i in range(len(values))), **{c: loops.index(c) for c in loops})
            text += f"    {'linalg.' if line.startswith('yield') else ''}{line}\n"
        result = types(inits) if len(inits) == 1 else f"({types(inits)})"
        if len(inits) > 1:
            return self.f.op(text + f"  }} -> {result}", inits[0].shape, [v.dtype for v in inits], len(inits))
        return self.f.op(text + f"  }} -> {result}", inits[0].shape, inits[0].dtype)

    def shape_of(self, letters, inputs):
        left, right = letters.split("->")
        sizes = {c: n for group, v in zip(left.split(","), inputs) for c, n in zip(group, v.shape)}
        return [sizes[c] for c in right]

    def einsum(self, letters, *inputs):
        init = self.zeros(self.shape_of(letters, inputs))
        return self.generic(letters, inputs, [init], ["%p = arith.mulf {0}, {1} : f32", "%s = arith.addf {2}, %p : f32", "yield %s : f32"])

    def pointwise(self, letters, inputs, *body, shape=None):
        """Elementwise with broadcasts, by letters."""
        return self.generic(letters, inputs, [self.empty(shape or self.shape_of(letters, inputs))], body)

    def reduce(self, letters, x, op, start):
        return self.generic(letters, [x], [self.zeros(self.shape_of(letters, [x]), start)], [f"%r = arith.{op} {{0}}, {{1}} : f32", "yield %r : f32"])

    def named(self, op, inputs, init, tail=""):
        return self.f.op(f"linalg.{op} ins({names(inputs)} : {types(inputs)}) outs({init.name} : {init.type}){tail} -> {init.type}", init.shape, init.dtype)

    def binary(self, op, x, y):
        return self.named(op, [x, y], self.empty(x.shape))

    def transpose(self, x, order):
        init = self.empty([x.shape[i] for i in order], x.dtype)
        return self.f.op(f"linalg.transpose ins({x.name} : {x.type}) outs({init.name} : {init.type}) permutation = {list(order)}", init.shape, x.dtype)

    def broadcast(self, x, dim, size):
        init = self.empty([*x.shape[:dim], size, *x.shape[dim:]], x.dtype)
        return self.f.op(f"linalg.broadcast ins({x.name} : {x.type}) outs({init.name} : {init.type}) dimensions = [{dim}]", init.shape, x.dtype)

    def reshape(self, x, groups):
        """`groups`: for each dimension of the shorter side its sizes on the longer: [[2, 8], [64]]."""
        long = [n for group in groups for n in group]
        short = []
        for group in groups:
            short.append(1)
            for n in group:
                short[-1] *= n
        indices, i = [], 0
        for group in groups:
            indices.append(list(range(i, i + len(group))))
            i += len(group)
        if tuple(long) == x.shape:
            result = Value("", tuple(short), x.dtype)
            return self.f.op(f"tensor.collapse_shape {x.name} {indices} : {x.type} into {result.type}", short, x.dtype)
        result = Value("", tuple(long), x.dtype)
        return self.f.op(f"tensor.expand_shape {x.name} {indices} output_shape {long} : {x.type} into {result.type}", long, x.dtype)

    def slice(self, x, dim, start, size):
        shape = [*x.shape[:dim], size, *x.shape[dim + 1 :]]
        starts = [start if d == dim else 0 for d in range(len(shape))]
        return self.f.op(f"tensor.extract_slice {x.name}{starts} {shape} {[1] * len(shape)} : {x.type} to {Value('', tuple(shape), x.dtype).type}", shape, x.dtype)

    def cut(self, x, sizes):
        """Parts of the last dimension."""
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return [self.slice(x, len(x.shape) - 1, start, size) for start, size in zip(starts, sizes)]

    def concat(self, dim, *parts):
        shape = list(parts[0].shape)
        shape[dim] = sum(p.shape[dim] for p in parts)
        return self.f.op(f"tensor.concat dim({dim}) {names(parts)} : ({types(parts)}) -> {Value('', tuple(shape)).type}", shape)

    def softmax(self, x, named=False):
        """Over the last dimension."""
        if named:
            return self.named(f"softmax dimension({len(x.shape) - 1})", [x], self.empty(x.shape))
        all_dims = "abcdefg"[: len(x.shape)]
        rest = all_dims[:-1]
        most = self.reduce(f"{all_dims}->{rest}", x, "maximumf", "0xFF800000")
        powers = self.pointwise(f"{all_dims},{rest}->{all_dims}", [x, most], "%d = arith.subf {0}, {1} : f32", "%e = math.exp %d : f32", "yield %e : f32")
        total = self.reduce(f"{all_dims}->{rest}", powers, "addf", "0.0")
        return self.pointwise(f"{all_dims},{rest}->{all_dims}", [powers, total], "%q = arith.divf {0}, {1} : f32", "yield %q : f32")

    def cross_entropy(self, logits, labels):
        """[B, S, V] and labels [B, S]: losses [B, S] = log(sum(exp(l - max))) + max - l[label]."""
        most = self.reduce("bsv->bs", logits, "maximumf", "0xFF800000")
        powers = self.pointwise("bsv,bs->bsv", [logits, most], "%d = arith.subf {0}, {1} : f32", "%e = math.exp %d : f32", "yield %e : f32")
        total = self.reduce("bsv->bs", powers, "addf", "0.0")
        zero = self.f.scalar("arith.constant 0.0 : f32")
        hit = self.pointwise("bsv,bs->bsv", [logits, labels], "%i = linalg.index {v} : index", "%w = arith.index_cast %i : index to i32",
                             "%is = arith.cmpi eq, %w, {1} : i32", f"%h = arith.select %is, {{0}}, {zero} : f32", "yield %h : f32")
        picked = self.reduce("bsv->bs", hit, "addf", "0.0")
        return self.pointwise("bs,bs,bs->bs", [total, most, picked], "%l = math.log {0} : f32", "%m = arith.addf %l, {1} : f32",
                              "%n = arith.subf %m, {2} : f32", "yield %n : f32")

    def argmax(self, x):
        """[B, V]: the first largest element's number, [B] i32, and its value."""
        inits = [self.zeros(x.shape[:1], "0xFF800000"), self.zeros(x.shape[:1], "0", "i32")]
        value, index = self.generic("bv->b,b", [x], inits, [
            "%i = linalg.index {v} : index", "%w = arith.index_cast %i : index to i32", "%more = arith.cmpf ogt, {0}, {1} : f32",
            "%m = arith.select %more, {0}, {1} : f32", "%n = arith.select %more, %w, {2} : i32", "yield %m, %n : f32, i32"])
        return index, value
