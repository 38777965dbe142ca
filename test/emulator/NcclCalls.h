// Calls of the emulated NCCL: what they say, whether ranks agree on them, and their arithmetic.
#ifndef TP_EMU_NCCLCALLS_H
#define TP_EMU_NCCLCALLS_H

#include "device/cuda/CudaTypes.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tp::emu {

struct Call {
  enum Kind { allReduce, allGather, send, recv } kind;
  const void *src;
  void *dst;
  size_t count;
  int type, op, peer;
  size_t bytes() const { return count * (type == rt::cuda::ncclTypeBf16 ? 2 : 4); }
  bool isPair() const { return kind >= send; }
  std::string describe() const;
};

// What ncclGroupStart and ncclGroupEnd hold together, or one call.
using Group = std::vector<Call>;

// Where two ranks' calls differ, or "".
std::string disagreement(int rank, const Group &a, int other, const Group &b, uint64_t number);
// Element by element, as `call` says.
void reduce(std::vector<char> &into, const std::vector<char> &from, const Call &call);

// Ranks that are processes, where TP_EMU_NCCL names a folder of this machine: they meet in files below it.
class ProcessWorld {
public:
  // Throws std::runtime_error.
  ProcessWorld(const std::string &folder, int ranks, int rank);
  ~ProcessWorld();
  int joined() const;
  bool aborted() const;
  void abort();
  // What went wrong, nothing, or tryAgain; `op` is the operation that runs.
  std::string meet(const Group &group, uint32_t op, uint64_t number, bool first);
  // The same of sends and receives; `next` is the first call that may be a receive yet to come.
  std::string runPairs(const Group &group, uint32_t op, size_t &next, bool first);

private:
  struct Part;
  std::string file(uint64_t number, int rank) const;
  std::string publish(const Group &group, uint32_t op, uint64_t number) const;
  Part read(uint64_t number, int rank) const;
  std::string pairFile(int from, int to, uint64_t number) const;
  const std::string folder;
  const int ranks, rank;
  std::map<int, uint64_t> sent, received; // by peer
};

} // namespace tp::emu

#endif
