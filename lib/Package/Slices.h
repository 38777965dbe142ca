// Which part of each weight a rank holds, and which ranks hold the same parts of all of them.
#ifndef TP_LIB_PACKAGE_SLICES_H
#define TP_LIB_PACKAGE_SLICES_H

#include "tp/Package/Writer.h"

namespace tp::package {

// [start, start + length) of a whole dimension, which begins at `local` in the shard.
struct Window {
  int64_t start = 0, length = 0, local = 0;
  auto operator<=>(const Window &) const = default;
};

// For each dimension its windows, one for each part and section; zeros between them.
using Slice = std::vector<std::vector<Window>>;

// The rank's part of a tensor. A rank is its coordinates in row-major order.
Slice sliceOf(llvm::ArrayRef<int64_t> shape, const Sharding &sharding, MeshAttr mesh, int64_t rank);

// A weight of the program, checked against the checkpoint.
struct WeightPlan {
  const cpu::Weight *weight;
  const WeightShard *shard;
  const TensorInfo *tensor;                // null where weights are not written
  std::vector<Slice> slices;               // different ones, by their windows
  std::vector<std::vector<size_t>> owners; // by slice: the files that have it
};

struct FilePlan {
  std::vector<WeightPlan> weights;
  std::vector<size_t> fileOfRank; // files are numbered by their first rank
  size_t files = 0;
};

// Throws tp::Error for a weight that the checkpoint lacks, or that the program has in another shape.
FilePlan planFiles(const PackageInputs &inputs);

std::string shapeText(llvm::ArrayRef<int64_t> shape); // "[3, 64]"

} // namespace tp::package

#endif
