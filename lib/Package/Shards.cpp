// The parameters of a partitioned module.
#include "tp/Package/Writer.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include <map>

using namespace mlir;

namespace tp {

static WeightShard shardOf(FunctionOpInterface function, unsigned argument, StringRef name) {
  std::string what = "parameter '" + name.str() + "' of function '" + function.getName().str() + "': ";
  auto sharding = function.getArgAttrOfType<ShardingAttr>(argument, kSharding);
  auto global = function.getArgAttrOfType<TypeAttr>(argument, kGlobalType);
  auto type = global ? dyn_cast<RankedTensorType>(global.getValue()) : RankedTensorType();
  if (!sharding || !type || !type.hasStaticShape())
    throw Error(what + "expected tp.sharding and tp.global_type, as --tp-partition leaves them");
  return {name.str(), type.getShape().vec(), Sharding::from(sharding)};
}

static bool sameShard(const WeightShard &a, const WeightShard &b, MeshAttr mesh, MLIRContext *context) {
  return a.shape == b.shape &&
         sameLayout(a.sharding, b.sharding, RankedTensorType::get(a.shape, Float32Type::get(context)), mesh);
}

std::vector<WeightShard> weightShards(ModuleOp partitioned) {
  auto meshes = partitioned.getOps<MeshOp>();
  if (std::distance(meshes.begin(), meshes.end()) != 1)
    throw Error("expected one tp.mesh in the module, found " +
                std::to_string(std::distance(meshes.begin(), meshes.end())));
  MeshAttr mesh = (*meshes.begin()).getMesh();
  std::vector<WeightShard> shards;
  std::map<std::string, size_t> known;
  for (auto function : partitioned.getOps<FunctionOpInterface>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto name = function.getArgAttrOfType<StringAttr>(i, kParameter);
      if (!name)
        continue;
      WeightShard shard = shardOf(function, i, name.getValue());
      auto [at, isNew] = known.try_emplace(shard.name, shards.size());
      if (isNew)
        shards.push_back(std::move(shard));
      else if (!sameShard(shards[at->second], shard, mesh, partitioned.getContext()))
        throw Error("parameter '" + shard.name + "' of function '" + function.getName().str() +
                    "': expected the shape and the sharding that it has in the functions before");
    }
  return shards;
}

} // namespace tp
