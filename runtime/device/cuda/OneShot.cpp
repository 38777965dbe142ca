#include "device/cuda/OneShot.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace tp::rt::cuda {
namespace {

constexpr int64_t largest = int64_t(1) << 20,
                  smallest = 1 << 10; // bytes of a message: that may be small; that is measured
constexpr int64_t maxBlocks = 32;
constexpr int rounds = 3, callsOfRound = 4;

// Bytes, or nothing where they are to be measured.
std::optional<int64_t> limitFromEnvironment() {
  const char *text = std::getenv("TP_CUDA_ONE_SHOT");
  if (!text)
    return std::nullopt;
  int64_t bytes = 0;
  auto [end, code] = std::from_chars(text, text + std::strlen(text), bytes);
  if (code != std::errc() || *end || bytes < 0)
    throw Error(std::string("TP_CUDA_ONE_SHOT: expected a number of bytes, found '") + text + "'");
  return bytes;
}

// What rank 0 is told, on all ranks: they must agree.
std::optional<int64_t> agreedLimit(Communicator *host, const tp_transport *transport) {
  std::optional<int64_t> limit;
  requireAgreement(transport, errorOf([&] { limit = limitFromEnvironment(); }));
  int64_t bytes = limit.value_or(-1);
  if (host)
    host->broadcast(&bytes, sizeof(bytes), 0);
  return bytes < 0 ? std::nullopt : std::optional(bytes);
}

// Sums of doubling sizes, up to that of the largest message of the axes that may be small.
std::vector<Collective> probesOf(const Manifest &manifest, const Axes &axes) {
  int64_t most = 0;
  for (const Collective &c : manifest.collectives)
    if (c.axes == axes && sourceBytes(c) <= largest)
      most = std::max(most, sourceBytes(c));
  std::vector<Collective> probes;
  for (int64_t bytes = std::min(smallest, (most + 3) / 4 * 4); bytes > 0 && bytes <= most; bytes *= 2) {
    Collective c;
    c.axes = axes;
    c.count = bytes / 4;
    probes.push_back(c);
  }
  return probes;
}

std::vector<Collective> withProbes(const Manifest &manifest) {
  std::vector<Collective> all = manifest.collectives;
  for (const Axes &axes : axesOf(manifest))
    if (manifest.groupSize(axes) > 1)
      for (const Collective &probe : probesOf(manifest, axes))
        all.push_back(probe);
  return all;
}

std::string describe(const Axes &axes) {
  std::string text;
  for (const std::string &axis : axes)
    text += (text.empty() ? "" : ", ") + axis;
  return text;
}

void waitFor(const OwnedEvent &event, const Wait &wait) {
  wait([&] {
    const int code = driver().cuEventQuery(event.get());
    if (code != cudaSuccess && code != cudaNotReady)
      throw Error(cudaMessage("cuEventQuery", code));
    return code == cudaSuccess;
  });
}

// Microseconds of a call, in the best of several rounds.
template <typename F> float timeOf(Stream stream, const Wait &wait, F enqueue) {
  const OwnedEvent begin = makeTimedEvent(), end = makeTimedEvent();
  enqueue(); // libraries make their plans
  float best = 0;
  for (int round = 0; round < rounds; ++round) {
    TP_CUDA(cuEventRecord, begin.get(), stream);
    for (int i = 0; i < callsOfRound; ++i)
      enqueue();
    TP_CUDA(cuEventRecord, end.get(), stream);
    waitFor(end, wait);
    float milliseconds = 0;
    TP_CUDA(cuEventElapsedTime, &milliseconds, begin.get(), end.get());
    const float each = milliseconds * 1e3f / callsOfRound;
    best = round ? std::min(best, each) : each;
  }
  return best;
}

} // namespace

std::unique_ptr<OneShotWorld> OneShotWorld::make(const Manifest &manifest,
                                                 const std::vector<const DeviceContext *> &contexts, int firstRank,
                                                 Communicator *host, const tp_transport *transport) {
  const std::optional<int64_t> fixed = agreedLimit(host, transport);
  MeetingPlan plan(manifest, withProbes(manifest), std::min(fixed.value_or(largest), largest));
  if (plan.places.empty() || fixed == 0)
    return nullptr;
  std::optional<AbortWord> aborting;
  requireAgreement(transport, errorOf([&] {
                     forRank(firstRank, [&] {
                       contexts[0]->makeCurrent();
                       aborting.emplace();
                     });
                   }));
  return std::unique_ptr<OneShotWorld>(
      new OneShotWorld(std::move(plan), fixed, std::move(*aborting), contexts, firstRank, host, transport));
}

int64_t crossoverOf(const std::vector<Crossover::Sample> &samples, int64_t all) {
  const auto slower = std::find_if(samples.begin(), samples.end(), [](const auto &s) { return s.nccl < s.oneShot; });
  return slower == samples.end() ? all : slower == samples.begin() ? 0 : std::prev(slower)->bytes;
}

OneShot::OneShot(OneShotWorld &world, int rank, const MeetKernels &kernels)
    : world(world), meetings(world.plan, rank, world.peers.bases(rank), world.aborting, kernels, maxBlocks) {
  const Manifest &manifest = world.plan.manifest;
  for (const auto &[axes, place] : world.plan.places)
    if (const std::vector<int> group = manifest.group(axes, rank); group.size() > 1 && world.peers.meet(group))
      found.push_back({axes, int64_t(group.size()), world.fixed.value_or(0), {}});
}

void OneShot::measure(Stream stream, const Wait &wait, const AllReduce &nccl) {
  if (world.fixed)
    return;
  for (Crossover &of : found)
    try {
      race(of, stream, wait, nccl);
    } catch (const RankError &) {
      throw;
    } catch (const Error &e) {
      throw Error("measuring collectives over " + describe(of.axes) + ": " + e.what());
    }
}

// The slowest rank's times count, so that all come to one crossover.
void OneShot::race(Crossover &of, Stream stream, const Wait &wait, const AllReduce &nccl) {
  const DeviceBuffer src = makeZeroedBuffer(largest, "messages to measure");
  const DeviceBuffer dst = makeZeroedBuffer(largest, "messages to measure");
  std::vector<float> times;
  for (size_t id = world.plan.manifest.collectives.size(); id < world.plan.collectives.size(); ++id) {
    const Collective &probe = world.plan.collectives[id];
    if (probe.axes != of.axes)
      continue;
    of.samples.push_back({sourceBytes(probe)});
    times.push_back(timeOf(stream, wait, [&] { run(int32_t(id), stream, src.get(), dst.get()); }));
    times.push_back(
        timeOf(stream, wait, [&] { nccl(of.axes, src.get(), dst.get(), probe.count, Reduction::sum, stream); }));
  }
  const auto count = int64_t(times.size());
  const DeviceBuffer shared = makeDeviceCopy(times.data(), count * 4, "measured times");
  const HostBuffer back = makeHostBuffer(count * 4);
  nccl(of.axes, shared.get(), shared.get(), count, Reduction::max, stream);
  TP_CUDA(cuMemcpyDtoHAsync_v2, back.get(), shared.get(), size_t(count) * 4, stream);
  wait([&] { return isIdle(stream); });
  const auto *slowest = static_cast<const float *>(back.get());
  for (size_t i = 0; i < of.samples.size(); ++i) {
    of.samples[i].oneShot = slowest[2 * i];
    of.samples[i].nccl = slowest[2 * i + 1];
  }
  of.bytes = crossoverOf(of.samples, largest);
}

bool OneShot::takes(int32_t id) const {
  const Collective &c = world.plan.collectives[size_t(id)];
  return world.plan.takes(id) && std::any_of(found.begin(), found.end(), [&](const Crossover &of) {
           return of.axes == c.axes && sourceBytes(c) <= of.bytes;
         });
}

} // namespace tp::rt::cuda
