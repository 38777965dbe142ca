// Random ops of the tp dialect.
#include "Program.h"

using namespace tp::fuzz;

static bool makeLinear(Program &p) {
  Value x = p.any(2, 4);
  int64_t k = x.shape.back(), n = p.size();
  Value w = p.valueOr({p.chance(0.3) ? k : n, k});
  n = w.dim(0);
  if (p.chance(0.15))
    x = p.plusOne(x), w = p.plusOne(w);
  double bound = x.bound * w.bound * k;
  Shape shape = x.shape;
  shape.back() = n;
  if (bound > kMaxBound)
    return false;
  if (p.chance(0.6)) {
    p.emit("tp.linear " + x.name + ", " + w.name + signatureOf({x, w}, typeOf(shape, Element::F32)), shape,
           Element::F32, bound);
    return true;
  }
  Value b = p.valueOr({n});
  p.emit("tp.linear " + x.name + ", " + w.name + " bias " + b.name +
             signatureOf({x, w, b}, typeOf(shape, Element::F32)),
         shape, Element::F32, bound + b.bound);
  return true;
}

static bool makeRmsNorm(Program &p) {
  Value x = p.any(2), w = p.argument({x.shape.back()});
  p.emit("tp.rms_norm " + x.name + ", " + w.name + " {eps = 1.0e-2 : f64}" + signatureOf({x, w}, x.type()), x.shape,
         Element::F32, w.bound * 4);
  return true;
}

static bool makeLayerNorm(Program &p) {
  Value x = p.any(2), w = p.argument({x.shape.back()});
  if (p.chance(0.5)) {
    Value b = p.argument({x.shape.back()});
    p.emit("tp.layer_norm " + x.name + ", " + w.name + " bias " + b.name + " {eps = 1.0e-1 : f64}" +
               signatureOf({x, w, b}, x.type()),
           x.shape, Element::F32, w.bound * 4 + b.bound);
  } else {
    p.emit("tp.layer_norm " + x.name + ", " + w.name + " {eps = 1.0e-1 : f64}" + signatureOf({x, w}, x.type()), x.shape,
           Element::F32, w.bound * 4);
  }
  return true;
}

static bool makeRelu(Program &p) {
  Value x = p.any(1);
  p.emit("tp.activation relu " + x.name + signatureOf({x}, x.type()), x.shape, Element::F32, x.bound);
  return true;
}

static bool makeActivation(Program &p) {
  Value x = p.any(1);
  static const std::string kinds[] = {"silu", "gelu", "gelu_tanh"};
  p.emit("tp.activation " + p.oneOf<std::string>(kinds) + " " + x.name + signatureOf({x}, x.type()), x.shape,
         Element::F32, x.bound);
  return true;
}

static bool makeRope(Program &p) {
  auto fits = [](const Value &v) { return v.element == Element::F32 && v.rank() == 4 && v.dim(3) % 2 == 0; };
  std::optional<Value> found = p.pick(fits);
  Value x = found ? *found : p.argument({p.between(1, 3), p.size(), p.between(1, 5), 4});
  std::string rotary = " {rotary = #tp.rotary<base = 100.0>}";
  if (p.chance(0.5)) {
    Value at = p.indices({x.dim(0)});
    p.emit("tp.rope " + x.name + " at " + at.name + rotary + signatureOf({x, at}, x.type()), x.shape, Element::F32,
           2 * x.bound);
  } else {
    p.emit("tp.rope " + x.name + rotary + signatureOf({x}, x.type()), x.shape, Element::F32, 2 * x.bound);
  }
  return true;
}

static bool makeEmbedding(Program &p) {
  Value ids = p.indices(p.shape(p.between(1, 2))), table = p.valueOr({p.size(), p.size()});
  Shape shape = ids.shape;
  shape.push_back(table.dim(1));
  p.emit("tp.embedding " + ids.name + ", " + table.name + signatureOf({ids, table}, typeOf(shape, Element::F32)), shape,
         Element::F32, table.bound);
  return true;
}

static bool makeTakeRow(Program &p) {
  Value x = p.any(3, 3), row = p.indices({x.dim(0)});
  Shape shape = {x.dim(0), 1, x.dim(2)};
  p.emit("tp.take_row " + x.name + ", " + row.name + signatureOf({x, row}, typeOf(shape, Element::F32)), shape,
         Element::F32, x.bound);
  return true;
}

static bool makeKvUpdate(Program &p) {
  Value rows = p.any(4, 4);
  Shape shape = rows.shape;
  shape[1] += p.between(0, 3);
  Value cache = p.valueOr(shape), at = p.indices({rows.dim(0)});
  p.emit("tp.kv_update " + cache.name + ", " + rows.name + " at " + at.name +
             signatureOf({cache, rows, at}, cache.type()),
         shape, Element::F32, std::max(cache.bound, rows.bound));
  return true;
}

static bool makeSdpa(Program &p) {
  int64_t b = p.between(1, 3), s = p.size(), t = p.chance(0.5) ? s : s + p.between(0, 4), kvHeads = p.between(1, 4),
          group = p.between(1, 3), e = p.between(1, 4);
  if (t == 0)
    return false;
  Value q = p.valueOr({b, s, kvHeads * group, e}), k = p.valueOr({b, t, kvHeads, e}), v = p.valueOr({b, t, kvHeads, e});
  if (q.bound * k.bound > 1000)
    return false;
  std::string attributes = " {group = " + std::to_string(group) + " : i64, scale = 0.25 : f64";
  if (p.chance(0.6))
    attributes += std::string(", causal") + (p.chance(0.3) ? ", window = 3 : i64" : "");
  attributes += "}";
  std::string text = "tp.sdpa " + q.name + ", " + k.name + ", " + v.name;
  std::vector<Value> operands = {q, k, v};
  auto add = [&](const char *keyword, const Value &value) {
    text += keyword + value.name;
    operands.push_back(value);
  };
  if (p.chance(0.4))
    add(" at ", p.indices({b}));
  if (p.chance(0.2))
    add(" length ", p.indices({b}));
  if (p.chance(0.2))
    add(" bias ", p.valueOr({b, kvHeads * group, s, t}));
  p.emit(text + attributes + signatureOf(operands, q.type()), q.shape, Element::F32, v.bound);
  return true;
}

static bool makeConstraint(Program &p) {
  Value x = p.any(1);
  p.emit("tp.sharding_constraint " + x.name + " " + p.sharding(x.shape, false) + " : " + x.type(), x.shape, x.element,
         x.bound);
  return true;
}

llvm::ArrayRef<OpKind> tp::fuzz::tpOps() {
  static const OpKind ops[] = {
      {"tp.linear", makeLinear, 12, true},
      {"tp.rms_norm", makeRmsNorm, 3, false},
      {"tp.layer_norm", makeLayerNorm, 3, false},
      {"tp.activation.relu", makeRelu, 2, true},
      {"tp.activation", makeActivation, 3, false},
      {"tp.rope", makeRope, 3, false},
      {"tp.embedding", makeEmbedding, 3, true},
      {"tp.take_row", makeTakeRow, 2, true},
      {"tp.kv_update", makeKvUpdate, 2, true},
      {"tp.sdpa", makeSdpa, 6, false},
      {"tp.sharding_constraint", makeConstraint, 4, true},
  };
  return ops;
}
