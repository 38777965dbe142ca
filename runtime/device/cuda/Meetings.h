// Ranks that see each other's memory meet in it, on one GPU or on several: the kernels of Meet.c, one launch a rank and
// collective.
#ifndef TP_RT_CUDAMEETINGS_H
#define TP_RT_CUDAMEETINGS_H

#include "device/cuda/Collectives.h"

#include <atomic>
#include <map>

namespace tp::rt::cuda {

// Where control blocks and staging buffers lie in the memory that each rank brings; the same for all ranks.
class MeetingPlan {
public:
  // For those of `collectives` whose source has up to `limit` bytes.
  MeetingPlan(const Manifest &manifest, std::vector<Collective> collectives, int64_t limit);

  struct Place { // offsets, and the bytes of one of two staging buffers
    int64_t control = 0, staging = 0, stride = 0;
  };
  bool takes(int32_t id) const { return sourceBytes(collectives[size_t(id)]) <= limit; }
  int64_t bytes() const { return end; } // of a rank, for others to see
  int64_t tableBytes() const;           // of a rank, for itself

  const Manifest &manifest;
  const std::vector<Collective> collectives;
  const int64_t limit;
  std::map<Axes, Place> places;

private:
  int64_t end = 0;
};

// Read by kernels that wait; 1: they give up.
class AbortWord {
public:
  AbortWord() : word(makeHostBuffer(sizeof(uint32_t))) { value()->store(0); }
  void set() { value()->store(1); }
  uint64_t address() const { return reinterpret_cast<uint64_t>(word.get()); }

private:
  std::atomic<uint32_t> *value() const { return static_cast<std::atomic<uint32_t> *>(word.get()); }
  HostBuffer word;
};

// One rank's part.
class Meetings {
public:
  // `bases`: by rank, where its memory is for this rank's GPU, whose context is current; 0: out of reach. `maxBlocks`:
  // of a launch; those of all ranks on one GPU must be there at once.
  Meetings(const MeetingPlan &plan, int rank, const std::vector<Pointer> &bases, const AbortWord &abort,
           const MeetKernels &kernels, int64_t maxBlocks);
  // Enqueues a collective of the plan, which it takes, and whose group is within reach.
  void run(int32_t id, Stream stream, Pointer src, Pointer dst);

private:
  struct Group {
    int64_t me = 0, ranks = 0;
    Pointer controls = 0, buffers = 0; // tables by position
  };
  const MeetingPlan &plan;
  const AbortWord &abort;
  const MeetKernels &kernels;
  const int64_t maxBlocks;
  DeviceBuffer tables;
  std::map<Axes, Group> groups;
  std::vector<Pointer> boxes; // by collective: what this rank takes, by position
};

} // namespace tp::rt::cuda

#endif
