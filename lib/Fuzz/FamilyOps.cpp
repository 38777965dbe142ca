// Random ops of the tp dialect that some families of models have: mixtures of experts, scores by distance.
#include "Program.h"

using namespace tp::fuzz;

namespace {
struct Rows { // a tensor [..., n] without its last dimension
  Shape shape;
  Shape with(llvm::ArrayRef<int64_t> last) const {
    Shape all = shape;
    all.append(last.begin(), last.end());
    return all;
  }
};
} // namespace

// The largest are chosen, so what is compared is given: two sums in another order may choose differently.
static bool makeRoute(Program &p) {
  int64_t experts = p.between(1, 6);
  Value logits = p.argument(Rows{p.shape(p.between(1, 2))}.with({experts}));
  p.emit("tp.route " + logits.name + " {top_k = " + std::to_string(p.between(1, experts)) + " : i64" +
             (p.chance(0.5) ? ", normalised" : "") + "}" + signatureOf({logits}, logits.type()),
         logits.shape, Element::F32, 1);
  return true;
}

static bool makeExpertUp(Program &p) {
  Value x = p.any(2, 3);
  int64_t d = x.shape.back(), experts = p.between(1, 4), units = p.size();
  Rows rows{Shape(llvm::ArrayRef<int64_t>(x.shape).drop_back())};
  Value gates = p.valueOr(rows.with({experts})), up = p.valueOr({experts, units, d});
  Shape shape = rows.with({experts, units});
  double bound = x.bound * up.bound * std::max<int64_t>(d, 1);
  bool isGated = p.chance(0.5);
  Value gate = isGated ? p.valueOr(up.shape) : up;
  if (bound * (isGated ? x.bound * gate.bound * d : 1) > kMaxBound)
    return false;
  std::string head = "tp.expert_up relu " + x.name + ", " + gates.name;
  if (isGated)
    p.emit(head + " gate(" + gate.name + ") up(" + up.name + ")" +
               signatureOf({x, gates, gate, up}, typeOf(shape, Element::F32)),
           shape, Element::F32, bound * x.bound * gate.bound * std::max<int64_t>(d, 1));
  else
    p.emit(head + " up(" + up.name + ")" + signatureOf({x, gates, up}, typeOf(shape, Element::F32)), shape,
           Element::F32, bound);
  return true;
}

static bool makeExpertDown(Program &p) {
  Value hidden = p.any(3, 4);
  int64_t experts = hidden.dim(hidden.rank() - 2), units = hidden.shape.back(), d = p.size();
  Rows rows{Shape(llvm::ArrayRef<int64_t>(hidden.shape).drop_back(2))};
  Value gates = p.valueOr(rows.with({experts})), down = p.valueOr({experts, d, units});
  Shape shape = rows.with({d});
  double bound = hidden.bound * gates.bound * down.bound * std::max<int64_t>(experts * units, 1);
  if (bound > kMaxBound)
    return false;
  p.emit("tp.expert_down " + hidden.name + ", " + gates.name + " down(" + down.name + ")" +
             signatureOf({hidden, gates, down}, typeOf(shape, Element::F32)),
         shape, Element::F32, bound);
  return true;
}

static bool makeRelativeBias(Program &p) {
  int64_t b = p.between(1, 3), heads = p.between(1, 5), s = p.size(), t = s + p.between(0, 3);
  Value table = p.argument({8, heads});
  Shape shape = {b, heads, s, t};
  std::string attributes = std::string(" {max_distance = 16 : i64") + (p.chance(0.5) ? ", bidirectional" : "") + "}";
  if (p.chance(0.6)) {
    Value at = p.indices({b});
    p.emit("tp.relative_bias " + table.name + " at " + at.name + attributes +
               signatureOf({table, at}, typeOf(shape, Element::F32)),
           shape, Element::F32, table.bound);
  } else {
    p.emit("tp.relative_bias " + table.name + attributes + signatureOf({table}, typeOf(shape, Element::F32)), shape,
           Element::F32, table.bound);
  }
  return true;
}

static bool makeSinusoid(Program &p) {
  Shape shape = {p.size(), 2 * p.between(1, 4)};
  p.emit("tp.sinusoid {first = " + std::to_string(p.between(0, 4)) + " : i64}" +
             signatureOf({}, typeOf(shape, Element::F32)),
         shape, Element::F32, 1);
  return true;
}

static bool makeRelativeScores(Program &p) {
  int64_t b = p.between(1, 2), s = p.between(1, 4), heads = p.between(1, 5), e = p.between(1, 4), inner = heads * e;
  Value q = p.valueOr({b, s, heads, e}), r = p.valueOr({2 * s, heads, e}), types = p.indices({b, s});
  Value content = p.valueOr({inner}), position = p.valueOr({inner}), segment = p.valueOr({inner}),
        segments = p.valueOr({2, inner});
  Shape shape = {b, heads, s, s};
  double bound = ((q.bound + content.bound + position.bound) * r.bound +
                  (q.bound + content.bound + segment.bound) * segments.bound) *
                 double(e);
  if (bound > kMaxBound)
    return false;
  p.emit("tp.relative_scores " + q.name + ", " + r.name + " types(" + types.name + ") biases(" + content.name + ", " +
             position.name + ", " + segment.name + ") segments(" + segments.name + ") {scale = 1.0 : f64}" +
             signatureOf({q, r, types, content, position, segment, segments}, typeOf(shape, Element::F32)),
         shape, Element::F32, bound);
  return true;
}

llvm::ArrayRef<OpKind> tp::fuzz::familyOps() {
  static const OpKind ops[] = {
      {"tp.route", makeRoute, 1, false},           {"tp.expert_up", makeExpertUp, 2, true},
      {"tp.expert_down", makeExpertDown, 2, true}, {"tp.relative_bias", makeRelativeBias, 1, true},
      {"tp.sinusoid", makeSinusoid, 1, false},     {"tp.relative_scores", makeRelativeScores, 1, true},
  };
  return ops;
}
