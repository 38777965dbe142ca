#include "device/cuda/Ranks.h"

#include <algorithm>

namespace tp::rt::cuda {
namespace {

// A rank alone needs nobody.
class NoCollectives : public Collectives {
public:
  explicit NoCollectives(const Manifest &manifest) : manifest(manifest) {}
  void run(int32_t id, Stream stream, Pointer src, Pointer dst) override {
    const Collective &c = manifest.collectives[size_t(id)];
    if (src != dst && destinationBytes(c) > 0)
      TP_CUDA(cuMemcpyDtoDAsync_v2, dst, src, size_t(std::min(sourceBytes(c), destinationBytes(c))), stream);
  }
  void abort() noexcept override {}

private:
  const Manifest &manifest;
};

class NoWorld : public World {
public:
  explicit NoWorld(const Manifest &manifest) : manifest(manifest) {}
  std::unique_ptr<Collectives> collectives(int, const DeviceContext &) override {
    return std::make_unique<NoCollectives>(manifest);
  }

private:
  const Manifest &manifest;
};

} // namespace

bool Ranks::prepare(const Manifest &manifest, int first, int count, const tp_transport *transport) {
  const int here = transport ? transport->local_size : count;
  const Placement placement = placeRanks(here);
  if (transport && placement.shared)
    throw Error("ranks of different processes cannot share a GPU: run them as threads, without mpirun");
  for (int i = 0; i < count; ++i)
    forRank(first + i, [&] {
      contexts.push_back(std::make_unique<DeviceContext>(placement.deviceOf(transport ? first % here : i)));
    });
  const bool local = placement.shared && count > 1;
  const Need need{manifest.weightBytes, manifest.stateBytes, manifest.arenaBytes,
                  manifest.cuda->gemms.empty() ? 0 : manifest.cuda->workspaceBytes,
                  local ? localBytes(manifest) : manifest.cuda->ncclBytes};
  for (int i = 0; i < count; ++i)
    forRank(first + i, [&] {
      contexts[size_t(i)]->makeCurrent();
      requireMemory(*contexts[size_t(i)], need, local ? count : 1);
      chooseModule(*manifest.cuda, contexts[size_t(i)]->arch);
    });
  return local;
}

Ranks::Ranks(const Package &package, int first, int count, Communicator *host, const tp_transport *transport,
             WaitPolicy policy, const Fault &fault)
    : fault(fault) {
  const Manifest &manifest = package.manifest();
  bool local = false;
  requireAgreement(transport, errorOf([&] { local = prepare(manifest, first, count, transport); }));
  std::vector<const DeviceContext *> all;
  for (auto &context : contexts)
    all.push_back(context.get());
  if (manifest.ranks == 1 || manifest.collectives.empty())
    world = std::make_unique<NoWorld>(manifest);
  else if (local)
    forRank(first, [&] { world = makeLocalWorld(manifest); });
  else
    world = makeNcclWorld(manifest, all, first, host, transport, policy.timeoutSeconds);
  for (int i = 0; i < count; ++i)
    forRank(first + i, [&] {
      contexts[size_t(i)]->makeCurrent();
      auto collectives = world->collectives(first + i, *contexts[size_t(i)]);
      ranks.push_back(std::make_unique<RankDevice>(package, first + i, *contexts[size_t(i)], std::move(collectives),
                                                   policy, fault));
    });
}

Ranks::~Ranks() {
  ranks.clear();
  try {
    if (!fault.raised())
      world->leave();
  } catch (...) { // NOLINT(bugprone-empty-catch): another rank ended; this one's work is done
  }
  world.reset();
}

} // namespace tp::rt::cuda
