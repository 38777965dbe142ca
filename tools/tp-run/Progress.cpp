#include "Progress.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace tp::run {

static bool wanted() {
  const char *text = std::getenv("TP_PROGRESS");
  return text ? std::strcmp(text, "0") != 0 : isatty(STDERR_FILENO) != 0;
}

Progress::Progress(size_t ranks) : shown(wanted()), expected(ranks) {}

void Progress::update(int rank, int64_t done, int64_t total) {
  if (!shown)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  loaded[rank] = {done, total};
  int64_t allDone = 0, all = 0;
  for (auto &[number, bytes] : loaded) {
    allDone += bytes.first;
    all += bytes.second;
  }
  const auto now = std::chrono::steady_clock::now();
  const bool complete = allDone == all && loaded.size() == expected;
  if (!complete && now < next)
    return;
  next = now + std::chrono::milliseconds(100);
  // The line is overwritten; the last one stands.
  std::fprintf(stderr, "\rweights on the GPU: %lld of %lld MiB%s", (long long)(allDone >> 20), (long long)(all >> 20),
               complete ? "\n" : "");
}

} // namespace tp::run
