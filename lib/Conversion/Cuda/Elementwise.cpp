// Elementwise chains: a thread computes a vector of the results.
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 256;
static constexpr int64_t kManyElements = 1 << 16; // below, more threads with smaller vectors

void emitElementwise(Launches &launches) {
  func::FuncOp source = launches.function();
  Value first = opsOf(source).results().front();
  int64_t size = cpu::elementsOf(first), lanes = size < kManyElements ? 2 : 8;
  while (size % lanes)
    lanes /= 2;
  int64_t vectors = size / lanes, threads = std::min(kThreads, roundUp(vectors, kWarp));
  GpuKernel launch = launches.begin("", {ceilDiv(vectors, threads)}, threads);
  GpuBuilder &b = launch.b;
  Kernel &kernel = launch.kernel;
  Value i = b.globalThread();
  b.when(b.less(i, b.index(vectors)), [&] {
    Value at = b.mul(i, lanes);
    cpu::Vectors values;
    for (auto [arg, memory] : llvm::zip_equal(kernel.source.getArguments(), kernel.inputs))
      values[arg] = b.loadVector(b.reshape(memory, {size}), at, lanes);
    for (Operation *op : kernel.ops)
      cpu::evaluate(b, op, values, lanes);
    for (auto [result, memory] : llvm::zip_equal(kernel.results(), kernel.outputs))
      b.storeVector(values.lookup(result), b.reshape(memory, {size}), at);
  });
}

} // namespace tp::cuda
