// Times barriers and all_reduce: tp-comm-bench [RANKS [THREADS]]. Microseconds per call, for one thread's view of it.
#include "comm/Harness.h"
#include "core/Cpus.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace tp::rt;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char **argv) {
  const int ranks = argc > 1 ? std::atoi(argv[1]) : 2, threads = argc > 2 ? std::atoi(argv[2]) : 1;
  Manifest manifest;
  manifest.ranks = ranks;
  manifest.mesh = {{"tp", ranks}};
  const int64_t counts[] = {1, 512, 1024, 4096, 16384, 262144, 1 << 20};
  for (int64_t count : counts) {
    Collective c;
    c.axes = {"tp"};
    c.count = count;
    manifest.collectives.push_back(c);
  }
  std::vector<std::vector<float>> data(size_t(ranks), std::vector<float>(1 << 20));
  auto result = data;
  test::World world{threads, 60, ranks * threads <= availableCpus()};
  std::string failure = test::runRanks(manifest, world, [&](Communicator &comm, int thread) {
    auto &src = data[size_t(comm.rank())], &dst = result[size_t(comm.rank())];
    bool prints = comm.rank() == 0 && thread == 0;
    if (thread == 0) {
      const int steps = 100000;
      double begin = now();
      for (int i = 0; i < steps; ++i)
        comm.barrier();
      if (prints)
        std::printf("host barrier        %8.3f us\n", (now() - begin) / steps * 1e6);
    }
    for (size_t id = 0; id < std::size(counts); ++id) {
      const int64_t steps = std::max<int64_t>(20000000 / (counts[id] + 200), 30);
      comm.run(int64_t(id), thread, src.data(), dst.data());
      double begin = now();
      for (int64_t i = 0; i < steps; ++i)
        comm.run(int64_t(id), thread, src.data(), dst.data());
      if (prints)
        std::printf("all_reduce %7lld B %8.3f us\n", (long long)counts[id] * 4, (now() - begin) / double(steps) * 1e6);
    }
  });
  if (!failure.empty())
    std::fprintf(stderr, "%s\n", failure.c_str());
  return failure.empty() ? 0 : 1;
}
