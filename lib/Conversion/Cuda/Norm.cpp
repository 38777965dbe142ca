// RMS and layer norms, with the elementwise ops before them (the sum of the residual, say). A block has a row, whose
// elements stay in its threads' registers.
#include "../RowNorm.h"
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

namespace {

class NormKernel {
public:
  explicit NormKernel(Launches &launches);
  void run(Launches &launches);

private:
  // Calls body(index of the piece, its first column) for the pieces that this thread has.
  Value piece(int64_t i);
  Value guard(int64_t i);
  Value load(GpuKernel &k, Value at);
  Value total(ArrayRef<Value> pieces);

  cpu::NormChain chain;
  int64_t size, rows, lanes, threads, pieces;
  GpuBuilder *b = nullptr;
  Value row;
};

} // namespace

static constexpr int64_t kMostThreads = 512;

NormKernel::NormKernel(Launches &launches) {
  Kernel kernel = opsOf(launches.function());
  chain = cpu::normChain(kernel);
  size = cpu::shapeOf(chain.norm->getResult(0)).back();
  rows = cpu::elementsOf(chain.norm->getResult(0)) / size;
  lanes = vectorLanes(size, Float32Type::get(launches.function().getContext()));
  threads = std::min(kMostThreads, roundUp(size / lanes, kWarp));
  pieces = ceilDiv(size / lanes, threads);
}

Value NormKernel::piece(int64_t i) { return b->mul(b->add(b->tid, i * threads), lanes); }

// Whether piece i lies within the row; null where it does for every thread.
Value NormKernel::guard(int64_t i) {
  return (i + 1) * threads * lanes <= size ? Value() : b->less(piece(i), b->index(size));
}

// The norm's input at column `at`; stores what the kernel returns of the ops before.
Value NormKernel::load(GpuKernel &k, Value at) {
  cpu::Vectors values;
  auto fetch = [&](Value tensor) {
    if (Value memory = k.kernel.input(tensor); memory && !values.contains(tensor))
      values[tensor] = b->loadVector(b->reshape(memory, {rows, size}), {row, at}, lanes);
  };
  Value input = chain.norm->getOperand(0);
  fetch(input);
  for (Operation *op : chain.before) {
    for (Value operand : op->getOperands())
      fetch(operand);
    cpu::evaluate(*b, op, values, lanes);
    if (Value output = k.kernel.output(op->getResult(0)))
      b->storeVector(values.lookup(op->getResult(0)), b->reshape(output, {rows, size}), {row, at});
  }
  return values.lookup(input);
}

Value NormKernel::total(ArrayRef<Value> terms) {
  Value sum = b->splat(0, lanes);
  for (Value term : terms)
    sum = b->addf(sum, term);
  return b->blockReduce(b->sum(sum), [&](Value x, Value y) { return b->addf(x, y); });
}

void NormKernel::run(Launches &launches) {
  GpuKernel k = launches.begin("", {rows}, threads);
  b = &k.b;
  row = b->block();
  auto each = [&](int64_t i, llvm::function_ref<Value()> make) {
    Value inside = guard(i);
    return inside ? b->guarded(inside, b->floats(lanes), make) : make();
  };
  SmallVector<Value> xs, squares;
  for (int64_t i = 0; i < pieces; ++i)
    xs.push_back(each(i, [&] { return load(k, piece(i)); }));
  Value count = b->number(double(size));
  auto layerNorm = dyn_cast<LayerNormOp>(chain.norm);
  if (layerNorm) {
    Value mean = b->broadcast(b->divf(total(xs), count), lanes);
    for (int64_t i = 0; i < pieces; ++i) {
      Value centred = b->subf(xs[i], mean), inside = guard(i);
      xs[i] = inside ? b->select(inside, centred, b->splat(0, lanes)) : centred;
    }
  }
  for (Value x : xs)
    squares.push_back(b->mulf(x, x));
  double eps =
      layerNorm ? layerNorm.getEps().convertToDouble() : cast<RmsNormOp>(chain.norm).getEps().convertToDouble();
  Value variance = b->addf(b->divf(total(squares), count), b->number(eps));
  Value scale = b->broadcast(b->inverseRoot(variance), lanes);
  Value weight = k.kernel.input(chain.norm->getOperand(1));
  Value bias = layerNorm && layerNorm.getBias() ? k.kernel.input(layerNorm.getBias()) : Value();
  Value target = b->reshape(k.kernel.output(chain.norm->getResult(0)), {rows, size});
  for (int64_t i = 0; i < pieces; ++i) {
    auto store = [&] {
      Value at = piece(i), y = b->mulf(b->mulf(xs[i], scale), b->loadVector(weight, at, lanes));
      b->storeVector(bias ? b->addf(y, b->loadVector(bias, at, lanes)) : y, target, {row, at});
    };
    if (Value inside = guard(i))
      b->when(inside, store);
    else
      store();
  }
}

void emitNorm(Launches &launches) { NormKernel(launches).run(launches); }

} // namespace tp::cuda
