// What happens before what: every operation on a stream (kernel, copy, GEMM, collective) gets a vector clock when it is
// enqueued. Two operations that touch the same bytes, one of them writing, must be ordered by a stream, an event or the
// host.
#ifndef TP_EMU_TIMELINE_H
#define TP_EMU_TIMELINE_H

#include "Memory.h"

#include <deque>
#include <string>
#include <vector>

namespace tp::emu {

using Clock = std::vector<uint32_t>; // by stream number: operations of it that have happened
void join(Clock &into, const Clock &from);

class Timeline {
public:
  static Timeline &get();
  // Operation `name` on `stream`, whose clock it advances; `after` are clocks that it waits for.
  OpId add(int stream, Clock &streamClock, const std::string &name);
  bool before(OpId first, OpId second) const;
  std::string describe(OpId op) const;
  // Within a running operation: what it has seen through a flag in memory.
  void acquire(OpId op, const Clock &clock);
  Clock clockOf(OpId op) const;
  int newStream();
  Clock host; // what the host has waited for; guarded by the emulator's lock
  void reset();

private:
  struct Op {
    int stream;
    uint32_t number;
    Clock clock;
    std::string name;
  };
  std::deque<Op> ops{{}}; // grows at the end alone, so that readers need no lock for what they know
  int streams = 0;
};

// An operation that asks what came before it. The answer yes stays, so it is kept.
class Order {
public:
  explicit Order(OpId op) : op(op) {}
  OpId op;
  bool after(OpId first) { return first == 0 || first == op || known[first % slots] == first || ask(first); }

private:
  static constexpr size_t slots = 64;
  bool ask(OpId first);
  OpId known[slots] = {};
};

} // namespace tp::emu

#endif
