// A barrier for a fixed set of threads that meet thousands of times per second.
//
// Each party owns one cache line with the number of barriers it has entered. There are two ways to wait:
//  - spin: until every line has reached the party's own number; a line that takes too long is slept on. One transfer
//    of a cache line is the whole cost. For threads that have a hardware thread each.
//  - block: the last party to arrive wakes the others, which sleep. For threads that outnumber the hardware.
// A wait ends early when the fault is raised or the deadline passes.
#ifndef TP_RT_BARRIER_H
#define TP_RT_BARRIER_H

#include "core/Fault.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace tp::rt {

struct WaitPolicy {
  bool spin = true;
  double timeoutSeconds = 120; // how long a wait may last before the missing party is called stalled
};

// TP_TIMEOUT of the environment in seconds, else 120; throws Error when it is not a positive number.
double timeoutFromEnvironment();

class Barrier {
public:
  Barrier(int parties, WaitPolicy policy, const Fault &fault);

  static constexpr int met = -1;

  // Enters as party `self` (0 <= self < parties). Returns `met` when all have entered; when the deadline has passed,
  // the number of a party that is missing. Throws Stopped when the fault is raised meanwhile.
  int wait(int self);
  // Waits on, for another deadline, after wait() returned a missing party.
  int waitAgain(int self);

  int parties() const { return count; }

private:
  struct alignas(128) Line {
    std::atomic<uint32_t> entered{0};
  };
  int waitSpinning(int self, uint32_t epoch);
  void sleepOn(std::atomic<uint32_t> &entered, uint32_t epoch);
  int waitBlocking(uint32_t epoch, bool last);
  int missing(uint32_t epoch) const;

  const int count;
  const WaitPolicy policy;
  const Fault &fault;
  std::unique_ptr<Line[]> lines;
  alignas(128) std::atomic<int> sleepers{0}; // of the spinning kind
  alignas(128) std::atomic<int> arrived{0};  // of the blocking kind, as is the next
  alignas(128) std::atomic<uint32_t> generation{0};
};

} // namespace tp::rt

#endif
