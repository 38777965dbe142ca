#include "device/cuda/Collectives.h"

#include "device/cuda/Kernels.h"

#include <algorithm>

namespace tp::rt::cuda {
namespace {

constexpr const char *meetPtx =
#include "device/cuda/Meet.ptx.inc"
    ;

// Elements of the all_to_all's tensor where the split dimension has `split` and the other `concat`.
int64_t allToAllElements(const Collective &c, int64_t split, int64_t concat) {
  int64_t n = split * concat;
  for (size_t i = 0; i < c.shape.size(); ++i)
    if (int64_t(i) != c.splitDim && int64_t(i) != c.concatDim)
      n *= c.shape[i];
  return n;
}

bool shortWindow(const Windows &windows) {
  return std::any_of(windows.lengths.begin(), windows.lengths.end(), [&](int64_t n) { return n != windows.local; });
}

} // namespace

int64_t sourceBytes(const Collective &c) {
  switch (c.kind) {
  case CollectiveKind::allReduce:
  case CollectiveKind::permute:
    return c.count * bytesOf(c.type);
  case CollectiveKind::allGather:
    return c.outer * c.windows.local * c.inner * bytesOf(c.type);
  case CollectiveKind::reduceScatter:
    return c.outer * c.windows.global * c.inner * bytesOf(c.type);
  case CollectiveKind::allToAll:
    return allToAllElements(c, c.split.global, c.concat.local) * bytesOf(c.type);
  }
  return 0;
}

int64_t destinationBytes(const Collective &c) {
  switch (c.kind) {
  case CollectiveKind::allReduce:
  case CollectiveKind::permute:
    return c.count * bytesOf(c.type);
  case CollectiveKind::allGather:
    return c.outer * c.windows.global * c.inner * bytesOf(c.type);
  case CollectiveKind::reduceScatter:
    return c.outer * c.windows.local * c.inner * bytesOf(c.type);
  case CollectiveKind::allToAll:
    return allToAllElements(c, c.split.local, c.concat.global) * bytesOf(c.type);
  }
  return 0;
}

bool hasPadding(const Collective &c) {
  switch (c.kind) {
  case CollectiveKind::allReduce:
  case CollectiveKind::allGather:
    return false;
  case CollectiveKind::reduceScatter:
    return shortWindow(c.windows);
  case CollectiveKind::allToAll:
    return shortWindow(c.split);
  case CollectiveKind::permute:
    return std::count(c.source.begin(), c.source.end(), -1) > 0;
  }
  return false;
}

int typeNumber(ElementType type) { return type == ElementType::f32 ? 0 : type == ElementType::bf16 ? 1 : 2; }

int64_t positionIn(const std::vector<int> &group, int rank) {
  return std::find(group.begin(), group.end(), rank) - group.begin();
}

std::vector<Axes> axesOf(const Manifest &manifest) {
  std::vector<Axes> all;
  for (const Collective &c : manifest.collectives)
    if (std::find(all.begin(), all.end(), c.axes) == all.end())
      all.push_back(c.axes);
  return all;
}

MeetKernels::MeetKernels() : module(loadModule(meetPtx, "the runtime's kernels")) {
  meet = functionOf(module, "tp_meet");
  move = functionOf(module, "tp_move");
}

} // namespace tp::rt::cuda
