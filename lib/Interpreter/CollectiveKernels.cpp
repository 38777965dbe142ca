// Kernels of the ops in TpCollectiveOps.td: what the simulated ranks do together.
#include "tp/Interpreter/DeviceGroups.h"
#include "tp/Interpreter/Interpreter.h"
#include "tp/Sharding/Geometry.h"

using namespace mlir;
using namespace tp;

namespace {
// The groups of a collective and the windows of its split.
struct Layout {
  DeviceGroups groups;
  Geometry geometry;

  int64_t start(int64_t position) const { return std::min(geometry.start(position), geometry.size); }
  int64_t valid(int64_t position) const { return geometry.valid(position); }
};
} // namespace

// The mesh that a collective runs on, or null after an error: it must span exactly the simulated ranks.
static MeshAttr meshOf(GroupCall &call, FlatSymbolRefAttr name) {
  MeshAttr mesh = lookupMesh(call.op, name);
  if (!mesh || mesh.devices() != call.interpreter.ranks()) {
    call.op->emitError() << "expected a mesh of the " << call.interpreter.ranks()
                         << " ranks that the program runs on, found " << name << " "
                         << (mesh ? Attribute(mesh) : Attribute(name));
    return {};
  }
  return mesh;
}

static std::optional<DeviceGroups> groupsOf(GroupCall &call, FlatSymbolRefAttr name, ArrayAttr axes) {
  MeshAttr mesh = meshOf(call, name);
  if (!mesh)
    return std::nullopt;
  return DeviceGroups(mesh, SmallVector<StringAttr>(axes.getAsRange<StringAttr>()));
}

static std::optional<Layout> layoutOf(GroupCall &call, FlatSymbolRefAttr name, SplitAttr split, int64_t size) {
  MeshAttr mesh = meshOf(call, name);
  if (!mesh)
    return std::nullopt;
  DeviceGroups groups(mesh, split.getAxes());
  int64_t parts = groups.groupSize();
  return Layout{std::move(groups), Geometry{size, parts, split.getUnit(), split.getRepeat()}};
}

// Counts a collective in which all groups together move `elements` from one device to another: each device's share.
static void count(GroupCall &call, double elements) {
  int64_t ranks = call.interpreter.ranks();
  call.interpreter.countCollective(call.op->getName().stripDialect(),
                                   elements * bytesOf(call.operands[0][0].kind()) / ranks);
}

// In a ring, each of the group's parts of a value of `elements` passes all devices of the group but one.
static double ringElements(const DeviceGroups &groups, int64_t elements) {
  return static_cast<double>(groups.groups().size()) * (groups.groupSize() - 1) * elements;
}

static Tensor zerosOfResult(GroupCall &call) { return zerosOf(call.op->getResult(0).getType()); }

// The sum or maximum of a group's tensors, rounded once.
static Tensor combine(ReduceKind kind, ArrayRef<int64_t> group, const RankValue &input) {
  Tensor result(input[group[0]].shape(), input[group[0]].kind());
  int64_t n = result.size();
  auto reduce = [&](auto *out, auto elements) {
    std::copy_n(elements(input[group[0]]), n, out);
    for (int64_t rank : group.drop_front())
      for (int64_t i = 0; i < n; ++i)
        out[i] =
            kind == ReduceKind::Sum ? out[i] + elements(input[rank])[i] : std::max(out[i], elements(input[rank])[i]);
  };
  if (!result.isFloat()) {
    reduce(result.writeInts(), [](const Tensor &t) { return t.ints(); });
    for (int64_t i = 0, *out = result.writeInts(); i < n; ++i)
      out[i] = wrapTo(result.kind(), out[i]);
    return result;
  }
  reduce(result.writeFloats(), [](const Tensor &t) { return t.floats(); });
  result.round();
  return result;
}

static LogicalResult runAllReduce(GroupCall &call) {
  auto op = cast<AllReduceOp>(call.op);
  std::optional<DeviceGroups> groups = groupsOf(call, op.getMeshAttr(), op.getAxes());
  if (!groups)
    return failure();
  const RankValue &input = call.operands[0];
  RankValue &result = call.results[0];
  result.resize(input.size());
  for (ArrayRef<int64_t> group : groups->groups()) {
    Tensor combined = combine(op.getKind(), group, input);
    for (int64_t rank : group)
      result[rank] = combined;
  }
  // Reduced in parts, and these gathered.
  count(call, 2 * ringElements(*groups, input[0].size()));
  return success();
}

static LogicalResult runAllGather(GroupCall &call) {
  auto op = cast<AllGatherOp>(call.op);
  std::optional<Layout> layout = layoutOf(call, op.getMeshAttr(), op.getSplit(), op.getSize());
  if (!layout)
    return failure();
  const RankValue &input = call.operands[0];
  RankValue &result = call.results[0];
  result.resize(input.size());
  SmallVector<int64_t> starts, lengths;
  layout->geometry.disjointWindows(starts, lengths);
  for (ArrayRef<int64_t> group : layout->groups.groups()) {
    Tensor whole = zerosOfResult(call);
    for (auto [position, rank] : llvm::enumerate(group))
      copyWindow(input[rank], 0, whole, starts[position], op.getDim(), lengths[position]);
    for (int64_t rank : group)
      result[rank] = whole;
  }
  count(call, ringElements(layout->groups, result[0].size()));
  return success();
}

static LogicalResult runAllSlice(GroupCall &call) {
  auto op = cast<AllSliceOp>(call.op);
  std::optional<Layout> layout = layoutOf(call, op.getMeshAttr(), op.getSplit(), op.getSize());
  if (!layout)
    return failure();
  for (auto [rank, input] : llvm::enumerate(call.operands[0])) {
    int64_t position = layout->groups.position(rank);
    Tensor &shard = call.results[0].emplace_back(zerosOfResult(call));
    copyWindow(input, layout->start(position), shard, 0, op.getDim(), layout->valid(position));
  }
  return success();
}

static LogicalResult runReduceScatter(GroupCall &call) {
  auto op = cast<ReduceScatterOp>(call.op);
  std::optional<Layout> layout = layoutOf(call, op.getMeshAttr(), op.getSplit(), op.getSize());
  if (!layout)
    return failure();
  const RankValue &input = call.operands[0];
  RankValue &result = call.results[0];
  result.resize(input.size());
  for (ArrayRef<int64_t> group : layout->groups.groups()) {
    Tensor combined = combine(op.getKind(), group, input);
    for (auto [position, rank] : llvm::enumerate(group)) {
      result[rank] = zerosOfResult(call);
      copyWindow(combined, layout->start(position), result[rank], 0, op.getDim(), layout->valid(position));
    }
  }
  count(call, ringElements(layout->groups, input[0].size()));
  return success();
}

static LogicalResult runAllToAll(GroupCall &call) {
  auto op = cast<AllToAllOp>(call.op);
  std::optional<Layout> from = layoutOf(call, op.getMeshAttr(), op.getFrom(), op.getFromSize());
  std::optional<Layout> to = layoutOf(call, op.getMeshAttr(), op.getTo(), op.getToSize());
  if (!from || !to)
    return failure();
  const RankValue &input = call.operands[0];
  RankValue &result = call.results[0];
  result.resize(input.size());
  SmallVector<int64_t> starts, lengths;
  from->geometry.disjointWindows(starts, lengths);
  double moved = 0;
  for (ArrayRef<int64_t> group : from->groups.groups()) {
    SmallVector<int64_t> shape(input[0].shape());
    shape[op.getFromDim()] = op.getFromSize();
    Tensor whole(shape, input[0].kind());
    for (auto [position, rank] : llvm::enumerate(group))
      copyWindow(input[rank], 0, whole, starts[position], op.getFromDim(), lengths[position]);
    for (auto [position, rank] : llvm::enumerate(group)) {
      result[rank] = zerosOfResult(call);
      copyWindow(whole, to->start(position), result[rank], 0, op.getToDim(), to->valid(position));
      // Everything in the window but what comes from this device itself.
      if (int64_t all = op.getFromSize() * op.getToSize())
        moved += static_cast<double>(whole.size()) / all * to->valid(position) * (op.getFromSize() - lengths[position]);
    }
  }
  count(call, moved);
  return success();
}

static LogicalResult runPermute(GroupCall &call) {
  auto op = cast<PermuteOp>(call.op);
  std::optional<DeviceGroups> groups = groupsOf(call, op.getMeshAttr(), op.getAxes());
  if (!groups)
    return failure();
  const RankValue &input = call.operands[0];
  double moved = 0;
  for (int64_t rank = 0, n = input.size(); rank < n; ++rank) {
    int64_t source = op.getSources()[groups->position(rank)];
    if (source >= 0 && source != groups->position(rank))
      moved += input[rank].size();
    call.results[0].push_back(source < 0 ? zerosOfResult(call) : input[groups->groupOf(rank)[source]]);
  }
  count(call, moved);
  return success();
}

static LogicalResult runAsPartial(GroupCall &call) {
  auto op = cast<AsPartialOp>(call.op);
  std::optional<DeviceGroups> groups = groupsOf(call, op.getMeshAttr(), op.getAxes());
  if (!groups)
    return failure();
  for (auto [rank, input] : llvm::enumerate(call.operands[0]))
    call.results[0].push_back(groups->position(rank) == 0 ? input : zerosOfResult(call));
  return success();
}

static LogicalResult runShiftIndex(GroupCall &call) {
  auto op = cast<ShiftIndexOp>(call.op);
  std::optional<Layout> layout = layoutOf(call, op.getMeshAttr(), op.getSplit(), op.getSize());
  if (!layout)
    return failure();
  for (auto [rank, input] : llvm::enumerate(call.operands[0])) {
    int64_t shift = layout->geometry.virtualStart(layout->groups.position(rank));
    Tensor &result = call.results[0].emplace_back(input);
    int64_t *out = result.writeInts();
    for (int64_t i = 0, n = result.size(); i < n; ++i)
      out[i] = wrapTo(result.kind(), out[i] + (op.getMinus() ? -shift : shift));
  }
  return success();
}

static LogicalResult runMaskPadding(GroupCall &call) {
  auto op = cast<MaskPaddingOp>(call.op);
  std::optional<Layout> layout = layoutOf(call, op.getMeshAttr(), op.getSplit(), op.getSize());
  if (!layout)
    return failure();
  for (auto [rank, input] : llvm::enumerate(call.operands[0])) {
    Tensor &result = call.results[0].emplace_back(zerosOfResult(call));
    copyWindow(input, 0, result, 0, op.getDim(), layout->valid(layout->groups.position(rank)));
  }
  return success();
}

void tp::addCollectiveKernels(KernelRegistry &registry) {
  registry.add(AllReduceOp::getOperationName(), runAllReduce);
  registry.add(AllGatherOp::getOperationName(), runAllGather);
  registry.add(AllSliceOp::getOperationName(), runAllSlice);
  registry.add(ReduceScatterOp::getOperationName(), runReduceScatter);
  registry.add(AllToAllOp::getOperationName(), runAllToAll);
  registry.add(PermuteOp::getOperationName(), runPermute);
  registry.add(AsPartialOp::getOperationName(), runAsPartial);
  registry.add(ShiftIndexOp::getOperationName(), runShiftIndex);
  registry.add(MaskPaddingOp::getOperationName(), runMaskPadding);
}
