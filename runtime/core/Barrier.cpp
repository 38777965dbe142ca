#include "core/Barrier.h"

#include "core/Error.h"

#include <chrono>
#include <climits>
#include <cstdlib>
#include <linux/futex.h>
#include <optional>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tp::rt {
namespace {

using Clock = std::chrono::steady_clock;

void cpuRelax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

bool reached(uint32_t entered, uint32_t epoch) { return int32_t(entered - epoch) >= 0; }

// Sleeps while `word` holds `value`, 50 ms at most: a waiter has to notice a fault, which wakes nobody.
void futexWait(std::atomic<uint32_t> &word, uint32_t value) {
  timespec slice{0, 50'000'000};
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, value, &slice, nullptr, 0);
}

void futexWakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// Read only in a wait that has already lasted: the clock is not touched on the fast path.
class Deadline {
public:
  explicit Deadline(double seconds) : end(Clock::now() + std::chrono::duration<double>(seconds)) {}
  bool passed() const { return Clock::now() > end; }

private:
  std::chrono::time_point<Clock, std::chrono::duration<double>> end;
};

} // namespace

double timeoutFromEnvironment() {
  const char *text = std::getenv("TP_TIMEOUT");
  if (!text || !*text)
    return 120;
  char *end = nullptr;
  double seconds = std::strtod(text, &end);
  if (*end != '\0' || !(seconds > 0) || seconds > 1e9)
    throw Error("TP_TIMEOUT: expected a number of seconds above 0, found '" + std::string(text) + "'");
  return seconds;
}

Barrier::Barrier(int parties, WaitPolicy policy, const Fault &fault)
    : count(parties), policy(policy), fault(fault), lines(new Line[parties]) {}

int Barrier::wait(int self) {
  if (count == 1)
    return met;
  uint32_t epoch = lines[self].entered.load(std::memory_order_relaxed) + 1;
  if (!policy.spin) {
    lines[self].entered.store(epoch, std::memory_order_release);
    return waitBlocking(epoch, arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == count);
  }
  // Sequentially consistent with sleepOn: either the sleeper sees the new number or it is seen here.
  lines[self].entered.exchange(epoch);
  if (sleepers.load() > 0)
    futexWakeAll(lines[self].entered);
  return waitSpinning(self, epoch);
}

int Barrier::waitAgain(int self) {
  uint32_t epoch = lines[self].entered.load(std::memory_order_relaxed);
  return policy.spin ? waitSpinning(self, epoch) : waitBlocking(epoch, false);
}

int Barrier::waitSpinning(int self, uint32_t epoch) {
  // About 50 us of spinning; who is later than that may lack a core, for the machine may not be ours alone.
  constexpr int mostSpins = 2000;
  int spins = 0;
  std::optional<Deadline> deadline;
  for (int i = 0; i < count; ++i) {
    if (i == self)
      continue;
    while (!reached(lines[i].entered.load(std::memory_order_acquire), epoch)) {
      if (++spins < mostSpins) {
        cpuRelax();
        continue;
      }
      if (fault.raised())
        throw Stopped();
      if (!deadline)
        deadline.emplace(policy.timeoutSeconds);
      else if (deadline->passed())
        return i;
      sleepOn(lines[i].entered, epoch);
    }
  }
  return met;
}

void Barrier::sleepOn(std::atomic<uint32_t> &entered, uint32_t epoch) {
  sleepers.fetch_add(1);
  uint32_t now = entered.load();
  if (!reached(now, epoch))
    futexWait(entered, now);
  sleepers.fetch_sub(1);
}

// The generation is the number of the last barrier that everyone entered.
int Barrier::waitBlocking(uint32_t epoch, bool last) {
  if (last) {
    arrived.store(0, std::memory_order_relaxed);
    generation.store(epoch, std::memory_order_release);
    futexWakeAll(generation);
    return met;
  }
  // The others are often runnable and about to arrive: going behind them costs half of a sleep and a wake-up.
  for (int i = 0; i < 8; ++i) {
    if (reached(generation.load(std::memory_order_acquire), epoch))
      return met;
    sched_yield();
  }
  Deadline deadline(policy.timeoutSeconds);
  for (;;) {
    uint32_t now = generation.load(std::memory_order_acquire);
    if (reached(now, epoch))
      return met;
    if (fault.raised())
      throw Stopped();
    if (deadline.passed())
      return missing(epoch);
    futexWait(generation, now);
  }
}

int Barrier::missing(uint32_t epoch) const {
  for (int i = 0; i < count; ++i)
    if (!reached(lines[i].entered.load(std::memory_order_acquire), epoch))
      return i;
  return met;
}

} // namespace tp::rt
