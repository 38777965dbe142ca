// Products on tensor cores: mma.sync m16n8k16 of bf16, sums in f32, from tiles in shared memory. A lane (group = lane /
// 4, place = lane % 4) holds rows group and group + 8 of the 16 rows, columns 2 place and 2 place + 1 of the 8 columns.
#ifndef TP_LIB_CONVERSION_CUDA_MMA_H
#define TP_LIB_CONVERSION_CUDA_MMA_H

#include "GpuBuilder.h"

namespace tp::cuda {

// Elements behind a row of a tile in shared memory: so eight rows lie in different banks.
inline constexpr int64_t kMmaPadding = 8;
// Elements that a thread copies to such a tile at a time.
inline constexpr int64_t kMmaPiece = 8;

// Four 8x8 matrices of a tile, as words of two elements; lane l's address is row l % 8 of matrix l / 8.
SmallVector<Value> loadFragment(GpuBuilder &b, Value tile, Value row, Value column, bool transpose);
// sums (4) += left (4 words: 16 x 16) times right (2 words: 16 x 8).
void multiplyFragments(GpuBuilder &b, ArrayRef<Value> left, ArrayRef<Value> right, mlir::MutableArrayRef<Value> sums);

} // namespace tp::cuda

#endif
