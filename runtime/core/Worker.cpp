#include "core/EngineState.h"

#include <new>
#include <string>

namespace tp::rt {
namespace {

void meetTeam(RankState &state, int64_t thread) {
  int missing = state.team->wait(int(thread));
  if (missing != Barrier::met)
    throw RankError(int(state.frame.rank),
                    "stalled: thread " + std::to_string(missing) + " is not at a barrier after " +
                        std::to_string(int64_t(state.engine->policy.timeoutSeconds + 0.999)) + " s");
}

// The callbacks must not throw through the program, which has no unwind tables: they record the failure and jump out.
// Nothing with a destructor may live in the frames that are jumped over, so the work is in functions of its own.
bool tryBarrier(RankState &state, int64_t thread) noexcept {
  try {
    meetTeam(state, thread);
    return true;
  } catch (...) {
    raiseCurrentException(state.engine->fault, int(state.frame.rank));
    return false;
  }
}

bool tryCollective(RankState &state, int64_t thread, int64_t id, const void *src, void *dst) noexcept {
  try {
    if (id < 0 || id >= int64_t(state.calls.size()))
      throw Error("the program calls collective " + std::to_string(id) + ", the manifest has " +
                  std::to_string(state.calls.size()));
    state.comm->run(id, thread, src, dst);
    if (thread == 0)
      ++state.calls[size_t(id)];
    return true;
  } catch (...) {
    raiseCurrentException(state.engine->fault, int(state.frame.rank));
    return false;
  }
}

} // namespace

extern "C" {

static void tpBarrier(tp_frame *frame, int64_t thread) {
  auto &state = *reinterpret_cast<RankState *>(frame);
  if (!tryBarrier(state, thread))
    std::longjmp(state.exits[thread].target, 1);
}

static void tpCollective(tp_frame *frame, int64_t thread, int64_t id, const void *src, void *dst) {
  auto &state = *reinterpret_cast<RankState *>(frame);
  if (!tryCollective(state, thread, id, src, dst))
    std::longjmp(state.exits[thread].target, 1);
}

} // extern "C"

void installCallbacks(tp_frame &frame) {
  frame.barrier = tpBarrier;
  frame.collective = tpCollective;
}

void raiseCurrentException(Fault &fault, int rank) noexcept {
  try {
    throw;
  } catch (const Stopped &) { // NOLINT(bugprone-empty-catch): the failure is known already
  } catch (const RankError &e) {
    fault.raise(e.rank, e.what());
  } catch (const std::bad_alloc &) {
    fault.raise(rank, "out of memory");
  } catch (const std::exception &e) {
    fault.raise(rank, e.what());
  } catch (...) {
    fault.raise(rank, "unknown exception");
  }
}

int Worker::rank() const { return int(state.frame.rank); }
Communicator &Worker::comm() const { return *state.comm; }
char *Worker::arena() const { return state.frame.arena; }
void Worker::barrier() { meetTeam(state, thread); }

static thread_local int rankOfThread = -1;

int crashRank() { return rankOfThread; }

// A function of its own, for a variable that lives across setjmp must not change.
static bool enter(tp_entry code, RankState &state, int64_t thread) {
  if (setjmp(state.exits[thread].target) != 0)
    return false;
  code(&state.frame, thread);
  return true;
}

void Worker::call(const Entry &entry) {
  rankOfThread = rank();
  bool returned = enter(engine.package->code(entry), state, thread);
  rankOfThread = -1;
  if (!returned)
    throw Stopped();
}

} // namespace tp::rt
