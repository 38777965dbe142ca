// A rank that fails or stalls ends every rank, with its number and the reason. (Under mpirun: TpRunTest, for a failure
// ends the process there.)
#include "comm/Harness.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace tp::rt::test {
namespace {

class Fault : public testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    if (underMpi())
      GTEST_SKIP() << "local only";
  }
  Manifest threeRanks() {
    Manifest manifest;
    manifest.ranks = 3;
    manifest.mesh = {{"tp", 3}};
    Collective c;
    c.axes = {"tp"};
    c.count = 8;
    c.origin = "layer: tp.linear wo, partial sum";
    manifest.collectives = {c};
    return manifest;
  }
  World world() { return {2, 0.3, GetParam()}; }
};

void reduceForever(Communicator &comm, int thread, int steps) {
  float src[8] = {}, dst[8] = {};
  for (int i = 0; i < steps; ++i)
    comm.run(0, thread, src, dst);
}

TEST_P(Fault, ARankThatThrowsEndsAll) {
  std::string message = runRanks(threeRanks(), world(), [](Communicator &comm, int thread) {
    float src[3][8] = {}, dst[3][8] = {};
    for (int step = 0; step < 1000; ++step) {
      if (comm.rank() == 1 && thread == 1 && step == 500)
        throw Error("no luck");
      comm.run(0, thread, src[comm.rank()], dst[comm.rank()]);
    }
  });
  EXPECT_EQ(message, "rank 1: no luck");
}

TEST_P(Fault, ARankThatAbortsEndsAll) {
  std::string message = runRanks(threeRanks(), world(), [](Communicator &comm, int thread) {
    if (comm.rank() == 2)
      return comm.abort("gave up");
    reduceForever(comm, thread, 10);
  });
  EXPECT_EQ(message, "rank 2: gave up");
}

TEST_P(Fault, ARankThatStallsIsNamedWithTheCollective) {
  auto begin = std::chrono::steady_clock::now();
  std::string message = runRanks(threeRanks(), world(), [](Communicator &comm, int thread) {
    if (comm.rank() == 1)
      std::this_thread::sleep_for(std::chrono::seconds(1));
    reduceForever(comm, thread, 10);
  });
  EXPECT_EQ(message, "rank 1: stalled: not at all_reduce (layer: tp.linear wo, partial sum) after 0.3 s");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_P(Fault, AHostThatIsBusyIsNotStalled) {
  std::string message = runRanks(threeRanks(), world(), [](Communicator &comm, int thread) {
    if (thread != 0)
      return;
    if (comm.rank() == 0) {
      comm.setHostBusy(true);
      std::this_thread::sleep_for(std::chrono::seconds(1));
      comm.setHostBusy(false);
    }
    int value = comm.rank();
    comm.broadcast(&value, sizeof(value), 0);
    if (value != 0)
      throw Error("wrong value");
  });
  EXPECT_EQ(message, "");
}

INSTANTIATE_TEST_SUITE_P(Wait, Fault, testing::Bool(), [](const auto &info) { return info.param ? "spin" : "block"; });

} // namespace
} // namespace tp::rt::test
