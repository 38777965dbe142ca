// A line on standard error that says how much of the weights has reached the GPUs. Shown on a terminal alone, or as
// TP_PROGRESS says: 1 always, 0 never.
#ifndef TP_RUN_PROGRESS_H
#define TP_RUN_PROGRESS_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace tp::run {

class Progress {
public:
  explicit Progress(size_t ranks); // those that will tell
  // Bytes of a rank; from any thread.
  void update(int rank, int64_t done, int64_t total);

private:
  const bool shown;
  const size_t expected;
  std::mutex mutex;
  std::map<int, std::pair<int64_t, int64_t>> loaded; // by rank: done, total
  std::chrono::steady_clock::time_point next{};      // when to show again
};

} // namespace tp::run

#endif
