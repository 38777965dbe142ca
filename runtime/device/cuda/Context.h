// A GPU taken for a rank: its context, its architecture and its memory.
#ifndef TP_RT_CUDACONTEXT_H
#define TP_RT_CUDACONTEXT_H

#include "core/Manifest.h"
#include "device/cuda/Objects.h"

namespace tp::rt::cuda {

// The GPU of each of `count` local ranks, the first of them `firstRank`. Throws Error where the machine has fewer GPUs
// than ranks, unless TP_CUDA_SHARE=1 lets ranks share one.
struct Placement {
  int devices = 0;
  bool shared = false; // ranks share a GPU
  int deviceOf(int localRank) const { return localRank % devices; }
};
Placement placeRanks(int ranks);

class DeviceContext {
public:
  // Throws Error.
  explicit DeviceContext(int device);
  ~DeviceContext();
  DeviceContext(const DeviceContext &) = delete;
  DeviceContext &operator=(const DeviceContext &) = delete;

  void makeCurrent() const;
  // Lets this GPU's kernels use the other's memory; false: the machine does not. Makes itself current.
  bool reach(const DeviceContext &peer) const;
  std::string describe() const; // "GPU 0 (NVIDIA H100, sm_90)"
  int64_t freeBytes() const;
  const int device;
  int arch = 0; // 90 for sm_90

private:
  Context context = nullptr;
  std::string name;
};

// Device bytes of one rank, by what they are for; `collectives`: staging of the ranks' meetings, or what is set aside
// for NCCL.
struct Need {
  int64_t weights = 0, state = 0, arena = 0, workspace = 0, collectives = 0;
  int64_t total() const { return weights + state + arena + workspace + collectives; }
};

// Throws Error with the numbers where the GPU has less free memory than `ranks` ranks on it need.
void requireMemory(const DeviceContext &context, const Need &need, int ranks);

// What `work` throws as an Error, or "".
template <typename F> std::string errorOf(F work) {
  try {
    work();
    return "";
  } catch (const Error &e) {
    return *e.what() ? e.what() : "unknown error";
  }
}

// What fails in `work` names the rank.
template <typename F> void forRank(int rank, F work) {
  try {
    work();
  } catch (const Error &e) {
    throw Error("rank " + std::to_string(rank) + ": " + e.what());
  }
}

} // namespace tp::rt::cuda

#endif
