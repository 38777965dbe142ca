// A block of a launch: its threads are fibers that run until they wait for each other. Warps meet at shuffles, the
// block at barriers; who waits for someone that can no longer come is an error, as is every bad access.
#ifndef TP_EMU_BLOCK_H
#define TP_EMU_BLOCK_H

#include "Fiber.h"
#include "Memory.h"
#include "Timeline.h"

#include <array>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace tp::emu {

struct Kernel;
class Block;

using Dim3 = std::array<uint32_t, 3>;

struct Launch {
  const Kernel *kernel = nullptr;
  int device = 0;
  Dim3 grid{1, 1, 1}, block{1, 1, 1};
  uint32_t sharedBytes = 0; // dynamic
  std::vector<uint64_t> arguments;
  OpId op = 0;
  Order order{0};      // op's, while it runs
  std::string problem; // the first error
};

// What a thread waits for.
struct Meeting {
  enum Kind { none, warp, barrier } kind = none;
  uint32_t site = 0, mask = 0; // warp: lanes that meet; barrier: its number
  bool aligned = false;        // barrier: whole warps at one instruction
  uint64_t in[12] = {}, out[4] = {};
};

// A thread. Compiled kernels read the fields up to `shared` at fixed offsets (Instrument.cpp).
struct Lane {
  Dim3 tid, ctaid, ntid, nctaid; // from byte 0, 12, 24, 36
  char *shared = nullptr;        // byte 48
  Block *block = nullptr;
  Fiber *fiber = nullptr;
  uint32_t number = 0; // in the block
  bool exited = false, spinning = false;
  Meeting meeting;
  struct Copy { // cp.async under way
    char *to;
    const char *from;
    uint32_t bytes, zeros;
    uint64_t group;
  };
  struct Suspect { // a write over another thread's, harmless where it changes nothing
    const char *at = nullptr;
    std::vector<char> before;
    uint32_t site;
    std::string problem;
  } suspect;
  std::vector<Copy> copies;
  uint64_t copyGroup = 0;

  uint32_t warp() const { return number / 32; }
  uint32_t lane() const { return number % 32; }
};
static_assert(offsetof(Lane, shared) == 48);

class Block {
public:
  Block(Launch &launch, Dim3 index);
  ~Block();

  enum Result { done, spinning, failed };
  // Runs until all threads have ended, or all that can run wait for memory to change.
  Result run();

  // For code that runs on a fiber:
  // Meets the lanes of `mask`; the last to come calls `finish` with all of them (by lane number, null where not in the
  // mask).
  template <typename F> void meetWarp(Lane &lane, uint32_t site, uint32_t mask, F finish) {
    if (!arrive(lane, site, mask))
      return suspend(lane);
    Lane *all[32];
    for (uint32_t i = 0; i < 32; ++i)
      all[i] = mask >> i & 1 ? &lanes[lane.warp() * 32 + i] : nullptr;
    finish(all);
    release(lane, mask);
  }
  void meetBarrier(Lane &lane, uint32_t site, uint32_t number, bool aligned);
  void spin(Lane &lane); // lets others run
  [[noreturn]] void fail(Lane &lane, uint32_t site, const std::string &what);
  // `compare`: stored() follows, so writing what is there already is no error.
  char *accessShared(Lane &lane, const char *p, uint64_t bytes, Access kind, uint32_t site, bool compare);
  void stored(Lane &lane);
  bool inShared(const char *p) const {
    return p >= sharedMemory.data() && p < sharedMemory.data() + sharedMemory.size();
  }
  void setShared(const char *p, uint64_t bytes, uint8_t state);
  // A meeting that orders the warp's accesses to memory.
  void orderWarp(const Lane &lane) { ++warps[lane.warp()].epoch; }

  Launch &launch;

private:
  // Who touched a byte of shared memory since the last barrier.
  struct Touch {
    uint16_t writer = 0, reader = 0; // thread + 1; reader 0xffff: several
    uint32_t writerEpoch = 0, readerEpoch = 0, writerWarp = 0, readerWarp = 0;
    uint8_t state = Memory::fresh;
  };
  // From the lane's fiber: goes on with another that can run, or the scheduler.
  void suspend(Lane &lane);
  static void entry(void *lane);
  void resume(Lane &lane);
  // What a warp's lanes do, a bit each; `site` and `mask` are those of the last to arrive at a meeting.
  struct Warp {
    uint32_t arrived = 0, blocked = 0; // at a meeting; ended, at a barrier or not there
    uint32_t site = 0, mask = 0;
    uint32_t epoch = 1; // counts the meetings that order memory
  };
  // True: the lane is the last of its meeting.
  bool arrive(Lane &lane, uint32_t site, uint32_t mask);
  void release(Lane &last, uint32_t mask);
  void block(Lane &lane) { warps[lane.warp()].blocked |= 1u << lane.lane(); }
  void checkMask(Lane &lane, uint32_t site, uint32_t mask);
  bool releaseBarrier();
  void reportStuck();
  std::string where(const Lane &lane, uint32_t site) const;
  const char *hazard(const Touch &touch, const Lane &lane, Access kind) const;
  const Lane *owner(uint16_t plusOne) const { return plusOne == 0xffff ? nullptr : &lanes[plusOne - 1u]; }

  const Dim3 index;
  std::vector<Lane> lanes;   // taken from a block that has ended, where there is one
  std::deque<Lane *> ready;  // those of a warp that has met come first: their stacks are warm
  struct alignas(128) Line { // as a GPU aligns it
    char bytes[128];
  };
  std::vector<Line> lines;
  std::span<char> sharedMemory; // in `lines`
  std::vector<Touch> touches;
  std::vector<Warp> warps;
  uint32_t epoch = 1;          // counts barriers
  size_t alive = 0, spins = 0; // spins: lanes in a row that only looked at memory
  bool broken = false;
};

// Runs all blocks. False: launch.problem says why not.
bool runLaunch(Launch &launch);
// The thread that the calling code belongs to.
Lane &currentLane();

} // namespace tp::emu

#endif
