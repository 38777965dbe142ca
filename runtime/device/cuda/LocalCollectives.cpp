// Ranks on one GPU, which meet in its memory whatever the size.
#include "device/cuda/Meetings.h"

#include <limits>

namespace tp::rt::cuda {
namespace {

constexpr int64_t maxBlocks = 8; // of each rank; all ranks' together must be on the GPU at once

MeetingPlan planOf(const Manifest &manifest) {
  return {manifest, manifest.collectives, std::numeric_limits<int64_t>::max()};
}

class LocalCollectives : public Collectives {
public:
  LocalCollectives(const MeetingPlan &plan, int rank, const std::vector<Pointer> &bases, AbortWord &aborting)
      : meetings(plan, rank, bases, aborting, kernels, maxBlocks), aborting(aborting) {}
  void run(int32_t id, Stream stream, Pointer src, Pointer dst) override { meetings.run(id, stream, src, dst); }
  void abort() noexcept override { aborting.set(); }

private:
  const MeetKernels kernels;
  Meetings meetings;
  AbortWord &aborting;
};

class LocalWorldOnDevice : public World {
public:
  explicit LocalWorldOnDevice(const Manifest &manifest)
      : plan(planOf(manifest)), memory(makeZeroedBuffer(plan.bytes() * manifest.ranks, "the ranks' meetings")) {
    for (int64_t rank = 0; rank < manifest.ranks; ++rank)
      bases.push_back(memory.get() + Pointer(rank * plan.bytes()));
  }
  std::unique_ptr<Collectives> collectives(int rank, const DeviceContext &) override {
    return std::make_unique<LocalCollectives>(plan, rank, bases, aborting);
  }

private:
  const MeetingPlan plan;
  const DeviceBuffer memory;
  std::vector<Pointer> bases; // by rank
  AbortWord aborting;
};

} // namespace

int64_t localBytes(const Manifest &manifest) {
  const MeetingPlan plan = planOf(manifest);
  return plan.bytes() + plan.tableBytes();
}

std::unique_ptr<World> makeLocalWorld(const Manifest &manifest) {
  return std::make_unique<LocalWorldOnDevice>(manifest);
}

} // namespace tp::rt::cuda
