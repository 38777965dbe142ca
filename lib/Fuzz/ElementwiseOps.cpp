// Random ops of arith and math.
#include "Program.h"

#include <cmath>

using namespace tp::fuzz;

static bool makeBinary(Program &p) {
  bool isInt = p.chance(0.15);
  Value a = p.any(0, 4, isInt ? Element::I32 : p.chance(0.05) ? Element::BF16 : Element::F32);
  Value b = p.chance(0.15) ? a : p.valueOr(a.shape, a.element);
  static const std::string floats[] = {"addf", "addf", "subf", "mulf", "maximumf", "minimumf"};
  static const std::string ints[] = {"addi", "subi", "muli", "maxsi", "minsi"};
  std::string name = isInt ? p.oneOf<std::string>(ints) : p.oneOf<std::string>(floats);
  double bound = name.substr(0, 3) == "mul" ? a.bound * b.bound : a.bound + b.bound;
  if (bound > kMaxBound)
    return false;
  p.emit("arith." + name + " " + a.name + ", " + b.name + " : " + a.type(), a.shape, a.element, bound);
  return true;
}

static bool makeNegate(Program &p) {
  Value x = p.any(0);
  p.emit((p.chance(0.5) ? "arith.negf " : "math.absf ") + x.name + " : " + x.type(), x.shape, x.element, x.bound);
  return true;
}

static bool makeConversion(Program &p) {
  static const std::pair<Element, Element> kinds[] = {
      {Element::I32, Element::F32}, {Element::F32, Element::BF16}, {Element::BF16, Element::F32}};
  auto [from, to] = kinds[p.below(3)];
  Value x = p.any(1, 4, from);
  const char *name = from == Element::I32 ? "arith.sitofp " : from == Element::F32 ? "arith.truncf " : "arith.extf ";
  p.emit(name + x.name + " : " + x.type() + " to " + typeOf(x.shape, to), x.shape, to, x.bound);
  return true;
}

// A comparison of exact values decides between two others.
static bool makeSelect(Program &p) {
  Value a = p.any(1, 4, Element::I32), b = p.valueOr(a.shape, Element::I32);
  static const std::string predicates[] = {"eq", "ne", "slt", "sge"};
  Value c = p.emit("arith.cmpi " + p.oneOf<std::string>(predicates) + ", " + a.name + ", " + b.name + " : " + a.type(),
                   a.shape, Element::I1, 1);
  Value x = p.valueOr(a.shape), y = p.valueOr(a.shape);
  p.emit("arith.select " + c.name + ", " + x.name + ", " + y.name + " : " + c.type() + ", " + x.type(), x.shape,
         Element::F32, std::max(x.bound, y.bound));
  return true;
}

static std::string elements(Program &p, llvm::ArrayRef<int64_t> shape, bool isFloat) {
  if (shape.empty())
    return std::to_string(p.between(-3, 3)) + (isFloat ? ".0" : "");
  std::string text = "[";
  for (int64_t i = 0; i < shape[0]; ++i)
    text += (i ? ", " : "") + elements(p, shape.drop_front(), isFloat);
  return text + "]";
}

static bool makeConstant(Program &p) {
  Element element = p.chance(0.8) ? Element::F32 : Element::I32;
  Shape shape = p.shape(p.between(1, 3));
  bool isSplat = p.chance(0.5) || llvm::is_contained(shape, 0);
  std::string text =
      elements(p, isSplat ? llvm::ArrayRef<int64_t>() : llvm::ArrayRef<int64_t>(shape), element == Element::F32);
  p.emit("arith.constant dense<" + text + "> : " + typeOf(shape, element), shape, element, 3);
  return true;
}

static bool makeShift(Program &p) {
  Value x = p.any(1);
  return x.bound < kMaxBound && !p.plusOne(x).name.empty();
}

static bool makeDivision(Program &p) {
  Value a = p.any(0);
  Value b = p.valueOr(a.shape);
  Value square =
      p.emit("arith.mulf " + b.name + ", " + b.name + " : " + b.type(), b.shape, Element::F32, b.bound * b.bound);
  Value one = p.emit("arith.constant dense<1.0> : " + b.type(), b.shape, Element::F32, 1);
  Value positive =
      p.emit("arith.addf " + square.name + ", " + one.name + " : " + b.type(), b.shape, Element::F32, square.bound + 1);
  if (positive.bound > kMaxBound)
    return false;
  if (p.chance(0.5))
    p.emit("arith.divf " + a.name + ", " + positive.name + " : " + a.type(), a.shape, Element::F32, a.bound);
  else
    p.emit((p.chance(0.5) ? "math.rsqrt " : "math.log ") + positive.name + " : " + a.type(), a.shape, Element::F32, 14);
  return true;
}

static bool makeMath(Program &p) {
  Value x = p.any(0);
  static const std::string bounded[] = {"tanh", "erf", "sin", "cos"};
  if (x.bound <= kInputBound && p.chance(0.4))
    p.emit("math.exp " + x.name + " : " + x.type(), x.shape, Element::F32, std::exp(x.bound));
  else if (x.bound <= 64)
    p.emit("math." + p.oneOf<std::string>(bounded) + " " + x.name + " : " + x.type(), x.shape, Element::F32, 1);
  else
    return false;
  return true;
}

llvm::ArrayRef<OpKind> tp::fuzz::elementwiseOps() {
  static const OpKind ops[] = {
      {"arith.binary", makeBinary, 12, true}, {"arith.negf", makeNegate, 2, true},
      {"arith.shift", makeShift, 4, true},    {"arith.convert", makeConversion, 3, true},
      {"arith.select", makeSelect, 2, true},  {"arith.constant", makeConstant, 2, true},
      {"arith.divf", makeDivision, 1, false}, {"math.unary", makeMath, 2, false},
  };
  return ops;
}
