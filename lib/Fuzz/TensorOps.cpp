// Random ops of tensor.
#include "Program.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace tp::fuzz;

static std::string reassociation(llvm::ArrayRef<llvm::SmallVector<int64_t, 4>> groups) {
  std::vector<std::string> parts;
  for (const auto &group : groups)
    parts.push_back(list(group));
  return "[" + llvm::join(parts, ", ") + "]";
}

static bool makeExpand(Program &p) {
  Value x = p.any(1, 3);
  unsigned split = p.below(x.rank());
  llvm::SmallVector<llvm::SmallVector<int64_t, 4>> groups;
  Shape shape;
  for (unsigned d = 0; d < x.rank(); ++d) {
    auto &group = groups.emplace_back();
    int64_t outer = 1, n = x.dim(d);
    if (d == split)
      for (int64_t candidate : {2, 3, 4, 5, 1})
        if (n % candidate == 0 && (outer == 1 || p.chance(0.4)))
          outer = candidate;
    if (d == split) {
      group.push_back(shape.size());
      shape.push_back(outer);
    }
    group.push_back(shape.size());
    shape.push_back(d == split ? n / outer : n);
  }
  p.emit("tensor.expand_shape " + x.name + " " + reassociation(groups) + " output_shape " + list(shape) + " : " +
             x.type() + " into " + typeOf(shape, x.element),
         shape, x.element, x.bound);
  return true;
}

static bool makeCollapse(Program &p) {
  Value x = p.any(2, 4);
  unsigned first = p.below(x.rank() - 1), last = p.between(first + 1, x.rank() - 1);
  llvm::SmallVector<llvm::SmallVector<int64_t, 4>> groups;
  Shape shape;
  for (unsigned d = 0; d < x.rank(); ++d) {
    if (d > first && d <= last) {
      groups.back().push_back(d);
      shape.back() *= x.dim(d);
    } else {
      groups.push_back({d});
      shape.push_back(x.dim(d));
    }
  }
  p.emit("tensor.collapse_shape " + x.name + " " + reassociation(groups) + " : " + x.type() + " into " +
             typeOf(shape, x.element),
         shape, x.element, x.bound);
  return true;
}

// `[offsets] [sizes] [strides]` of a window of `shape`; the sizes.
static std::pair<std::string, Shape> window(Program &p, llvm::ArrayRef<int64_t> shape) {
  Shape offsets, sizes, strides;
  unsigned cut = p.below(shape.size());
  for (auto [d, n] : llvm::enumerate(shape)) {
    bool isWhole = d != cut && p.chance(0.7);
    int64_t stride = isWhole || !p.chance(0.2) ? 1 : 2;
    int64_t offset = isWhole ? 0 : p.below(n), most = isWhole ? n : (n - offset - 1) / stride + 1;
    offsets.push_back(offset);
    strides.push_back(stride);
    sizes.push_back(isWhole ? n : p.between(1, most));
  }
  return {list(offsets) + " " + list(sizes) + " " + list(strides), sizes};
}

// The verifier of slices finds no offset in a tensor without elements.
static bool isEmpty(llvm::ArrayRef<int64_t> shape) { return llvm::is_contained(shape, 0); }

static bool makeExtractSlice(Program &p) {
  Value x = p.any(1);
  if (isEmpty(x.shape))
    return false;
  auto [text, sizes] = window(p, x.shape);
  Shape shape = sizes;
  if (p.chance(0.3))
    if (auto *one = llvm::find(shape, 1); one != shape.end())
      shape.erase(one);
  p.emit("tensor.extract_slice " + x.name + text + " : " + x.type() + " to " + typeOf(shape, x.element), shape,
         x.element, x.bound);
  return true;
}

// Equal parts, or unequal ones with a common divisor, as of a fused weight.
static bool makeParts(Program &p) {
  Value x = p.any(1);
  unsigned dim = p.below(x.rank());
  int64_t n = x.dim(dim);
  if (isEmpty(x.shape))
    return false;
  llvm::SmallVector<Shape> ways;
  for (Shape parts : {Shape{1, 1, 1}, Shape{1, 1}, Shape{2, 1, 1}, Shape{1, 2}, Shape{1, 3, 1}})
    if (n % llvm::sum_of(parts) == 0)
      ways.push_back(parts);
  if (ways.empty())
    return false;
  Shape parts = ways[p.below(ways.size())];
  Shape offsets(x.rank(), 0), sizes = x.shape, strides(x.rank(), 1);
  n /= llvm::sum_of(parts);
  for (int64_t part : parts) {
    sizes[dim] = part * n;
    p.emit("tensor.extract_slice " + x.name + list(offsets) + " " + list(sizes) + " " + list(strides) + " : " +
               x.type() + " to " + typeOf(sizes, x.element),
           sizes, x.element, x.bound);
    offsets[dim] += sizes[dim];
  }
  return true;
}

static bool makeInsertSlice(Program &p) {
  Value to = p.any(1);
  if (isEmpty(to.shape))
    return false;
  auto [text, sizes] = window(p, to.shape);
  Value from = p.valueOr(sizes, to.element);
  p.emit("tensor.insert_slice " + from.name + " into " + to.name + text + " : " + from.type() + " into " + to.type(),
         to.shape, to.element, std::max(from.bound, to.bound));
  return true;
}

static bool makePad(Program &p) {
  Value x = p.any(1);
  Shape low, high, shape;
  for (int64_t n : x.shape) {
    low.push_back(p.chance(0.3) ? p.between(0, 2) : 0);
    high.push_back(p.chance(0.3) ? p.between(0, 2) : 0);
    shape.push_back(n + low.back() + high.back());
  }
  std::string value = p.scalar(p.chance(0.6) ? 0 : 2, x.element);
  std::string name = p.fresh();
  p.line(name + " = tensor.pad " + x.name + " low" + list(low) + " high" + list(high) + " {");
  std::vector<std::string> indices;
  for (unsigned d = 0; d < x.rank(); ++d)
    indices.push_back("%i" + std::to_string(d) + ": index");
  p.line("^bb0(" + llvm::join(indices, ", ") + "):");
  p.line("  tensor.yield " + value + " : f32");
  p.line("} : " + x.type() + " to " + typeOf(shape, x.element));
  p.values.push_back({name, shape, x.element, std::max(2.0, x.bound)});
  return true;
}

static bool makeConcat(Program &p) {
  Value a = p.any(1);
  unsigned dim = p.below(a.rank());
  Shape other = a.shape;
  if (p.chance(0.5))
    other[dim] = p.size();
  Value b = p.valueOr(other);
  Shape shape = a.shape;
  shape[dim] += other[dim];
  p.emit("tensor.concat dim(" + std::to_string(dim) + ") " + a.name + ", " + b.name + " : (" + a.type() + ", " +
             b.type() + ") -> " + typeOf(shape, Element::F32),
         shape, Element::F32, std::max(a.bound, b.bound));
  return true;
}

static bool makeSplat(Program &p) {
  Shape shape = p.shape(p.between(1, 3));
  p.emit("tensor.splat " + p.scalar(p.between(-2, 2), Element::F32) + " : " + typeOf(shape, Element::F32), shape,
         Element::F32, 2);
  return true;
}

llvm::ArrayRef<OpKind> tp::fuzz::tensorOps() {
  static const OpKind ops[] = {
      {"tensor.expand_shape", makeExpand, 5, true},
      {"tensor.collapse_shape", makeCollapse, 5, true},
      {"tensor.extract_slice", makeExtractSlice, 2, true},
      {"tensor.extract_slice.parts", makeParts, 3, true},
      {"tensor.insert_slice", makeInsertSlice, 2, true},
      {"tensor.pad", makePad, 2, true},
      {"tensor.concat", makeConcat, 2, true},
      {"tensor.splat", makeSplat, 1, true},
  };
  return ops;
}
