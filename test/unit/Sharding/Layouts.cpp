#include "Layouts.h"

using namespace mlir;
using namespace tp;
using namespace tp::test;

// Calls `fn(index, i)` for each index of a shape, in row-major order.
template <typename Fn> static void forEachIndex(ArrayRef<int64_t> shape, Fn fn) {
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  for (int64_t i = 0; i < n; ++i) {
    SmallVector<int64_t> index(shape.size());
    for (int64_t d = shape.size() - 1, rest = i; d >= 0; rest /= shape[d], --d)
      index[d] = rest % shape[d];
    fn(index, i);
  }
}

static int64_t linear(ArrayRef<int64_t> shape, ArrayRef<int64_t> index) {
  int64_t i = 0;
  for (auto [size, x] : llvm::zip(shape, index))
    i = i * size + x;
  return i;
}

static LocalTensor empty(ArrayRef<int64_t> shape) {
  LocalTensor tensor{SmallVector<int64_t>(shape), {}};
  forEachIndex(shape, [&](ArrayRef<int64_t>, int64_t) { tensor.elements.emplace_back(); });
  return tensor;
}

World::World(MLIRContext &context, ArrayRef<std::pair<std::string, int64_t>> axes) : context(context) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  for (const auto &[name, size] : axes) {
    names.push_back(axis(name));
    sizes.push_back(size);
  }
  mesh = MeshAttr::get(&context, names, sizes);
}

RankedTensorType World::type(ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, Float32Type::get(&context));
}

int64_t World::position(int64_t rank, ArrayRef<StringAttr> axes) const {
  std::map<StringRef, int64_t> coordinates;
  for (int64_t i = mesh.getAxes().size() - 1; i >= 0; --i) {
    coordinates[mesh.getAxes()[i]] = rank % mesh.getSizes()[i];
    rank /= mesh.getSizes()[i];
  }
  int64_t result = 0;
  for (StringAttr axis : axes)
    result = result * *mesh.sizeOf(axis) + coordinates[axis];
  return result;
}

std::vector<int64_t> World::groupOf(int64_t rank, ArrayRef<StringAttr> axes) const {
  SmallVector<StringAttr> others;
  for (StringAttr axis : mesh.getAxes())
    if (!llvm::is_contained(axes, axis))
      others.push_back(axis);
  std::vector<int64_t> group(mesh.sizeOf(axes));
  for (int64_t r = 0; r < mesh.devices(); ++r)
    if (position(r, others) == position(rank, others))
      group[position(r, axes)] = r;
  return group;
}

// The element of a dimension that is at `index` of a shard, which holds [start, start + length) of each part; -1:
// padding.
static int64_t elementAt(const Parts &parts, const Geometry &geometry, int64_t index, int64_t start, int64_t length) {
  int64_t local = geometry.local(), width = parts.sectionsWidth(), rest = index % (local * width);
  int64_t before = index / (local * width) * width; // sections of size 1
  for (int64_t section : parts.sections.empty() ? std::vector<int64_t>{1} : parts.sections) {
    if (rest < section * local)
      return rest < section * length ? before * geometry.size + section * start + rest : -1;
    rest -= section * local;
    before += section;
  }
  return -1;
}

Devices World::place(RankedTensorType type, const Sharding &sharding, ArrayRef<StringAttr> summedOver) {
  Devices devices;
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    LocalTensor tensor = empty(localType(type, sharding, mesh).getShape());
    forEachIndex(tensor.shape, [&](ArrayRef<int64_t> index, int64_t i) {
      SmallVector<int64_t> global;
      for (unsigned d = 0; d < index.size(); ++d) {
        Geometry geometry = geometryOf(sharding.dims[d], type.getDimSize(d), mesh);
        int64_t part = position(rank, sharding.dims[d].axes);
        global.push_back(
            elementAt(sharding.dims[d].parts, geometry, index[d], geometry.start(part), geometry.valid(part)));
        if (global.back() < 0)
          return;
      }
      // A device holds the parts of the sum that agree with its coordinates on the axes that are still partial.
      for (int64_t other : groupOf(rank, summedOver))
        if (position(other, sharding.partial) == position(rank, sharding.partial))
          tensor.elements[i].insert({linear(type.getShape(), global), position(other, summedOver)});
    });
    devices.push_back(tensor);
  }
  return devices;
}

Devices World::reduce(const Devices &input, ArrayRef<StringAttr> axes) {
  Devices output = input;
  for (int64_t rank = 0; rank < mesh.devices(); ++rank)
    for (int64_t other : groupOf(rank, axes))
      if (other != rank)
        for (auto [sum, part] : llvm::zip(output[rank].elements, input[other].elements))
          sum.insert(part.begin(), part.end());
  return output;
}

Devices World::gather(const Devices &input, unsigned dim, int64_t size, const Split &split, std::string &error) {
  Geometry geometry = geometryOf(split, size, mesh); // of each outer part
  SmallVector<int64_t> starts, lengths;
  geometry.disjointWindows(starts, lengths);
  Devices output;
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    int64_t local = split.parts.width() * geometry.local();
    if (input[rank].shape[dim] != local)
      error = "gathers shards of " + std::to_string(input[rank].shape[dim]) + ", expected " + std::to_string(local);
    SmallVector<int64_t> shape = input[rank].shape;
    shape[dim] = size;
    LocalTensor tensor = empty(shape);
    for (auto [p, other] : llvm::enumerate(groupOf(rank, split.axes)))
      forEachIndex(input[other].shape, [&](ArrayRef<int64_t> index, int64_t i) {
        auto at = [&](int64_t length) { return elementAt(split.parts, geometry, index[dim], starts[p], length); };
        if (at(geometry.valid(p)) < 0 && !input[other].elements[i].empty())
          error = "gathers shards with something in their padding";
        SmallVector<int64_t> to(index);
        to[dim] = at(lengths[p]);
        if (to[dim] < 0)
          return;
        tensor.elements[linear(shape, to)] = input[other].elements[i];
      });
    output.push_back(tensor);
  }
  return output;
}

Devices World::slice(const Devices &input, unsigned dim, int64_t size, const Split &split, std::string &error) {
  Geometry geometry = geometryOf(split, size, mesh); // of each outer part
  Devices output;
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    if (input[rank].shape[dim] != size)
      error = "slices " + std::to_string(input[rank].shape[dim]) + " elements, expected " + std::to_string(size);
    SmallVector<int64_t> shape = input[rank].shape;
    shape[dim] = split.parts.width() * geometry.local();
    LocalTensor tensor = empty(shape);
    int64_t p = position(rank, split.axes);
    forEachIndex(shape, [&](ArrayRef<int64_t> index, int64_t i) {
      SmallVector<int64_t> from(index);
      from[dim] = elementAt(split.parts, geometry, index[dim], geometry.start(p), geometry.valid(p));
      if (from[dim] >= 0 && from[dim] < input[rank].shape[dim])
        tensor.elements[i] = input[rank].elements[linear(input[rank].shape, from)];
    });
    output.push_back(tensor);
  }
  return output;
}

Devices World::permute(const Devices &input, ArrayRef<StringAttr> axes, ArrayRef<int64_t> sources, std::string &error) {
  Devices output;
  std::set<int64_t> sent;
  for (int64_t source : sources)
    if (source >= 0 && !sent.insert(source).second)
      error = "permute sends a value twice";
  for (int64_t rank = 0; rank < mesh.devices(); ++rank) {
    int64_t source = sources[position(rank, axes)];
    output.push_back(source < 0 ? empty(input[rank].shape) : input[groupOf(rank, axes)[source]]);
  }
  return output;
}

Devices World::run(const ReshardStep &step, const Devices &input, std::string &error) {
  switch (step.kind) {
  case ReshardStep::AllReduce:
    return reduce(input, step.axes);
  case ReshardStep::ReduceScatter:
    return slice(reduce(input, step.split.axes), step.dim, step.size, step.split, error);
  case ReshardStep::AllGather:
    return gather(input, step.dim, step.size, step.split, error);
  case ReshardStep::AllSlice:
    return slice(input, step.dim, step.size, step.split, error);
  case ReshardStep::AllToAll:
    if (step.split.axes != step.toSplit.axes)
      error = "all_to_all over different axes";
    return slice(gather(input, step.dim, step.size, step.split, error), step.toDim, step.toSize, step.toSplit, error);
  case ReshardStep::Permute:
    return permute(input, step.axes, step.sources, error);
  }
  llvm_unreachable("all kinds are handled");
}
