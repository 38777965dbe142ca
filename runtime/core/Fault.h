// What ends every rank: the first failure of any rank in this process, kept until everyone has stopped.
#ifndef TP_RT_FAULT_H
#define TP_RT_FAULT_H

#include <atomic>
#include <mutex>
#include <string>

namespace tp::rt {

// The first raise wins; later ones are consequences and are dropped. Waiting loops poll raised().
class Fault {
public:
  // A rank of -1 stands for the process as a whole.
  void raise(int rank, const std::string &reason) {
    std::lock_guard<std::mutex> lock(mutex);
    if (flag.load(std::memory_order_relaxed))
      return;
    text = rank < 0 ? reason : "rank " + std::to_string(rank) + ": " + reason;
    flag.store(true, std::memory_order_release);
  }
  bool raised() const { return flag.load(std::memory_order_acquire); }
  std::string message() const {
    std::lock_guard<std::mutex> lock(mutex);
    return text;
  }

private:
  std::atomic<bool> flag{false};
  mutable std::mutex mutex;
  std::string text;
};

// Thrown out of a wait because some other rank has failed: that failure is in Fault already.
struct Stopped {};

} // namespace tp::rt

#endif
