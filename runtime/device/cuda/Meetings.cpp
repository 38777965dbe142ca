#include "device/cuda/Meetings.h"

#include <algorithm>
#include <cstring>

namespace tp::rt::cuda {
namespace {

constexpr int64_t threads = 256, align = 256;

int64_t roundUp(int64_t n) { return (n + align - 1) / align * align; }

// Control of Meet.c, with a word for each rank of the group.
int64_t controlBytes(int64_t ranks) { return roundUp(4 * (4 + ranks)); }

int64_t boxBytes(const Manifest &manifest, const Collective &c) {
  return roundUp(manifest.groupSize(c.axes) * int64_t(sizeof(Transfer)));
}

} // namespace

MeetingPlan::MeetingPlan(const Manifest &manifest, std::vector<Collective> all, int64_t limit)
    : manifest(manifest), collectives(std::move(all)), limit(limit) {
  for (const Collective &c : collectives)
    if (const int64_t bytes = sourceBytes(c); bytes <= limit)
      places[c.axes].stride = std::max(places[c.axes].stride, roundUp(bytes));
  for (auto &[axes, place] : places) {
    place.control = end;
    place.staging = end + controlBytes(manifest.groupSize(axes));
    end = place.staging + 2 * place.stride;
  }
}

int64_t MeetingPlan::tableBytes() const {
  int64_t bytes = 0;
  for (const auto &[axes, place] : places)
    bytes += 2 * roundUp(8 * manifest.groupSize(axes));
  for (const Collective &c : collectives)
    bytes += boxBytes(manifest, c);
  return bytes;
}

Meetings::Meetings(const MeetingPlan &plan, int rank, const std::vector<Pointer> &bases, const AbortWord &abort,
                   const MeetKernels &kernels, int64_t maxBlocks)
    : plan(plan), abort(abort), kernels(kernels), maxBlocks(maxBlocks) {
  std::vector<char> image(size_t(plan.tableBytes()));
  int64_t used = 0;
  auto put = [&](const void *data, size_t bytes) {
    std::memcpy(&image[size_t(used)], data, bytes);
    return Pointer(std::exchange(used, used + roundUp(int64_t(bytes)))); // an offset, until the tables are placed
  };
  for (const auto &[axes, place] : plan.places) {
    const std::vector<int> members = plan.manifest.group(axes, rank);
    std::vector<Pointer> controls, buffers;
    for (int member : members) {
      controls.push_back(bases[size_t(member)] + Pointer(place.control));
      buffers.push_back(bases[size_t(member)] + Pointer(place.staging));
    }
    Group &group = groups[axes];
    group.me = positionIn(members, rank);
    group.ranks = int64_t(members.size());
    group.controls = put(controls.data(), controls.size() * sizeof(Pointer));
    group.buffers = put(buffers.data(), buffers.size() * sizeof(Pointer));
  }
  for (const Collective &c : plan.collectives) {
    const std::vector<int> members = plan.manifest.group(c.axes, rank);
    const int64_t me = positionIn(members, rank);
    std::vector<Transfer> transfers;
    for (size_t from = 0; from < members.size(); ++from)
      transfers.push_back(transferOf(c, int64_t(from), me));
    boxes.push_back(put(transfers.data(), transfers.size() * sizeof(Transfer)));
  }
  tables = makeDeviceCopy(image.data(), int64_t(image.size()), "the ranks' meetings");
  for (auto &[axes, group] : groups) {
    group.controls += tables.get();
    group.buffers += tables.get();
  }
  for (Pointer &box : boxes)
    box += tables.get();
}

void Meetings::run(int32_t id, Stream stream, Pointer src, Pointer dst) {
  const Collective &c = plan.collectives[size_t(id)];
  const Group &group = groups.at(c.axes);
  const int64_t bytes = sourceBytes(c);
  if (destinationBytes(c) == 0)
    return;
  if (hasPadding(c))
    TP_CUDA(cuMemsetD8Async, dst, 0, size_t(destinationBytes(c)), stream);
  const bool reduces = c.kind == CollectiveKind::allReduce || c.kind == CollectiveKind::reduceScatter;
  uint64_t arguments[] = {group.controls,
                          group.buffers,
                          uint64_t(plan.places.at(c.axes).stride),
                          uint64_t(group.me),
                          uint64_t(group.ranks),
                          src,
                          uint64_t(bytes / bytesOf(c.type)),
                          boxes[size_t(id)],
                          dst,
                          uint64_t(typeNumber(c.type)),
                          reduces,
                          c.reduction == Reduction::max,
                          abort.address()};
  void *pointers[std::size(arguments)];
  for (size_t i = 0; i < std::size(arguments); ++i)
    pointers[i] = &arguments[i];
  // The same number on every rank, for the kernels count blocks.
  const auto blocks = unsigned(std::clamp<int64_t>(bytes / (threads * 16), 1, maxBlocks));
  TP_CUDA(cuLaunchKernel, kernels.meet, blocks, 1, 1, unsigned(threads), 1, 1, 0, stream, pointers, nullptr);
}

} // namespace tp::rt::cuda
