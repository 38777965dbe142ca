#include "core/Barrier.h"

#include "core/Error.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tp::rt::test {
namespace {

class BarrierTest : public testing::TestWithParam<bool> {};

TEST_P(BarrierTest, NobodyPassesBeforeAllHaveEntered) {
  for (int parties : {1, 2, 5}) {
    Fault fault;
    Barrier barrier(parties, {GetParam(), 60}, fault);
    std::vector<int> step(static_cast<size_t>(parties)); // each written by its party, read by all between barriers
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int self = 0; self < parties; ++self)
      threads.emplace_back([&, self] {
        for (int i = 1; i <= 500; ++i) {
          step[size_t(self)] = i;
          barrier.wait(self);
          for (int other : step)
            wrong += other != i;
          barrier.wait(self);
        }
      });
    for (auto &thread : threads)
      thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST_P(BarrierTest, TheMissingPartyIsNamedAndMayStillCome) {
  Fault fault;
  Barrier barrier(3, {GetParam(), 0.1}, fault);
  auto waitLong = [&](int self) {
    int missing = barrier.wait(self);
    while (missing != Barrier::met)
      missing = barrier.waitAgain(self);
  };
  std::thread other([&] { waitLong(0); });
  EXPECT_EQ(barrier.wait(1), 2);
  std::thread late([&] { waitLong(2); });
  while (barrier.waitAgain(1) != Barrier::met)
    ;
  late.join();
  other.join();
}

TEST_P(BarrierTest, AFaultEndsTheWait) {
  Fault fault;
  Barrier barrier(2, {GetParam(), 60}, fault);
  std::thread waiting([&] { EXPECT_THROW(barrier.wait(0), Stopped); });
  fault.raise(1, "broken");
  waiting.join();
  EXPECT_EQ(fault.message(), "rank 1: broken");
}

INSTANTIATE_TEST_SUITE_P(Wait, BarrierTest, testing::Bool(),
                         [](const auto &info) { return info.param ? "spin" : "block"; });

TEST(Timeout, IsReadFromTheEnvironment) {
  unsetenv("TP_TIMEOUT");
  EXPECT_EQ(timeoutFromEnvironment(), 120);
  setenv("TP_TIMEOUT", "2.5", 1);
  EXPECT_EQ(timeoutFromEnvironment(), 2.5);
  for (const char *bad : {"x", "-1", "0", "1s", "nan"}) {
    setenv("TP_TIMEOUT", bad, 1);
    EXPECT_THROW(timeoutFromEnvironment(), Error) << bad;
  }
  unsetenv("TP_TIMEOUT");
}

} // namespace
} // namespace tp::rt::test
