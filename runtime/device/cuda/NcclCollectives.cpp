// A GPU per rank: NCCL, but for messages that are small (OneShot.h). Communicators are created without blocking and
// watched while the host waits, for NCCL itself waits for ever. all_reduce, and all_gather of equal parts in one run,
// are NCCL's own; the others are sends and receives of packed boxes.
#include "device/cuda/OneShot.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

namespace tp::rt::cuda {
namespace {

using Clock = std::chrono::steady_clock;

// A call on a communicator that does not block may report that it goes on in the background.
void requireNccl(const char *call, int code) {
  if (code != ncclSuccess && code != ncclInProgress)
    throw Error(ncclMessage(call, code));
}

int ncclType(ElementType type) {
  return type == ElementType::f32 ? ncclTypeF32 : type == ElementType::bf16 ? ncclTypeBf16 : ncclTypeI32;
}

class Communicators {
public:
  void add(const Axes &axes, NcclComm comm) { comms[axes] = comm; }
  NcclComm at(const Axes &axes) const { return comms.at(axes); }
  // ncclSuccess or ncclInProgress; throws Error, that `call` has failed, for anything else.
  static int state(const char *call, NcclComm comm) {
    int state = 0;
    requireNccl("ncclCommGetAsyncError", nccl().ncclCommGetAsyncError(comm, &state));
    requireNccl(call, state);
    return state;
  }
  void check() const {
    for (auto &[axes, comm] : comms)
      state("a collective", comm);
  }
  bool ready() const {
    return std::all_of(comms.begin(), comms.end(),
                       [](const auto &entry) { return state("ncclCommInitRankConfig", entry.second) == ncclSuccess; });
  }
  // After a failure: kernels that wait end. Once.
  void abort() noexcept {
    std::lock_guard<std::mutex> lock(mutex);
    for (auto &[axes, comm] : comms)
      nccl().ncclCommAbort(comm);
    comms.clear();
  }
  void destroy() noexcept {
    std::lock_guard<std::mutex> lock(mutex);
    for (auto &[axes, comm] : comms)
      nccl().ncclCommDestroy(comm);
    comms.clear();
  }

private:
  std::mutex mutex;
  std::map<Axes, NcclComm> comms;
};

class NcclCollectives : public Collectives {
public:
  // `small`: null for none.
  NcclCollectives(const Manifest &manifest, int rank, std::shared_ptr<Communicators> comms, OneShotWorld *small)
      : manifest(manifest), rank(rank), comms(std::move(comms)), small(small) {
    placeBoxes();
    if (small || !plans.empty())
      kernels = std::make_unique<MeetKernels>();
    if (small)
      oneShot = std::make_unique<OneShot>(*small, rank, *kernels);
  }

  void prepare(Stream stream, Wait waiting) override;
  std::vector<Crossover> crossovers() const override {
    return oneShot ? oneShot->crossovers() : std::vector<Crossover>();
  }
  void run(int32_t id, Stream stream, Pointer src, Pointer dst) override;
  void check() override { comms->check(); }
  void abort() noexcept override {
    if (small)
      small->aborting.set();
    comms->abort();
  }

private:
  struct Box {
    Transfer transfer;
    Pointer onDevice = 0;
    int64_t scratch = 0; // offset
  };
  struct Plan {               // of a collective that is not NCCL's own
    std::vector<Box> out, in; // by position: what goes there, what comes from there
    Box window;               // reduce_scatter: this rank's part of the sum
  };

  bool direct(const Collective &c) const {
    if (c.kind == CollectiveKind::allReduce)
      return true;
    if (c.kind != CollectiveKind::allGather || c.outer != 1)
      return false;
    for (int64_t length : c.windows.lengths)
      if (length != c.windows.local)
        return false;
    return std::is_sorted(c.windows.starts.begin(), c.windows.starts.end());
  }

  void allReduce(const Axes &axes, Pointer src, Pointer dst, int64_t count, ElementType type, Reduction reduction,
                 Stream stream);
  void issue(const char *call, int code, NcclComm comm);
  void placeBoxes();
  void exchange(const Collective &c, const Plan &plan, Stream stream, Pointer src, Pointer dst);
  void moveBox(const Box &box, Stream stream, Pointer src, Pointer dst, ElementType type);

  const Manifest &manifest;
  const int rank;
  std::shared_ptr<Communicators> comms;
  OneShotWorld *const small;
  std::unique_ptr<MeetKernels> kernels;
  std::unique_ptr<OneShot> oneShot;
  Wait wait;
  std::map<int32_t, Plan> plans;
  DeviceBuffer tables, scratch;
};

// What each collective that is not NCCL's own sends, receives and packs, and where the packed boxes lie.
void NcclCollectives::placeBoxes() {
  std::vector<Transfer> image;
  int64_t scratchBytes = 0;
  for (size_t id = 0; id < manifest.collectives.size(); ++id) {
    const Collective &c = manifest.collectives[id];
    if (direct(c))
      continue;
    const std::vector<int> group = manifest.group(c.axes, rank);
    const int64_t me = positionIn(group, rank);
    Plan &plan = plans[int32_t(id)];
    int64_t at = 0;
    auto add = [&](const Transfer &transfer) {
      Box box{transfer, Pointer(image.size() * sizeof(Transfer)), at};
      image.push_back(transfer);
      at += (transfer.elements() * bytesOf(c.type) + 255) / 256 * 256;
      return box;
    };
    if (c.kind == CollectiveKind::reduceScatter) {
      at = (sourceBytes(c) + 255) / 256 * 256;
      plan.window = add(transferOf(c, me, me));
    } else {
      for (int64_t peer = 0; peer < int64_t(group.size()); ++peer) {
        plan.out.push_back(add(transferOf(c, me, peer).packedDestination()));
        plan.in.push_back(add(transferOf(c, peer, me).packedSource()));
      }
    }
    scratchBytes = std::max(scratchBytes, at);
  }
  if (plans.empty())
    return;
  scratch = makeDeviceBuffer(scratchBytes, "collectives");
  tables = makeDeviceCopy(image.data(), int64_t(image.size() * sizeof(Transfer)), "collectives");
}

// What goes on in the background, as a communicator's first calls do, is not on its stream yet: nothing may be put
// there meanwhile.
void NcclCollectives::issue(const char *call, int code, NcclComm comm) {
  requireNccl(call, code);
  if (code == ncclInProgress)
    wait([&] { return Communicators::state(call, comm) != ncclInProgress; });
}

void NcclCollectives::prepare(Stream stream, Wait waiting) {
  wait = std::move(waiting);
  if (!oneShot)
    return;
  oneShot->measure(stream, wait,
                   [this](const Axes &axes, Pointer src, Pointer dst, int64_t count, Reduction reduction, Stream on) {
                     allReduce(axes, src, dst, count, ElementType::f32, reduction, on);
                   });
}

void NcclCollectives::allReduce(const Axes &axes, Pointer src, Pointer dst, int64_t count, ElementType type,
                                Reduction reduction, Stream stream) {
  const NcclComm comm = comms->at(axes);
  issue("ncclAllReduce",
        nccl().ncclAllReduce(reinterpret_cast<void *>(src), reinterpret_cast<void *>(dst), size_t(count),
                             ncclType(type), reduction == Reduction::max ? ncclReduceMax : ncclReduceSum, comm, stream),
        comm);
}

void NcclCollectives::moveBox(const Box &box, Stream stream, Pointer src, Pointer dst, ElementType type) {
  const int64_t n = box.transfer.elements();
  if (n == 0)
    return;
  uint64_t arguments[] = {tables.get() + box.onDevice, src, dst, uint64_t(typeNumber(type))};
  void *pointers[] = {&arguments[0], &arguments[1], &arguments[2], &arguments[3]};
  const auto blocks = unsigned(std::clamp<int64_t>(n / 1024, 1, 256));
  TP_CUDA(cuLaunchKernel, kernels->move, blocks, 1, 1, 256, 1, 1, 0, stream, pointers, nullptr);
}

void NcclCollectives::exchange(const Collective &c, const Plan &plan, Stream stream, Pointer src, Pointer dst) {
  const NcclComm comm = comms->at(c.axes);
  const int type = ncclType(c.type);
  for (const Box &box : plan.out)
    moveBox(box, stream, src, scratch.get() + Pointer(box.scratch), c.type);
  auto at = [&](const Box &box) { return reinterpret_cast<void *>(scratch.get() + Pointer(box.scratch)); };
  requireNccl("ncclGroupStart", nccl().ncclGroupStart());
  int code = 0;
  for (size_t peer = 0; peer < plan.out.size(); ++peer) {
    if (const auto n = size_t(plan.out[peer].transfer.elements()); n && !code)
      code = nccl().ncclSend(at(plan.out[peer]), n, type, int(peer), comm, stream);
    if (const auto n = size_t(plan.in[peer].transfer.elements()); n && !code)
      code = nccl().ncclRecv(at(plan.in[peer]), n, type, int(peer), comm, stream);
  }
  const int end = nccl().ncclGroupEnd(); // also after a failure, which it does not undo
  requireNccl("ncclSend or ncclRecv", code);
  issue("ncclGroupEnd", end, comm);
  for (const Box &box : plan.in)
    moveBox(box, stream, scratch.get() + Pointer(box.scratch), dst, c.type);
}

void NcclCollectives::run(int32_t id, Stream stream, Pointer src, Pointer dst) {
  if (oneShot && oneShot->takes(id))
    return oneShot->run(id, stream, src, dst);
  const Collective &c = manifest.collectives[size_t(id)];
  const int64_t count = sourceBytes(c) / bytesOf(c.type);
  if (hasPadding(c))
    TP_CUDA(cuMemsetD8Async, dst, 0, size_t(destinationBytes(c)), stream);
  if (c.kind == CollectiveKind::allReduce) {
    allReduce(c.axes, src, dst, count, c.type, c.reduction, stream);
  } else if (direct(c)) {
    const NcclComm comm = comms->at(c.axes);
    issue("ncclAllGather",
          nccl().ncclAllGather(reinterpret_cast<void *>(src), reinterpret_cast<void *>(dst), size_t(count),
                               ncclType(c.type), comm, stream),
          comm);
  } else if (c.kind == CollectiveKind::reduceScatter) {
    allReduce(c.axes, src, scratch.get(), count, c.type, c.reduction, stream);
    moveBox(plans.at(id).window, stream, scratch.get(), dst, c.type);
  } else {
    exchange(c, plans.at(id), stream, src, dst);
  }
}

class NcclWorld : public World {
public:
  NcclWorld(const Manifest &manifest, const std::vector<const DeviceContext *> &contexts, int firstRank,
            Communicator *host, const tp_transport *transport, double seconds)
      : manifest(manifest), firstRank(firstRank), host(host), transport(transport) {
    for (size_t i = 0; i < contexts.size(); ++i)
      ranks.push_back(std::make_shared<Communicators>());
    try {
      for (const Axes &axes : axesOf(manifest))
        join(axes, contexts, seconds);
      small = OneShotWorld::make(manifest, contexts, firstRank, host, transport);
    } catch (...) {
      for (auto &rank : ranks)
        rank->abort();
      throw;
    }
  }
  ~NcclWorld() override {
    for (auto &rank : ranks)
      rank->destroy();
  }

  void leave() override {
    if (small)
      small->peers.leave();
  }

  std::unique_ptr<Collectives> collectives(int rank, const DeviceContext &) override {
    return std::make_unique<NcclCollectives>(manifest, rank, ranks[size_t(rank - firstRank)], small.get());
  }

private:
  // An id for each group over these axes, the same everywhere: rank 0's process makes it.
  std::map<std::vector<int>, NcclId> makeIds(const Axes &axes) {
    std::map<std::vector<int>, NcclId> ids;
    for (int rank = 0; rank < manifest.ranks; ++rank) {
      std::vector<int> group = manifest.group(axes, rank);
      if (ids.count(group))
        continue;
      NcclId id{};
      requireAgreement(transport, errorOf([&] {
                         if (!host || host->rank() == 0)
                           requireNccl("ncclGetUniqueId", nccl().ncclGetUniqueId(&id));
                       }));
      if (host)
        host->broadcast(&id, sizeof(id), 0);
      ids[group] = id;
    }
    return ids;
  }

  // In a group: does not wait for the others.
  void begin(size_t i, const Axes &axes, const DeviceContext &context, const std::map<std::vector<int>, NcclId> &ids) {
    const int rank = firstRank + int(i);
    const std::vector<int> group = manifest.group(axes, rank);
    const auto me = int(positionIn(group, rank));
    NcclConfig config;
    NcclComm comm = nullptr;
    forRank(firstRank + int(i), [&] {
      context.makeCurrent();
      const int code = nccl().ncclCommInitRankConfig(&comm, int(group.size()), ids.at(group), me, &config);
      if (comm)
        ranks[i]->add(axes, comm);
      requireNccl("ncclCommInitRankConfig", code);
    });
  }

  void beginAll(const Axes &axes, const std::vector<const DeviceContext *> &contexts,
                const std::map<std::vector<int>, NcclId> &ids) {
    requireNccl("ncclGroupStart", nccl().ncclGroupStart());
    try {
      for (size_t i = 0; i < contexts.size(); ++i)
        begin(i, axes, *contexts[i], ids);
    } catch (...) {
      nccl().ncclGroupEnd();
      throw;
    }
    requireNccl("ncclGroupEnd", nccl().ncclGroupEnd());
  }

  void join(const Axes &axes, const std::vector<const DeviceContext *> &contexts, double seconds) {
    const auto ids = makeIds(axes);
    requireAgreement(transport, errorOf([&] { beginAll(axes, contexts, ids); }));
    const auto deadline = Clock::now() + std::chrono::duration<double>(seconds);
    for (size_t i = 0; i < ranks.size(); ++i)
      forRank(firstRank + int(i), [&] {
        while (!ranks[i]->ready()) {
          if (Clock::now() > deadline)
            throw Error("NCCL: not all ranks have come after " + std::to_string(int64_t(seconds + 0.999)) + " s");
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      });
  }

  const Manifest &manifest;
  const int firstRank;
  Communicator *const host;
  const tp_transport *const transport;
  std::vector<std::shared_ptr<Communicators>> ranks;
  std::unique_ptr<OneShotWorld> small;
};

} // namespace

std::unique_ptr<World> makeNcclWorld(const Manifest &manifest, const std::vector<const DeviceContext *> &contexts,
                                     int firstRank, Communicator *host, const tp_transport *transport, double seconds) {
  return std::make_unique<NcclWorld>(manifest, contexts, firstRank, host, transport, seconds);
}

} // namespace tp::rt::cuda
