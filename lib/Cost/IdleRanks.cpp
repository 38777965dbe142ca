#include "tp/Cost/IdleRanks.h"
#include "tp/Cost/Flops.h"
#include "tp/Cost/Report.h"
#include "tp/Sharding/Sharding.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tp;

namespace {
std::string nameOf(func::FuncOp function, unsigned argument) {
  for (StringRef kind : {StringRef(kParameter), StringRef(kState), StringRef(kInput)})
    if (auto name = function.getArgAttrOfType<StringAttr>(argument, kind))
      return name.str();
  return std::to_string(argument);
}

// What is only handed on, whole or layer by layer, is looked at where it is used.
bool isUsed(Value value) {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user))
      return isUsed(slice.getResult());
    if (auto loop = dyn_cast<scf::ForOp>(user))
      if (BlockArgument carried = loop.getTiedLoopRegionIterArg(&use))
        return isUsed(carried);
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    return !isa<func::CallOp>(user) && !(insert && insert.getDest() == value);
  });
}

std::vector<int64_t> ranksWithout(const Split &split, int64_t size, MeshAttr mesh) {
  std::vector<int64_t> ranks;
  Geometry geometry = geometryOf(split, size, mesh);
  PartAt part(mesh.getAxes(), split.axes, mesh);
  for (int64_t rank = 0; size > 0 && rank < mesh.devices(); ++rank)
    if (geometry.valid(part(rank)) == 0)
      ranks.push_back(rank);
  return ranks;
}

void findIn(func::FuncOp function, MeshAttr mesh, StringRef entry, std::vector<IdleRanks> &found) {
  size_t first = found.size();
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto sharding = function.getArgAttrOfType<ShardingAttr>(number, kSharding);
    auto whole = function.getArgAttrOfType<TypeAttr>(number, kGlobalType);
    if (!sharding || !whole || !isUsed(argument))
      continue;
    for (auto [dim, split] : llvm::enumerate(Sharding::from(sharding).dims)) {
      IdleRanks idle{entry.str(), function.getName().str(), {}, {}, {nameOf(function, number)}};
      for (StringAttr axis : split.axes)
        idle.axes.push_back(axis.str());
      idle.ranks = ranksWithout(split, cast<RankedTensorType>(whole.getValue()).getDimSize(dim), mesh);
      if (idle.ranks.empty())
        continue;
      auto same = std::find_if(found.begin() + first, found.end(), [&](const IdleRanks &other) {
        return other.axes == idle.axes && other.ranks == idle.ranks;
      });
      if (same == found.end())
        found.push_back(std::move(idle));
      else if (same->arguments.back() != idle.arguments[0])
        same->arguments.push_back(idle.arguments[0]);
    }
  }
}
} // namespace

std::vector<IdleRanks> tp::findIdleRanks(ModuleOp partitioned) {
  std::vector<IdleRanks> found;
  auto meshes = partitioned.getOps<MeshOp>();
  if (meshes.empty())
    return found;
  for (func::FuncOp entry : entryFunctions(partitioned)) {
    llvm::SetVector<Operation *> functions;
    visitRuns(entry, [&](Operation *, func::FuncOp function, int64_t) { functions.insert(function); });
    for (Operation *function : functions)
      findIn(cast<func::FuncOp>(function), (*meshes.begin()).getMesh(), entry.getName(), found);
  }
  return found;
}
