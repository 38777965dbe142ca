// A model of sharded tensors: for each device and each local element, the multiset of contributions it holds. All that
// a sharding or a collective means, said element by element.
#ifndef TP_TEST_UNIT_SHARDING_LAYOUTS_H
#define TP_TEST_UNIT_SHARDING_LAYOUTS_H

#include "tp/Sharding/Reshard.h"

#include "mlir/IR/MLIRContext.h"
#include <map>
#include <set>
#include <vector>

namespace tp::test {

// A local element: which parts of the sum of which global element it holds. A part is a coordinate on the axes that the
// tensor is partial over. Empty: zero, or padding.
using Addends = std::multiset<std::pair<int64_t, int64_t>>;
struct LocalTensor {
  llvm::SmallVector<int64_t> shape;
  std::vector<Addends> elements; // row-major
};
using Devices = std::vector<LocalTensor>; // by rank

class World {
public:
  World(mlir::MLIRContext &context, llvm::ArrayRef<std::pair<std::string, int64_t>> axes);

  MeshAttr mesh;
  mlir::RankedTensorType type(llvm::ArrayRef<int64_t> shape);
  mlir::StringAttr axis(llvm::StringRef name) { return mlir::StringAttr::get(&context, name); }
  // The devices' parts of a tensor whose element i is i. A value partial over axes is a sum with one part per
  // coordinate on them.
  Devices place(mlir::RankedTensorType type, const Sharding &sharding, llvm::ArrayRef<mlir::StringAttr> summedOver);
  // Runs one step on all devices. Sets `error` where the step cannot be done on such tensors.
  Devices run(const ReshardStep &step, const Devices &input, std::string &error);

private:
  std::vector<int64_t> groupOf(int64_t rank, llvm::ArrayRef<mlir::StringAttr> axes) const; // ranks by position
  int64_t position(int64_t rank, llvm::ArrayRef<mlir::StringAttr> axes) const;
  Devices gather(const Devices &input, unsigned dim, int64_t size, const Split &split, std::string &error);
  Devices slice(const Devices &input, unsigned dim, int64_t size, const Split &split, std::string &error);
  Devices permute(const Devices &input, llvm::ArrayRef<mlir::StringAttr> axes, llvm::ArrayRef<int64_t> sources,
                  std::string &error);
  Devices reduce(const Devices &input, llvm::ArrayRef<mlir::StringAttr> axes);

  mlir::MLIRContext &context;
};

} // namespace tp::test

#endif
