#include "Mma.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;

namespace tp::cuda {

SmallVector<Value> loadFragment(GpuBuilder &b, Value tile, Value row, Value column, bool transpose) {
  auto type = VectorType::get({4, 2}, b.getBF16Type());
  Value loaded = nvgpu::LdMatrixOp::create(b, type, tile, ValueRange{row, column}, transpose, 4);
  SmallVector<Value> words;
  for (int64_t i = 0; i < 4; ++i) {
    Value pair = vector::ExtractOp::create(b, loaded, ArrayRef<int64_t>(i));
    words.push_back(b.extract(vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair), 0));
  }
  return words;
}

void multiplyFragments(GpuBuilder &b, ArrayRef<Value> left, ArrayRef<Value> right, MutableArrayRef<Value> sums) {
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  auto bf16 = NVVM::MMATypes::bf16;
  Value result =
      NVVM::MmaOp::create(b, type, left, right, sums, ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
                          std::array{bf16, bf16}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, result, i);
}

} // namespace tp::cuda
