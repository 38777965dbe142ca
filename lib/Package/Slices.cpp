#include "Slices.h"

#include "llvm/ADT/STLExtras.h"
#include <map>

namespace tp::package {

std::string shapeText(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Slice sliceOf(llvm::ArrayRef<int64_t> shape, const Sharding &sharding, MeshAttr mesh, int64_t rank) {
  Slice slice;
  for (auto [split, size] : llvm::zip_equal(sharding.dims, shape)) {
    Geometry geometry = geometryOf(split, size, mesh);
    int64_t position = PartAt(mesh.getAxes(), split.axes, mesh)(rank);
    int64_t start = std::min(geometry.start(position), geometry.size), valid = geometry.valid(position);
    std::vector<Window> &windows = slice.emplace_back();
    int64_t whole = 0, local = 0;
    for (int64_t part = 0; part < split.parts.outer; ++part)
      for (int64_t width : split.parts.sections.empty() ? std::vector<int64_t>{1} : split.parts.sections) {
        windows.push_back({whole + width * start, width * valid, local});
        whole += width * geometry.size;
        local += width * geometry.local();
      }
  }
  return slice;
}

static void checkSharding(const WeightShard &shard, MeshAttr mesh) {
  std::string what = "weight '" + shard.name + "': ";
  if (!shard.sharding.partial.empty())
    throw Error(what + "expected a sharding that is not partial");
  if (shard.sharding.dims.size() != shard.shape.size())
    throw Error(what + "expected a sharding of " + std::to_string(shard.shape.size()) + " dimensions, found " +
                std::to_string(shard.sharding.dims.size()));
  for (auto [split, size] : llvm::zip_equal(shard.sharding.dims, shard.shape)) {
    for (mlir::StringAttr axis : split.axes)
      if (!mesh.sizeOf(axis))
        throw Error(what + "expected axes of the mesh, found '" + axis.str() + "'");
    int64_t width = split.parts.width();
    if (size < 1 || split.unit < 1 || split.repeat < 1 || width < 1 || size % (split.unit * width) != 0)
      throw Error(what + "expected a dimension of " + (width > 1 ? std::to_string(width) + " parts of " : "") +
                  "blocks of " + std::to_string(split.unit) + ", found " + std::to_string(size));
  }
}

static WeightPlan planWeight(const PackageInputs &inputs, const cpu::Weight &weight, const WeightShard *shard) {
  std::string what = "weight '" + weight.name + "': ";
  if (!shard)
    throw Error(what + "the program reads it, but it has no sharding");
  checkSharding(*shard, inputs.mesh);
  std::vector<int64_t> local;
  for (auto [split, size] : llvm::zip_equal(shard->sharding.dims, shard->shape))
    local.push_back(localSize(split, size, inputs.mesh));
  if (local != weight.shape)
    throw Error(what + "expected local shape " + shapeText(local) + ", the program has " + shapeText(weight.shape));
  int64_t bytes = cpu::packedBytes(weight.layout, weight.type, weight.rows(), weight.cols());
  if (weight.bytes != bytes || weight.offset < 0 || weight.offset > inputs.program.weightBytes - bytes)
    throw Error(what + "expected " + std::to_string(bytes) + " bytes within the " +
                std::to_string(inputs.program.weightBytes) + " of a weight file, the program has " +
                std::to_string(weight.bytes) + " at " + std::to_string(weight.offset));
  if (!inputs.withWeights)
    return {&weight, shard, nullptr, {}, {}};
  if (!inputs.checkpoint)
    throw Error(what + "a package needs a checkpoint with the model's weights");
  return {&weight, shard, &inputs.checkpoint->expect(shard->name, shard->shape), {}, {}};
}

// Files by the windows of all weights, and for each weight its different slices with the files that have them.
static void assignFiles(FilePlan &plan, MeshAttr mesh) {
  std::map<std::vector<Slice>, size_t> known;
  std::vector<std::map<Slice, std::vector<size_t>>> owners(plan.weights.size());
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    std::vector<Slice> slices;
    for (const WeightPlan &weight : plan.weights)
      slices.push_back(sliceOf(weight.shard->shape, weight.shard->sharding, mesh, rank));
    auto [file, isNew] = known.try_emplace(slices, known.size());
    plan.fileOfRank.push_back(file->second);
    if (isNew)
      for (auto [slice, map] : llvm::zip_equal(slices, owners))
        map[slice].push_back(file->second);
  }
  plan.files = known.size();
  for (auto [weight, map] : llvm::zip_equal(plan.weights, owners))
    for (auto &[slice, files] : map) {
      weight.slices.push_back(slice);
      weight.owners.push_back(files);
    }
}

FilePlan planFiles(const PackageInputs &inputs) {
  std::map<std::string, const WeightShard *> shards;
  for (const WeightShard &shard : inputs.weights)
    shards.try_emplace(shard.name, &shard);
  FilePlan plan;
  int64_t end = 0;
  for (const cpu::Weight &weight : inputs.program.weights) {
    auto shard = shards.find(weight.name);
    plan.weights.push_back(planWeight(inputs, weight, shard == shards.end() ? nullptr : shard->second));
    if (weight.offset < end)
      throw Error("weight '" + weight.name + "': expected to start at byte " + std::to_string(end) +
                  " or later, the program has " + std::to_string(weight.offset));
    end = weight.offset + weight.bytes;
  }
  assignFiles(plan, inputs.mesh);
  return plan;
}

} // namespace tp::package
