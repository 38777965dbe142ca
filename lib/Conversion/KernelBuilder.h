// What kernels are written with: index arithmetic, loops, shares of work, vectors of f32.
#ifndef TP_LIB_CONVERSION_KERNELBUILDER_H
#define TP_LIB_CONVERSION_KERNELBUILDER_H

#include "Layouts.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tp::cpu {

using mlir::ArrayRef;
using mlir::SmallVector;
using mlir::Value;
using mlir::ValueRange;

// What the code may use.
struct Target {
  bool avx512 = false;  // 32 registers of 512 bits; else 16 of 256
  bool bf16Dot = false; // avx512_bf16
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  // `function`: the kernel on memrefs, (thread, threads, rank, rows in use, ...). `rows`: those of the entry, 0:
  // unknown.
  KernelBuilder(mlir::func::FuncOp function, Target target, int64_t rows);

  const Target target;
  Value thread, threads, rank; // index
  // Arguments before those of the kernel.
  static constexpr unsigned kOwnArguments = 4;

  // Indices.
  Value index(int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b) { return b ? add(a, index(b)) : a; }
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b) { return mul(a, index(b)); }
  Value div(Value a, int64_t b); // a, b >= 0
  Value rem(Value a, int64_t b); // a, b >= 0
  Value div(Value a, Value b);
  Value min(Value a, Value b); // signed
  Value max(Value a, Value b);
  Value less(Value a, Value b); // signed
  Value both(Value a, Value b);
  Value toIndex(Value i32); // sign-extended
  Value toI32(Value index);

  // Loops and branches.
  void loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body);
  void loop(Value begin, Value end, Value step, llvm::function_ref<void(Value)> body);
  using Carried = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;
  SmallVector<Value> loop(Value begin, Value end, int64_t step, ValueRange init, Carried body);
  void when(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise = nullptr);
  // Runs `body` unless none of the vectors [first, first + count) is needed: those of a tensor [B, R, .., n] seen as [B
  // * R * .., n]. One whose R is not the entry's rows needs all.
  void ifInUse(mlir::RankedTensorType type, Value first, int64_t count, llvm::function_ref<void()> body);
  // The condition of it, null: always.
  Value inUse(mlir::RankedTensorType type, Value first, int64_t count = 1);
  // This thread's part of 0..count-1.
  std::pair<Value, Value> share(int64_t count);
  // 0..size-1 in vectors: body(first, lanes, mask); the last may be masked (null: it is not).
  void forVectors(int64_t size, llvm::function_ref<void(Value, Value)> body);

  // f32 (or i32) vectors.
  mlir::VectorType floats(int64_t lanes = kLanes);
  Value splat(double value, int64_t lanes = kLanes);
  Value splatInt(int64_t value, int64_t lanes = kLanes);
  Value broadcast(Value scalar, int64_t lanes = kLanes);
  Value mask(Value count); // the first `count` of kLanes
  // Loads as f32 or i32; lanes outside `mask` are zero.
  Value load(Value memory, ValueRange at, int64_t lanes = kLanes, Value mask = nullptr);
  // One element as f32 or i32.
  Value loadScalar(Value memory, ValueRange at);
  Value loadSplat(Value memory, ValueRange at, int64_t lanes = kLanes) {
    return broadcast(loadScalar(memory, at), lanes);
  }
  // Two columns of a pair: [..., 2 * lanes] of bf16, as two vectors of f32.
  std::pair<Value, Value> loadPair(Value memory, ValueRange at, int64_t lanes = kLanes);
  void store(Value vector, Value memory, ValueRange at, Value mask = nullptr);
  void storeScalar(Value scalar, Value memory, ValueRange at);
  // Rounds f32 values to a type's precision.
  Value round(Value vector, mlir::Type element);
  Value fma(Value a, Value b, Value c);
  Value addf(Value a, Value b);
  Value subf(Value a, Value b);
  Value mulf(Value a, Value b);
  Value divf(Value a, Value b);
  Value sum(Value vector);     // scalar
  Value maximum(Value vector); // scalar
  Value maximum(Value a, Value b);

  // The same memory under another shape (equally many elements).
  Value reshape(Value memory, ArrayRef<int64_t> shape);
  // f32 on the stack, for this thread alone.
  Value scratch(ArrayRef<int64_t> shape, mlir::Type element = nullptr);
  // Position of this device in its group along `axes`.
  Value groupPosition(MeshAttr mesh, ArrayRef<mlir::StringAttr> axes);

protected:
  // For kernels of another sort of function, without shares and scratch.
  KernelBuilder(mlir::Location loc) : ImplicitLocOpBuilder(loc, loc.getContext()), target{}, rows(0) {}

private:
  mlir::func::FuncOp function;
  const int64_t rows;
  Value rowsInUse; // of each sequence: what lies behind is the padding of a chunk
};

inline bool isBf16(Value memory) { return mlir::cast<mlir::MemRefType>(memory.getType()).getElementType().isBF16(); }

} // namespace tp::cpu

#endif
