// Random ops of linalg.
#include "Program.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace tp::fuzz;

static std::string emptyLike(Program &p, llvm::ArrayRef<int64_t> shape, Element element = Element::F32) {
  return p.emitHidden("tensor.empty() : " + typeOf(shape, element));
}

// What a sum starts from: mostly zeros, else any value, which must then count once.
static Value initial(Program &p, llvm::ArrayRef<int64_t> shape, double value = 0) {
  if (p.chance(0.25))
    return p.valueOr(shape);
  std::string type = typeOf(shape, Element::F32);
  std::string filled = p.emitHidden("linalg.fill ins(" + p.scalar(value, Element::F32) + " : f32) outs(" +
                                    emptyLike(p, shape) + " : " + type + ") -> " + type);
  return {filled, Shape(shape), Element::F32, std::abs(value)};
}

static std::string operands(llvm::ArrayRef<Value> in, const Value &out) {
  std::vector<std::string> names, types;
  for (const Value &value : in) {
    names.push_back(value.name);
    types.push_back(value.type());
  }
  return "ins(" + llvm::join(names, ", ") + " : " + llvm::join(types, ", ") + ") outs(" + out.name + " : " +
         out.type() + ")";
}

static bool makeMatmul(Program &p) {
  Value x = p.any(2, 2);
  int64_t m = x.dim(0), k = x.dim(1);
  bool isTransposed = p.chance(0.4);
  Value w = isTransposed ? p.valueOr({p.size(), k}) : p.valueOr({k, p.size()});
  int64_t n = isTransposed ? w.dim(0) : w.dim(1);
  Value out = initial(p, {m, n});
  double bound = out.bound + x.bound * w.bound * k;
  if (bound > kMaxBound)
    return false;
  std::string maps = isTransposed ? " indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, "
                                    "k)>, affine_map<(m, n, k) -> (m, n)>]"
                                  : "";
  p.emit("linalg.matmul" + maps + " " + operands({x, w}, out) + " -> " + out.type(), out.shape, Element::F32, bound);
  return true;
}

static bool makeBatchMatmul(Program &p) {
  Value x = p.any(3, 3);
  Value w = p.valueOr({x.dim(0), x.dim(2), p.size()});
  Value out = initial(p, {x.dim(0), x.dim(1), w.dim(2)});
  double bound = out.bound + x.bound * w.bound * x.dim(2);
  if (bound > kMaxBound)
    return false;
  p.emit("linalg.batch_matmul " + operands({x, w}, out) + " -> " + out.type(), out.shape, Element::F32, bound);
  return true;
}

static bool makeMatvec(Program &p) {
  Value a = p.any(2, 2);
  bool isMatvec = p.chance(0.5);
  Value v = p.valueOr({a.dim(isMatvec ? 1 : 0)});
  Value out = initial(p, {a.dim(isMatvec ? 0 : 1)});
  double bound = out.bound + a.bound * v.bound * v.dim(0);
  if (bound > kMaxBound)
    return false;
  p.emit((isMatvec ? "linalg.matvec " + operands({a, v}, out) : "linalg.vecmat " + operands({v, a}, out)) + " -> " +
             out.type(),
         out.shape, Element::F32, bound);
  return true;
}

static bool makeTranspose(Program &p) {
  Value x = p.any(2);
  llvm::SmallVector<int64_t> order;
  for (unsigned i = 0; i < x.rank(); ++i)
    order.insert(order.begin() + p.between(0, i), i);
  Shape shape;
  for (int64_t d : order)
    shape.push_back(x.dim(d));
  Value out{emptyLike(p, shape), shape, Element::F32, 0};
  p.emit("linalg.transpose " + operands({x}, out) + " permutation = " + list(order), shape, Element::F32, x.bound);
  return true;
}

static bool makeBroadcast(Program &p) {
  Value x = p.any(1, 3);
  unsigned added = p.between(1, 4 - x.rank());
  Shape shape = x.shape;
  llvm::SmallVector<int64_t> dims;
  for (unsigned i = 0; i < added; ++i) {
    int64_t at = p.between(0, shape.size());
    shape.insert(shape.begin() + at, p.size());
    for (int64_t &dim : dims)
      dim += dim >= at;
    dims.push_back(at);
  }
  llvm::sort(dims);
  Value out{emptyLike(p, shape), shape, Element::F32, 0};
  p.emit("linalg.broadcast " + operands({x}, out) + " dimensions = " + list(dims), shape, Element::F32, x.bound);
  return true;
}

static bool makeReduce(Program &p) {
  Value x = p.any(1);
  llvm::SmallVector<int64_t> dims;
  Shape shape;
  double count = 1;
  for (unsigned d = 0; d < x.rank(); ++d) {
    if (p.chance(0.4)) {
      dims.push_back(d);
      count *= x.dim(d);
    } else {
      shape.push_back(x.dim(d));
    }
  }
  if (dims.empty())
    return false;
  unsigned kind = p.below(4);
  static const std::string names[] = {"arith.addf", "arith.addf", "arith.maximumf", "arith.minimumf"};
  Value out = initial(p, shape, kind < 2 ? 0 : kind == 2 ? -1000 : 1000);
  double bound = out.bound + x.bound * (kind < 2 ? count : 1);
  if (bound > kMaxBound)
    return false;
  p.emit("linalg.reduce { " + names[kind] + " } " + operands({x}, out) + " dimensions = " + list(dims), shape,
         Element::F32, bound);
  return true;
}

static bool makeNamed(Program &p) {
  Value a = p.any(1), b = p.valueOr(a.shape);
  static const std::string names[] = {"linalg.add", "linalg.sub", "linalg.mul", "linalg.max", "linalg.min"};
  const std::string &name = p.oneOf<std::string>(names);
  double bound = name == "linalg.mul" ? a.bound * b.bound : a.bound + b.bound;
  if (bound > kMaxBound)
    return false;
  Value out{emptyLike(p, a.shape), a.shape, Element::F32, 0};
  if (p.chance(0.3))
    p.emit("linalg.map { arith.addf } " + operands({a, b}, out), a.shape, Element::F32, a.bound + b.bound);
  else
    p.emit(name + " " + operands({a, b}, out) + " -> " + out.type(), a.shape, Element::F32, bound);
  return true;
}

static bool makeExp(Program &p) {
  Value x = p.any(1);
  if (x.bound > kInputBound)
    return false;
  Value out{emptyLike(p, x.shape), x.shape, Element::F32, 0};
  p.emit("linalg.exp " + operands({x}, out) + " -> " + out.type(), x.shape, Element::F32, std::exp(x.bound));
  return true;
}

static bool makeSoftmax(Program &p) {
  Value x = p.any(1);
  Value out{emptyLike(p, x.shape), x.shape, Element::F32, 0};
  p.emit("linalg.softmax dimension(" + std::to_string(p.below(x.rank())) + ") " + operands({x}, out) + " -> " +
             out.type(),
         x.shape, Element::F32, 1);
  return true;
}

// Each element several times, as front ends repeat keys: a broadcast and a reshape.
static bool makeRepeat(Program &p) {
  Value x = p.any(1, 3);
  unsigned dim = p.below(x.rank());
  int64_t repeat = p.between(2, 4);
  Shape broad = x.shape, shape = x.shape;
  broad.insert(broad.begin() + dim + 1, repeat);
  shape[dim] *= repeat;
  std::vector<std::string> groups;
  for (unsigned d = 0; d < x.rank(); ++d)
    groups.push_back(d == dim ? list({d, d + 1}) : list({d + (d > dim)}));
  Value out{emptyLike(p, broad), broad, Element::F32, 0};
  std::string repeated = p.emitHidden("linalg.broadcast " + operands({x}, out) + " dimensions = " + list({dim + 1}));
  p.emit("tensor.collapse_shape " + repeated + " [" + llvm::join(groups, ", ") + "] : " + out.type() + " into " +
             typeOf(shape, Element::F32),
         shape, Element::F32, x.bound);
  return true;
}

// `affine_map<(d0, d1) -> (d1)>`; `repeats`: of which element of a dimension is read how often.
static std::string mapOf(unsigned loops, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> repeats = {}) {
  std::vector<std::string> from, to;
  for (unsigned i = 0; i < loops; ++i)
    from.push_back("d" + std::to_string(i));
  for (auto [i, dim] : llvm::enumerate(dims))
    to.push_back("d" + std::to_string(dim) +
                 (repeats.empty() || repeats[i] == 1 ? "" : " floordiv " + std::to_string(repeats[i])));
  return "affine_map<(" + llvm::join(from, ", ") + ") -> (" + llvm::join(to, ", ") + ")>";
}

namespace {
// A linalg.generic in the making: an einsum of up to three inputs, perhaps masked by its indices.
struct Generic {
  Program &p;
  unsigned loops;
  Shape ranges;
  llvm::SmallVector<int64_t> outDims;
  std::vector<Value> inputs;
  std::vector<std::string> maps;
  double bound = 1, sums = 1;

  explicit Generic(Program &program) : p(program), loops(p.between(1, 4)), ranges(p.shape(loops)) {
    for (unsigned i = 0; i < loops; ++i) {
      if (p.chance(0.65))
        outDims.insert(outDims.begin() + p.between(0, outDims.size()), i);
      else
        sums *= ranges[i];
    }
  }

  void addInput(llvm::ArrayRef<int64_t> dims) {
    Shape shape;
    llvm::SmallVector<int64_t> repeats;
    for (int64_t dim : dims) {
      int64_t repeat = p.between(2, 4);
      bool isRepeated = ranges[dim] > 0 && ranges[dim] % repeat == 0 && llvm::is_contained(outDims, dim);
      repeats.push_back(isRepeated && p.chance(0.1) ? repeat : 1);
      shape.push_back(ranges[dim] / repeats.back());
    }
    inputs.push_back(p.valueOr(shape));
    maps.push_back(mapOf(loops, dims, repeats));
    bound *= inputs.back().bound;
  }

  void addInputs() {
    std::vector<bool> covered(loops, false);
    for (unsigned i = 0, n = p.between(1, 3); i < n; ++i) {
      llvm::SmallVector<int64_t> dims;
      for (unsigned loop = 0; loop < loops; ++loop)
        if (p.chance(0.6) || (i + 1 == n && !covered[loop])) {
          dims.insert(dims.begin() + p.between(0, dims.size()), loop);
          covered[loop] = true;
        }
      addInput(dims);
    }
  }

  // Leaves `%v` in the line of ops: the product of the inputs, perhaps 0 where an index is larger than another.
  std::string makeBody() {
    std::string product = "%in0";
    for (unsigned i = 1; i < inputs.size(); ++i) {
      p.line("  %p" + std::to_string(i) + " = arith.mulf " + product + ", %in" + std::to_string(i) + " : f32");
      product = "%p" + std::to_string(i);
    }
    if (!p.chance(0.25))
      return product;
    p.line("  %ix = linalg.index " + std::to_string(p.below(loops)) + " : index");
    p.line("  %iy = linalg.index " + std::to_string(p.below(loops)) + " : index");
    p.line("  %seen = arith.cmpi ule, %ix, %iy : index");
    p.line("  %none = arith.constant -2.0 : f32");
    p.line("  %masked = arith.select %seen, " + product + ", %none : f32");
    bound = std::max(bound, 2.0);
    return "%masked";
  }

  bool make() {
    addInputs();
    Shape shape;
    for (int64_t dim : outDims)
      shape.push_back(ranges[dim]);
    bool isMax = p.chance(0.2), isPointwise = outDims.size() == loops;
    Value out = initial(p, shape, isMax ? -1000 : 0);
    if (out.bound + std::max(bound, 2.0) * sums > kMaxBound)
      return false;
    maps.push_back(mapOf(loops, outDims));
    std::vector<std::string> iterators, arguments;
    for (unsigned i = 0; i < loops; ++i)
      iterators.push_back(llvm::is_contained(outDims, i) ? "\"parallel\"" : "\"reduction\"");
    for (unsigned i = 0; i < inputs.size(); ++i)
      arguments.push_back("%in" + std::to_string(i) + ": f32");
    std::string name = p.fresh();
    p.line(name + " = linalg.generic {indexing_maps = [" + llvm::join(maps, ", ") + "], iterator_types = [" +
           llvm::join(iterators, ", ") + "]} " + operands(inputs, out) + " {");
    p.line("^bb0(" + llvm::join(arguments, ", ") + ", %acc: f32):");
    std::string value = makeBody();
    if (isPointwise && p.chance(0.6)) {
      p.line("  linalg.yield " + value + " : f32");
    } else {
      p.line(std::string("  %sum = arith.") + (isMax ? "maximumf" : "addf") + " %acc, " + value + " : f32");
      p.line("  linalg.yield %sum : f32");
    }
    p.line("} -> " + out.type());
    p.values.push_back({name, shape, Element::F32, out.bound + bound * sums});
    return true;
  }
};
} // namespace

static bool makeGeneric(Program &p) { return Generic(p).make(); }

llvm::ArrayRef<OpKind> tp::fuzz::linalgOps() {
  static const OpKind ops[] = {
      {"linalg.matmul", makeMatmul, 8, true},       {"linalg.batch_matmul", makeBatchMatmul, 4, true},
      {"linalg.matvec", makeMatvec, 3, true},       {"linalg.transpose", makeTranspose, 4, true},
      {"linalg.broadcast", makeBroadcast, 3, true}, {"linalg.reduce", makeReduce, 4, true},
      {"linalg.named", makeNamed, 4, true},         {"linalg.exp", makeExp, 1, false},
      {"linalg.softmax", makeSoftmax, 2, false},    {"linalg.generic", makeGeneric, 10, true},
      {"linalg.repeat", makeRepeat, 3, true},
  };
  return ops;
}
