// Small messages between GPUs that see each other's memory: the ranks meet in it, which takes less time than NCCL until
// a message is large. Where that is so is measured before the first text, for each group, or said by
// TP_CUDA_ONE_SHOT (bytes; 0: never).
#ifndef TP_RT_CUDAONESHOT_H
#define TP_RT_CUDAONESHOT_H

#include "device/cuda/Meetings.h"
#include "device/cuda/Peers.h"

#include <optional>

namespace tp::rt::cuda {

// What the ranks of this process share of it.
class OneShotWorld {
public:
  // Null where no message is small, or TP_CUDA_ONE_SHOT=0. As Peers, all ranks make it together.
  static std::unique_ptr<OneShotWorld> make(const Manifest &manifest,
                                            const std::vector<const DeviceContext *> &contexts, int firstRank,
                                            Communicator *host, const tp_transport *transport);
  const MeetingPlan plan; // of the manifest's collectives, and of sums to measure
  const std::optional<int64_t> fixed;
  AbortWord aborting;
  Peers peers;

private:
  OneShotWorld(MeetingPlan plan, std::optional<int64_t> fixed, AbortWord aborting,
               const std::vector<const DeviceContext *> &contexts, int firstRank, Communicator *host,
               const tp_transport *transport)
      : plan(std::move(plan)), fixed(fixed), aborting(std::move(aborting)),
        peers(int(this->plan.manifest.ranks), contexts, firstRank, host, transport, this->plan.bytes()) {}
};

// Up to how many bytes `samples`, by size, speak for meeting: to the last before the first at which NCCL takes less
// time; `all` where there is none.
int64_t crossoverOf(const std::vector<Crossover::Sample> &samples, int64_t all);

// One rank's part.
class OneShot {
public:
  OneShot(OneShotWorld &world, int rank, const MeetKernels &kernels);
  // Enqueues NCCL's all_reduce of f32 values over the axes.
  using AllReduce = std::function<void(const Axes &, Pointer src, Pointer dst, int64_t count, Reduction, Stream)>;
  // Finds the crossover of each group within reach; all ranks do it together.
  void measure(Stream stream, const Wait &wait, const AllReduce &nccl);
  bool takes(int32_t id) const;
  void run(int32_t id, Stream stream, Pointer src, Pointer dst) { meetings.run(id, stream, src, dst); }
  const std::vector<Crossover> &crossovers() const { return found; }

private:
  void race(Crossover &of, Stream stream, const Wait &wait, const AllReduce &nccl);

  OneShotWorld &world;
  Meetings meetings;
  std::vector<Crossover> found; // of groups within reach
};

} // namespace tp::rt::cuda

#endif
