// The ops of a local program as code on memory. Every thread of the rank runs it and computes its own part of the result.
#ifndef TP_LIB_CPUDIRECT_KERNELS_H
#define TP_LIB_CPUDIRECT_KERNELS_H

#include "Emit.h"

#include "tp/Dialect/Tp.h"
#include "tp/Sharding/Geometry.h"

namespace tp::cpu {

// A tensor in memory.
struct Buffer {
  mlir::Value base;
  mlir::RankedTensorType type;
  bool panel = false;  // a weight in panels of 16 rows
  bool cache = false;  // [B, H, T, E] in memory
  mlir::Type element() const { return type.getElementType(); }
  int64_t dim(int64_t i) const { return type.getDimSize(i); }
  int64_t size() const { return type.getNumElements(); }
};

struct KernelContext {
  bool avx512bf16 = false;
  int64_t maxPosition = 0;                                          // rows of the rotary tables
  llvm::function_ref<mlir::Value(llvm::ArrayRef<float>, llvm::StringRef)> table; // address of constant data
  MeshAttr mesh;
};

// This device's position in the group of `axes`.
mlir::Value groupPosition(Emit &e, MeshAttr mesh, llvm::ArrayRef<mlir::StringAttr> axes);

void emitLinear(Emit &e, const KernelContext &context, Buffer x, Buffer w, const Buffer *bias, Buffer y);
void emitSdpa(Emit &e, SdpaOp op, Buffer q, Buffer k, Buffer v, const Buffer *position, const Buffer *headOffset, Buffer y);
// All other ops; false if there is no code for it.
bool emitOp(Emit &e, const KernelContext &context, mlir::Operation *op, llvm::ArrayRef<Buffer> operands, Buffer result);

} // namespace tp::cpu

#endif
