#include "Program.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

using namespace tp::fuzz;

std::string tp::fuzz::typeOf(llvm::ArrayRef<int64_t> shape, Element element) {
  static const char *const names[] = {"f32", "bf16", "i32", "i1", "i32"};
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + names[static_cast<int>(element)] + ">";
}

std::string tp::fuzz::signatureOf(llvm::ArrayRef<Value> operands, const std::string &result) {
  std::string text = " : (";
  for (const Value &operand : operands)
    text += (&operand == operands.begin() ? "" : ", ") + operand.type();
  return text + ") -> " + result;
}

std::string tp::fuzz::list(llvm::ArrayRef<int64_t> numbers) {
  std::string text = "[";
  for (auto [i, number] : llvm::enumerate(numbers))
    text += (i ? ", " : "") + std::to_string(number);
  return text + "]";
}

std::string Value::type() const { return typeOf(shape, element); }

void Program::chooseMesh() {
  static const std::vector<std::vector<int64_t>> shapes = {{2},    {3},    {4},    {5},    {8},    {2, 2},   {2, 3},
                                                           {3, 2}, {2, 4}, {4, 2}, {1, 3}, {2, 1}, {2, 2, 2}};
  const char *const names[] = {"a", "b", "c"};
  for (auto [i, size] : llvm::enumerate(oneOf<std::vector<int64_t>>(shapes)))
    mesh.push_back({names[i], size});
  partialChance = chance(0.15) ? 0.6 : 0.03;
}

void Program::chooseSizes() {
  for (int i = 0; i < 3; ++i)
    sizes.push_back(oneOf<int64_t>({1, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 12}));
  if (chance(0.01))
    sizes[0] = 0;
}

Shape Program::shape(unsigned rank) {
  Shape result;
  for (unsigned i = 0; i < rank; ++i)
    result.push_back(size());
  return result;
}

std::optional<Value> Program::pick(Condition condition) {
  std::vector<const Value *> found;
  for (const Value &value : values)
    if (condition(value))
      found.push_back(&value);
  if (found.empty())
    return std::nullopt;
  return *found[std::max(below(found.size()), below(found.size()))];
}

Value Program::argument(llvm::ArrayRef<int64_t> shape, Element element) {
  Value value{"%arg" + std::to_string(arguments.size()), Shape(shape), element,
              element == Element::I1 ? 1 : kInputBound};
  signature += (arguments.empty() ? "" : ", ") + value.name + ": " + value.type() + annotation(value, false);
  arguments.push_back(value);
  if (element != Element::Indices)
    values.push_back(value);
  return value;
}

Value Program::indices(llvm::ArrayRef<int64_t> shape) {
  for (const Value &value : arguments)
    if (value.element == Element::Indices && llvm::ArrayRef(value.shape) == shape && chance(0.5))
      return value;
  return argument(shape, Element::Indices);
}

Value Program::valueOr(llvm::ArrayRef<int64_t> shape, Element element) {
  auto fits = [&](const Value &value) { return value.element == element && llvm::ArrayRef(value.shape) == shape; };
  std::optional<Value> found = chance(0.85) ? pick(fits) : std::nullopt;
  return found ? *found : argument(shape, element);
}

Value Program::any(unsigned minRank, unsigned maxRank, Element element) {
  auto fits = [&](const Value &value) {
    return value.element == element && value.rank() >= minRank && value.rank() <= maxRank;
  };
  std::optional<Value> found = chance(0.9) ? pick(fits) : std::nullopt;
  return found ? *found : argument(shape(between(std::max(1u, minRank), std::min(maxRank, 4u))), element);
}

std::string Program::emitHidden(const std::string &text) {
  std::string name = fresh();
  line(name + " = " + text);
  return name;
}

Value Program::emit(const std::string &text, llvm::ArrayRef<int64_t> shape, Element element, double bound) {
  values.push_back({emitHidden(text), Shape(shape), element, bound});
  return values.back();
}

Value Program::plusOne(const Value &x) {
  std::string one = emitHidden("arith.constant dense<1.0> : " + x.type());
  return emit("arith.addf " + x.name + ", " + one + " : " + x.type(), x.shape, x.element, x.bound + 1);
}

std::string Program::scalar(double value, Element element) {
  if (element == Element::I32)
    return emitHidden("arith.constant " + std::to_string(static_cast<int64_t>(value)) + " : i32");
  return emitHidden("arith.constant " + std::to_string(value) + (element == Element::BF16 ? " : bf16" : " : f32"));
}

std::string Program::sharding(llvm::ArrayRef<int64_t> shape, bool mayBePartial) {
  std::vector<std::string> axes;
  for (auto &[name, size] : mesh)
    axes.push_back('"' + name + '"');
  for (size_t i = axes.size(); i > 1; --i)
    std::swap(axes[i - 1], axes[below(i)]);
  auto take = [&] {
    std::string axis = axes.back();
    axes.pop_back();
    return axis;
  };
  std::string partial = mayBePartial && chance(partialChance) ? ", partial = sum {" + take() + "}" : "";
  std::vector<std::string> dims(shape.size());
  // The dimensions in random order, so that each has the same chance of an axis.
  std::vector<unsigned> order(shape.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[below(i)]);
  for (unsigned d : order) {
    std::vector<std::string> parts;
    while (!axes.empty() && chance(parts.empty() ? 0.45 : 0.25))
      parts.push_back(take());
    bool isSplit = !parts.empty();
    int64_t left = shape[d]; // what the grains must divide
    for (const char *grain : {"unit", "outer"})
      if (int64_t n = between(2, 4); isSplit && left > 0 && left % n == 0 && chance(0.1)) {
        parts.push_back(grain + (" = " + std::to_string(n)));
        left /= n;
      }
    if (isSplit && left > 0 && left % 4 == 0 && chance(0.1))
      parts.push_back(chance(0.5) ? "sections = [2, 1, 1]" : "sections = [1, 3]");
    if (isSplit && chance(0.1))
      parts.push_back("repeat = " + std::to_string(between(2, 3)));
    if (chance(0.5))
      parts.push_back("?");
    dims[d] = "{" + llvm::join(parts, ", ") + "}" + (chance(0.15) ? "p" + std::to_string(between(1, 3)) : "");
  }
  std::string text = "<@mesh, [" + llvm::join(dims, ", ") + "]";
  if (!axes.empty() && chance(0.05))
    text += ", replicated = {" + take() + "}";
  return text + partial + ">";
}

std::string Program::annotation(const Value &value, bool isResult) {
  if (!chance(isResult ? 0.3 : 0.5))
    return "";
  bool mayBePartial = !isResult && value.element != Element::Indices && value.element != Element::I1;
  return " {tp.sharding = #tp.sharding" + sharding(value.shape, mayBePartial) + "}";
}
