// What GPU kernels are written with: KernelBuilder's arithmetic, threads and blocks, aligned vectors, reductions over a
// warp or a block, shared memory.
#ifndef TP_LIB_CONVERSION_CUDA_GPUBUILDER_H
#define TP_LIB_CONVERSION_CUDA_GPUBUILDER_H

#include "../Kernels.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace tp::cuda {

using cpu::ceilDiv;
using cpu::Kernel;
using cpu::roundUp;
using mlir::ArrayRef;
using mlir::SmallVector;
using mlir::Value;
using mlir::ValueRange;

inline constexpr int64_t kWarp = 32;
inline constexpr int64_t kVectorBytes = 16; // the widest load of a thread

class GpuBuilder : public cpu::KernelBuilder {
public:
  // `function`: (rank, memory...); `threads`: of a block, in one dimension.
  GpuBuilder(mlir::gpu::GPUFuncOp function, int64_t threads);

  const int64_t threads;
  Value tid, lane, warp; // index
  Value block(mlir::gpu::Dimension dimension = mlir::gpu::Dimension::x);
  // The thread's number in the grid, in x.
  Value globalThread() { return add(mul(block(), threads), tid); }

  Value number(double value); // f32
  Value select(Value condition, Value a, Value b);
  Value equal(Value a, Value b);
  Value lessEqual(Value a, Value b); // signed
  // A value, or zero where the condition does not hold; `make` runs only where it does.
  Value guarded(Value condition, mlir::Type type, llvm::function_ref<Value()> make);

  // `lanes` elements as f32 or i32, aligned to their size together (at most kVectorBytes, that is).
  Value loadVector(Value memory, ValueRange at, int64_t lanes);
  void storeVector(Value vector, Value memory, ValueRange at);
  Value extract(Value vector, int64_t lane);
  Value narrowed(Value x);   // an f32 rounded to what a bf16 holds
  Value exp2(Value x);       // f32
  Value squareRoot(Value x); // f32
  Value inverseRoot(Value x) { return divf(number(1), squareRoot(x)); }

  // The value of the lane whose number differs in the bits of `mask`.
  Value shuffleXor(Value scalar, int64_t mask);
  using Combine = llvm::function_ref<Value(Value, Value)>;
  // The values of `width` neighbouring lanes (a power of 2), in all of them.
  Value warpReduce(Value scalar, Combine combine, int64_t width = kWarp);
  Value warpSum(Value scalar, int64_t width = kWarp);
  Value warpMaximum(Value scalar, int64_t width = kWarp);
  // The values of the block's threads, in all of them. `memory`: an element for each warp, which may be used again
  // behind a barrier; made where none is given.
  Value blockReduce(Value scalar, Combine combine, Value memory = nullptr);

  Value asFloat(Value bits);  // of an i32
  Value asBits(Value number); // of an f32

  Value shared(ArrayRef<int64_t> shape, mlir::Type element = nullptr); // f32 where no type is given
  void barrier();
  // An element of a constant table of the module; kernels that need the same one share it.
  Value tableElement(ArrayRef<double> values, Value i);

private:
  mlir::gpu::GPUFuncOp function;
};

// Elements that a thread loads at once: as many as fit, that divide `size`.
int64_t vectorLanes(int64_t size, mlir::Type element);

} // namespace tp::cuda

#endif
