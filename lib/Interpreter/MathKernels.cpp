// Kernels of math ops, elementwise on tensors and on scalars.
#include "Elementwise.h"

#include <cmath>

using namespace mlir;
using namespace tp;

static void runAbsI(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.ints[i] = wrapTo(out.kind, in[0].ints[i] < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(in[0].ints[i]))
                                                     : in[0].ints[i]);
}

static void runFma(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = std::fma(in[0].floats[i], in[1].floats[i], in[2].floats[i]);
}

static void runFPowI(Operation *, ArrayRef<Lanes> in, OutLanes out, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out.floats[i] = static_cast<float>(std::pow(in[0].floats[i], in[1].ints[i]));
}

void tp::addMathKernels(KernelRegistry &registry) {
  registry.add("math.powf", runFloat2<[](float a, float b) { return std::pow(a, b); }>);
  registry.add("math.atan2", runFloat2<[](float a, float b) { return std::atan2(a, b); }>);
  registry.add("math.exp", runFloat1<[](float a) { return std::exp(a); }>);
  registry.add("math.exp2", runFloat1<[](float a) { return std::exp2(a); }>);
  registry.add("math.expm1", runFloat1<[](float a) { return std::expm1(a); }>);
  registry.add("math.log", runFloat1<[](float a) { return std::log(a); }>);
  registry.add("math.log2", runFloat1<[](float a) { return std::log2(a); }>);
  registry.add("math.log1p", runFloat1<[](float a) { return std::log1p(a); }>);
  registry.add("math.sqrt", runFloat1<[](float a) { return std::sqrt(a); }>);
  registry.add("math.rsqrt", runFloat1<[](float a) { return 1.0f / std::sqrt(a); }>);
  registry.add("math.tanh", runFloat1<[](float a) { return std::tanh(a); }>);
  registry.add("math.erf", runFloat1<[](float a) { return std::erf(a); }>);
  registry.add("math.sin", runFloat1<[](float a) { return std::sin(a); }>);
  registry.add("math.cos", runFloat1<[](float a) { return std::cos(a); }>);
  registry.add("math.absf", runFloat1<[](float a) { return std::abs(a); }>);
  registry.add("math.ceil", runFloat1<[](float a) { return std::ceil(a); }>);
  registry.add("math.floor", runFloat1<[](float a) { return std::floor(a); }>);
  registry.add("math.round", runFloat1<[](float a) { return std::round(a); }>);
  registry.add("math.roundeven", runFloat1<[](float a) { return std::nearbyint(a); }>);
  registry.add("math.absi", runAbsI);
  registry.add("math.fma", runFma);
  registry.add("math.fpowi", runFPowI);
}
