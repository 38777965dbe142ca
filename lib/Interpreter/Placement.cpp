#include "Placement.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace tp;

Placement::Placement(MeshAttr mesh, ShardingAttr sharding, ArrayRef<int64_t> shape)
    : ranks(mesh.devices()), shape(shape) {
  for (auto [i, size] : llvm::enumerate(shape)) {
    SplitAttr split = sharding ? sharding.getDims()[i] : SplitAttr();
    DeviceGroups groups(mesh, split ? split.getAxes() : ArrayRef<StringAttr>());
    int64_t devices = groups.groupSize();
    // A dimension that is not split is plain, whatever its unit and repeat say.
    bool isSplit = split && !split.getAxes().empty();
    const Parts &in = parts.emplace_back(isSplit ? Parts{split.getOuter(), split.getSections().vec()} : Parts());
    auto addWhole = [&](int64_t elements) {
      if (elements > 1)
        dims.push_back({DeviceGroups(mesh, ArrayRef<StringAttr>()), Geometry{elements, 1}});
    };
    addWhole(in.outer);
    dims.push_back({std::move(groups), Geometry{size / in.width(), devices, isSplit ? split.getUnit() : 1,
                                                isSplit ? split.getRepeat() : 1}});
    addWhole(in.sectionsWidth());
    isOuter.resize(dims.size() - 1, true);
    isOuter.push_back(false);
  }
  if (sharding && sharding.isPartial()) {
    partial.emplace(mesh, sharding.getPartial());
    reduce = sharding.getReduce();
  }
}

SmallVector<int64_t> Placement::wholeView() const {
  return llvm::map_to_vector(dims, [](const Dim &dim) { return dim.geometry.size; });
}

SmallVector<int64_t> Placement::localView() const {
  return llvm::map_to_vector(dims, [](const Dim &dim) { return dim.geometry.local(); });
}

SmallVector<int64_t> Placement::joined(ArrayRef<int64_t> index, ArrayRef<int64_t> view, bool sizes) const {
  SmallVector<int64_t> result;
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t part = index[d];
    for (; isOuter[d]; ++d)
      part = sizes ? part * index[d + 1] : part * view[d + 1] + index[d + 1];
    result.push_back(part);
  }
  return result;
}

SmallVector<int64_t> Placement::localShape() const { return joined(localView(), localView(), /*sizes=*/true); }

SmallVector<int64_t> Placement::startsOf(int64_t rank) const {
  SmallVector<int64_t> starts;
  for (const Dim &dim : dims)
    starts.push_back(std::min(dim.geometry.start(dim.groups.position(rank)), dim.geometry.size));
  return starts;
}

Tensor Placement::blockByBlock(Tensor tensor, bool back) const {
  for (auto [dim, in] : llvm::enumerate(parts)) {
    if (in.sections.empty())
      continue;
    Tensor result(tensor.shape(), tensor.kind());
    int64_t width = in.sectionsWidth(), blocks = tensor.dim(dim) / in.width();
    for (int64_t part = 0; part < in.outer; ++part) {
      int64_t before = 0; // the sections
      for (int64_t section : in.sections) {
        for (int64_t block = 0; block < blocks; ++block) {
          int64_t first = part * blocks * width, lies = first + before * blocks + block * section,
                  blockwise = first + block * width + before;
          copyWindow(tensor, back ? blockwise : lies, result, back ? lies : blockwise, dim, section);
        }
        before += section;
      }
    }
    tensor = std::move(result);
  }
  return tensor;
}

int64_t Placement::indexOf(int64_t blockwise, unsigned dim) const {
  const Parts &in = parts[dim];
  if (in.sections.empty())
    return blockwise;
  int64_t width = in.sectionsWidth(), blocks = shape[dim] / in.width();
  int64_t block = blockwise / width % blocks, rest = blockwise % width, before = 0;
  auto section = in.sections.begin();
  for (; rest >= *section; ++section)
    rest -= *section, before += *section;
  return blockwise / (width * blocks) * (width * blocks) + before * blocks + block * *section + rest;
}

// The part of a partial value that position `position` of its group holds: small integers, and at position 0 what is
// left, so that no position alone is right.
static Tensor partOf(const Tensor &whole, ReduceKind reduce, int64_t position, int64_t positions) {
  Tensor part = whole;
  auto spread = [&](auto *out) {
    for (int64_t i = 0, n = whole.size(); i < n; ++i) {
      auto share = [&](int64_t p) { return (i + 3 * p) % 5 - 2; };
      if (reduce == ReduceKind::Max)
        out[i] -= position == i % positions ? 0 : 1;
      else if (position > 0)
        out[i] = share(position);
      else
        for (int64_t p = 1; p < positions; ++p)
          out[i] -= share(p);
    }
  };
  part.isFloat() ? spread(part.writeFloats()) : spread(part.writeInts());
  return part;
}

RankValue Placement::slice(const Tensor &whole) const {
  RankValue result;
  std::map<std::vector<int64_t>, Tensor> made;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    SmallVector<int64_t> starts = startsOf(rank);
    int64_t position = partial ? partial->position(rank) : 0;
    std::vector<int64_t> key(starts.begin(), starts.end());
    key.push_back(position);
    Tensor &shard = made[key];
    if (!shard) {
      // One dimension at a time.
      shard =
          blockByBlock(partial ? partOf(whole, reduce, position, partial->groupSize()) : whole).reshaped(wholeView());
      for (auto [d, dim] : llvm::enumerate(dims)) {
        if (dim.groups.groupSize() == 1)
          continue;
        SmallVector<int64_t> shape(shard.shape());
        shape[d] = dim.geometry.local();
        Tensor cut(shape, whole.kind());
        copyWindow(shard, starts[d], cut, 0, d, dim.geometry.valid(dim.groups.position(rank)));
        shard = std::move(cut);
      }
      shard = blockByBlock(shard.reshaped(localShape()), /*back=*/true);
    }
    result.push_back(shard);
  }
  return result;
}

RankValue Placement::combinePartials(const RankValue &value) const {
  RankValue result(value.size());
  for (ArrayRef<int64_t> group : partial->groups()) {
    // In f32 whatever the element type: the value is a sum that no rank has rounded.
    Tensor combined(value[group[0]].shape(), value[group[0]].isFloat() ? ElementKind::F32 : value[group[0]].kind());
    for (int64_t i = 0, n = combined.size(); i < n; ++i) {
      double total = value[group[0]].at(i);
      for (int64_t rank : group.drop_front())
        total = reduce == ReduceKind::Sum ? total + value[rank].at(i) : std::max(total, value[rank].at(i));
      if (combined.isFloat())
        combined.writeFloats()[i] = static_cast<float>(total);
      else
        combined.writeInts()[i] = static_cast<int64_t>(total);
    }
    for (int64_t rank : group)
      result[rank] = combined;
  }
  return result;
}

// Of the finite elements; 1 for a value of zeros, so that the tolerance is absolute there.
static double rootMeanSquare(const Tensor &tensor) {
  double squares = 0;
  int64_t n = tensor.size();
  for (int64_t i = 0; i < n; ++i)
    if (double x = tensor.at(i); std::isfinite(x))
      squares += x * x;
  return squares > 0 ? std::sqrt(squares / n) : 1.0;
}

std::optional<Mismatch> Placement::compareRank(int64_t rank, const Tensor &shard, const Tensor &whole, double tolerance,
                                               double rms, double &worst) const {
  SmallVector<int64_t> starts = startsOf(rank), index(dims.size(), 0);
  std::optional<Mismatch> mismatch;
  int64_t count = 1;
  for (const Dim &dim : dims)
    count *= dim.geometry.valid(dim.groups.position(rank));
  for (int64_t i = 0; i < count; ++i) {
    int64_t inShard = 0, inWhole = 0;
    for (auto [d, dim] : llvm::enumerate(dims)) {
      inShard = inShard * shard.dim(d) + index[d];
      inWhole = inWhole * whole.dim(d) + starts[d] + index[d];
    }
    double found = shard.at(inShard), expected = whole.at(inWhole), error = std::abs(found - expected);
    bool equal = found == expected || (std::isnan(found) && std::isnan(expected));
    double scale = rms + std::abs(expected);
    if (!equal && std::isfinite(error / scale))
      worst = std::max(worst, error / scale);
    if (!equal && (!whole.isFloat() || !(error <= tolerance * scale))) {
      if (!mismatch) {
        mismatch = Mismatch{rank, index, found, expected, 0, 0};
        for (auto [d, start] : llvm::enumerate(starts))
          mismatch->index[d] += start;
        mismatch->index = joined(mismatch->index, whole.shape(), /*sizes=*/false);
        for (auto [d, index] : llvm::enumerate(mismatch->index))
          index = indexOf(index, d);
      }
      ++mismatch->count;
      mismatch->largestError = std::isnan(error) ? error : std::max(mismatch->largestError, error);
    }
    for (size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d].geometry.valid(dims[d].groups.position(rank)))
        break;
      index[d] = 0;
    }
  }
  return mismatch;
}

std::optional<Mismatch> Placement::compare(const RankValue &shards, const Tensor &value, double tolerance,
                                           double &worst) const {
  RankValue combined = partial ? combinePartials(shards) : shards;
  Tensor whole = blockByBlock(value).reshaped(wholeView());
  double rms = rootMeanSquare(whole);
  std::map<std::pair<const void *, std::vector<int64_t>>, bool> seen;
  for (auto [rank, shard] : llvm::enumerate(combined)) {
    SmallVector<int64_t> starts = startsOf(rank);
    // Ranks that share a tensor are compared once.
    if (!seen.try_emplace({shard.identity(), std::vector<int64_t>(starts.begin(), starts.end())}, true).second)
      continue;
    if (std::optional<Mismatch> mismatch =
            compareRank(rank, blockByBlock(shard).reshaped(localView()), whole, tolerance, rms, worst))
      return mismatch;
  }
  return std::nullopt;
}
