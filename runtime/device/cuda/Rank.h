// One rank's GPU side: its memory, its kernels, the program's callbacks, and the graph of each entry.
#ifndef TP_RT_CUDARANK_H
#define TP_RT_CUDARANK_H

#include "core/Barrier.h"
#include "core/Package.h"
#include "device/cuda/Collectives.h"
#include "device/cuda/Gemms.h"
#include "device/cuda/Kernels.h"
#include "device/cuda/Profile.h"

#include <functional>
#include <unordered_map>

namespace tp::rt::cuda {

// Told while weights are copied to a GPU; bytes.
using Progress = std::function<void(int rank, int64_t done, int64_t total)>;

class RankDevice {
public:
  // `fault` and all else outlive it. Allocates; copies nothing yet.
  RankDevice(const Package &package, int rank, const DeviceContext &context, std::unique_ptr<Collectives> collectives,
             WaitPolicy policy, const Fault &fault);
  ~RankDevice();
  RankDevice(const RankDevice &) = delete;
  RankDevice &operator=(const RankDevice &) = delete;

  // All of the following are called by the rank's own thread and throw Error, RankError or Stopped.
  void makeCurrent() const { context.makeCurrent(); }
  void upload(const MappedFile &weights, const Progress &progress);
  // Before texts of their own. The first time it makes the collectives ready, all ranks together: only now is it known
  // that none has failed.
  void clearState();
  // Runs an entry with the inputs in host(); `outputs`: brings its outputs there.
  void run(const Entry &entry, bool outputs);
  // Pinned memory that stands for an input or output of the manifest.
  void *host(const Tensor &tensor) const;
  void abort() noexcept { collectives->abort(); }

  // How often the last run called each collective of the manifest.
  const std::vector<int64_t> &collectiveCalls(const Entry &entry) { return runs[&entry].collectives; }

private:
  struct Frame { // the program sees the first field
    tp_cuda_frame frame{};
    RankDevice *self = nullptr;
  };
  struct Run { // of an entry
    int64_t calls = 0;
    OwnedExec graph;
    std::vector<int64_t> collectives;
  };

  void placeHostMemory();
  void installCallbacks();
  template <typename F> static void guarded(tp_cuda_frame *frame, F enqueue) noexcept;
  // `what` says what is measured, where it is.
  template <typename W, typename F> void timed(Stream stream, W what, F enqueue);
  void enqueue(const Entry &entry);
  void capture(const Entry &entry, Run &run);
  void waitFor(const char *what, const std::function<bool()> &done);
  void wait(const char *what); // for the compute stream
  Stream stream(int32_t number) const;
  Event event(int32_t number) const;

  const Package &package;
  const Manifest &manifest;
  const int rank;
  const DeviceContext &context;
  const WaitPolicy policy;
  const Fault &fault;
  std::unique_ptr<Profile> profile;
  const bool graphs; // TP_CUDA_GRAPHS=0, or a profile: none
  std::unique_ptr<Collectives> collectives;
  bool prepared = false; // the collectives are
  DeviceBuffer weights, state, arena;
  HostBuffer pinned;
  OwnedStream streams[TP_CUDA_STREAMS];
  std::vector<OwnedEvent> events;
  std::unique_ptr<KernelTable> kernels;
  std::unique_ptr<GemmTable> gemms;
  std::unordered_map<const Tensor *, int64_t> places; // in `pinned`
  std::unordered_map<const Entry *, Run> runs;
  Run *current = nullptr; // being enqueued
  const Entry *entered = nullptr;
  Frame frame;
  std::exception_ptr failure; // of a callback
};

} // namespace tp::rt::cuda

#endif
