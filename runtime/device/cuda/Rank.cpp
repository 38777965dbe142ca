#include "device/cuda/Rank.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace tp::rt::cuda {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t stagingBytes = int64_t(16) << 20; // of each of two staging buffers

bool graphsWanted() {
  const char *text = std::getenv("TP_CUDA_GRAPHS");
  return !text || std::strcmp(text, "0") != 0;
}

int64_t bytesOf(const Tensor &tensor) { return tensor.elements() * rt::bytesOf(tensor.type); }

template <typename F> void forEachTensor(const Manifest &manifest, F visit) {
  for (const Entry &entry : manifest.entries) {
    for (const Tensor &tensor : entry.inputs)
      visit(tensor);
    for (const Tensor &tensor : entry.outputs)
      visit(tensor);
  }
}

} // namespace

RankDevice::RankDevice(const Package &package, int rank, const DeviceContext &context,
                       std::unique_ptr<Collectives> made, WaitPolicy policy, const Fault &fault)
    : package(package), manifest(package.manifest()), rank(rank), context(context), policy(policy), fault(fault),
      profile(Profile::wanted(rank)), graphs(graphsWanted() && !profile), collectives(std::move(made)) {
  const CudaTarget &target = *manifest.cuda;
  weights = makeDeviceBuffer(manifest.weightBytes, "weights");
  state = makeDeviceBuffer(manifest.stateBytes, "the cache");
  arena = makeDeviceBuffer(manifest.arenaBytes, "the arena");
  for (OwnedStream &stream : streams)
    stream = makeStream();
  for (int64_t i = 0; i < target.events; ++i)
    events.push_back(makeEvent());
  kernels = std::make_unique<KernelTable>(target, package.folder, context);
  gemms = std::make_unique<GemmTable>(target);
  placeHostMemory();
  installCallbacks();
}

RankDevice::~RankDevice() {
  try {
    makeCurrent();
  } catch (const Error &) { // NOLINT(bugprone-empty-catch): what can be released will be
  }
}

// Tensors of different entries may lie at one place of the arena; on the host each has its own.
void RankDevice::placeHostMemory() {
  int64_t bytes = 0;
  forEachTensor(manifest, [&](const Tensor &tensor) {
    places[&tensor] = bytes;
    bytes += (bytesOf(tensor) + 63) / 64 * 64;
  });
  pinned = makeHostBuffer(bytes);
}

void *RankDevice::host(const Tensor &tensor) const { return static_cast<char *>(pinned.get()) + places.at(&tensor); }

// ---- the program's callbacks ----

// The program has no unwind tables: a failure waits here until the entry returns, and nothing is enqueued meanwhile.
template <typename F> void RankDevice::guarded(tp_cuda_frame *frame, F enqueue) noexcept {
  RankDevice &self = *reinterpret_cast<Frame *>(frame)->self;
  if (self.failure)
    return;
  try {
    enqueue(self);
  } catch (...) {
    self.failure = std::current_exception();
  }
}

template <typename W, typename F> void RankDevice::timed(Stream stream, W what, F enqueue) {
  if (profile)
    profile->time(stream, what(), enqueue);
  else
    enqueue();
}

Stream RankDevice::stream(int32_t number) const {
  if (number < 0 || number >= TP_CUDA_STREAMS)
    throw Error("the program uses stream " + std::to_string(number) + ", there are " + std::to_string(TP_CUDA_STREAMS));
  return streams[number].get();
}

Event RankDevice::event(int32_t number) const {
  if (number < 0 || size_t(number) >= events.size())
    throw Error("the program uses event " + std::to_string(number) + ", the manifest has " +
                std::to_string(events.size()));
  return events[size_t(number)].get();
}

void RankDevice::installCallbacks() {
  frame.self = this;
  tp_cuda_frame &f = frame.frame;
  f.weights = weights.get();
  f.state = state.get();
  f.arena = arena.get();
  f.rank = rank;
  f.launch = [](tp_cuda_frame *frame, int32_t stream, int32_t kernel, const int32_t grid[3], const int32_t block[3],
                int32_t shared, const uint64_t *args) {
    guarded(frame, [&](RankDevice &self) {
      self.timed(
          self.stream(stream), [&] { return self.kernels->name(kernel); },
          [&] { self.kernels->launch(self.stream(stream), kernel, grid, block, shared, args); });
    });
  };
  f.gemm = [](tp_cuda_frame *frame, int32_t stream, int32_t gemm, uint64_t x, uint64_t w, uint64_t bias, uint64_t y) {
    guarded(frame, [&](RankDevice &self) {
      self.timed(
          self.stream(stream), [&] { return "gemm " + std::to_string(gemm); },
          [&] { self.gemms->run(self.stream(stream), gemm, x, w, bias, y); });
    });
  };
  f.collective = [](tp_cuda_frame *frame, int32_t stream, int32_t id, uint64_t src, uint64_t dst) {
    guarded(frame, [&](RankDevice &self) {
      if (id < 0 || size_t(id) >= self.manifest.collectives.size())
        throw Error("the program calls collective " + std::to_string(id) + ", the manifest has " +
                    std::to_string(self.manifest.collectives.size()));
      try {
        self.timed(
            self.stream(stream), [&] { return self.manifest.collectives[size_t(id)].describe(); },
            [&] { self.collectives->run(id, self.stream(stream), src, dst); });
      } catch (const Error &e) {
        // A layer's code is one function, called once per layer: the number of the call tells which.
        throw Error(self.manifest.collectives[size_t(id)].describe() + ", call " +
                    std::to_string(self.current->collectives[size_t(id)] + 1) + " in " + self.entered->name + ": " +
                    e.what());
      }
      ++self.current->collectives[size_t(id)];
    });
  };
  f.record = [](tp_cuda_frame *frame, int32_t stream, int32_t event) {
    guarded(frame, [&](RankDevice &self) { TP_CUDA(cuEventRecord, self.event(event), self.stream(stream)); });
  };
  f.wait = [](tp_cuda_frame *frame, int32_t stream, int32_t event) {
    guarded(frame, [&](RankDevice &self) { TP_CUDA(cuStreamWaitEvent, self.stream(stream), self.event(event), 0); });
  };
}

// ---- running ----

void RankDevice::enqueue(const Entry &entry) {
  failure = nullptr;
  current = &runs[&entry];
  entered = &entry;
  current->collectives.assign(manifest.collectives.size(), 0);
  package.cudaCode(entry)(&frame.frame);
  if (failure)
    std::rethrow_exception(std::exchange(failure, nullptr));
}

void RankDevice::capture(const Entry &entry, Run &run) {
  Stream compute = streams[TP_CUDA_COMPUTE].get();
  Graph captured = nullptr;
  TP_CUDA(cuStreamBeginCapture_v2, compute, captureThreadLocal);
  try {
    enqueue(entry);
  } catch (...) {
    if (driver().cuStreamEndCapture(compute, &captured) == 0)
      OwnedGraph dropped(captured);
    throw;
  }
  TP_CUDA(cuStreamEndCapture, compute, &captured);
  OwnedGraph graph(captured);
  GraphExec exec = nullptr;
  TP_CUDA(cuGraphInstantiateWithFlags, &exec, graph.get(), 0);
  run.graph = OwnedExec(exec);
}

void RankDevice::run(const Entry &entry, bool outputs) {
  Stream compute = streams[TP_CUDA_COMPUTE].get();
  for (const Tensor &tensor : entry.inputs)
    TP_CUDA(cuMemcpyHtoDAsync_v2, arena.get() + Pointer(tensor.offset), host(tensor), size_t(bytesOf(tensor)), compute);
  // The first call is plain, so that libraries make their plans; the second is captured; then the graph is replayed.
  Run &run = runs[&entry];
  if (!graphs || run.calls == 0)
    enqueue(entry);
  else if (!run.graph)
    capture(entry, run);
  if (run.graph)
    TP_CUDA(cuGraphLaunch, run.graph.get(), compute);
  const bool first = run.calls++ == 0;
  for (const Tensor &tensor : entry.outputs)
    if (outputs)
      TP_CUDA(cuMemcpyDtoHAsync_v2, host(tensor), arena.get() + Pointer(tensor.offset), size_t(bytesOf(tensor)),
              compute);
  wait(entry.name.c_str());
  if (profile)
    profile->collect(entry, first);
}

// Polls, so that another rank's failure, a failed collective and the deadline are seen.
void RankDevice::waitFor(const char *what, const std::function<bool()> &done) {
  const auto begin = Clock::now();
  for (int64_t turn = 0;; ++turn) {
    if (fault.raised())
      throw Stopped();
    if (done())
      return;
    if (turn % 64 != 0)
      continue;
    collectives->check();
    const auto passed = Clock::now() - begin;
    if (passed > std::chrono::duration<double>(policy.timeoutSeconds))
      throw RankError(rank, std::string("stalled: ") + context.describe() + " has not finished " + what + " after " +
                                std::to_string(int64_t(policy.timeoutSeconds + 0.999)) + " s");
    if (passed > std::chrono::milliseconds(20))
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    else
      std::this_thread::yield();
  }
}

void RankDevice::wait(const char *what) {
  try {
    waitFor(what, [this] { return isIdle(streams[TP_CUDA_COMPUTE].get()); });
  } catch (const RankError &) {
    throw;
  } catch (const Error &e) {
    throw Error(std::string(what) + ": " + e.what());
  }
}

void RankDevice::clearState() {
  if (!std::exchange(prepared, true)) {
    collectives->prepare(streams[TP_CUDA_COMPUTE].get(), [this](const std::function<bool()> &done) {
      waitFor(entered ? entered->name.c_str() : "setting up collectives", done);
    });
    if (profile)
      profile->setCrossovers(collectives->crossovers());
  }
  if (manifest.stateBytes > 0)
    TP_CUDA(cuMemsetD8Async, state.get(), 0, size_t(manifest.stateBytes), streams[TP_CUDA_COMPUTE].get());
  wait("clearing the cache");
}

// Two staging buffers in turn: one is filled from the file while the other is on its way.
void RankDevice::upload(const MappedFile &file, const Progress &progress) {
  const int64_t total = manifest.weightBytes, size = std::min(stagingBytes, std::max<int64_t>(total, 1));
  Stream compute = streams[TP_CUDA_COMPUTE].get();
  HostBuffer staging[2] = {makeHostBuffer(size), makeHostBuffer(size)};
  OwnedEvent copied[2] = {makeEvent(), makeEvent()};
  for (int64_t at = 0, i = 0; at < total; at += size, ++i) {
    const int64_t bytes = std::min(size, total - at);
    auto &buffer = staging[i % 2];
    if (i >= 2)
      for (int code; (code = driver().cuEventQuery(copied[i % 2].get())) != cudaSuccess; std::this_thread::yield())
        if (code != cudaNotReady)
          throw Error("copying weights: " + cudaMessage("cuEventQuery", code));
    std::memcpy(buffer.get(), file.data() + at, size_t(bytes));
    TP_CUDA(cuMemcpyHtoDAsync_v2, weights.get() + Pointer(at), buffer.get(), size_t(bytes), compute);
    TP_CUDA(cuEventRecord, copied[i % 2].get(), compute);
    if (progress)
      progress(rank, at + bytes, total);
    if (fault.raised())
      throw Stopped();
  }
  wait("copying weights");
}

} // namespace tp::rt::cuda
