// The emulated NCCL alone: ranks are threads with a device each. What the calls compute, and that ranks which disagree
// are told so.
#include "OnDevice.h"

#include <thread>

namespace tp::emu {
namespace {

using namespace rt::cuda;

// What a call comes to that may go on in the background.
int settled(NcclComm comm, int code) {
  while (code == ncclInProgress)
    nccl().ncclCommGetAsyncError(comm, &code);
  return code;
}

// A rank of a test: its device and its communicator.
struct Rank {
  int rank;
  OnDevice on;
  NcclComm comm = nullptr;

  Rank(int rank, int ranks, const NcclId &id) : rank(rank), on(rank) {
    NcclConfig config;
    EXPECT_EQ(settled(nccl().ncclCommInitRankConfig(&comm, ranks, id, rank, &config)), 0);
  }
  int settled(int code) const { return emu::settled(comm, code); }
  void end(bool abort) {
    if (abort)
      nccl().ncclCommAbort(comm);
    else
      nccl().ncclCommDestroy(comm);
  }
};

class Nccl : public testing::Test {
protected:
  void SetUp() override { useEmulator(3); }
  void TearDown() override {
    tpEmuReset();
    EXPECT_STREQ(tpEmuLeaks(), "");
  }
  // Runs `work` on each rank; the first rank's error, "" for none.
  template <typename F> std::string onRanks(int ranks, F work) {
    NcclId id{};
    nccl().ncclGetUniqueId(&id);
    std::vector<std::string> errors(static_cast<size_t>(ranks));
    std::vector<std::thread> threads;
    for (int r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] {
        Rank rank(r, ranks, id);
        errors[size_t(r)] = work(rank);
        rank.end(!errors[size_t(r)].empty());
      });
    for (std::thread &thread : threads)
      thread.join();
    for (const std::string &error : errors)
      EXPECT_EQ(error.empty(), errors[0].empty()) << error << errors[0];
    return errors[0];
  }
  // Both ranks give one call each.
  template <typename F> std::string oneCall(F call) {
    return onRanks(2, [&](Rank &rank) {
      const DeviceBuffer from = rank.on.upload(std::vector<float>(64, 1)), to = rank.on.upload(std::vector<float>(128));
      const int code = call(rank.rank, reinterpret_cast<void *>(from.get()), reinterpret_cast<void *>(to.get()),
                            rank.comm, rank.on.stream.get());
      EXPECT_EQ(rank.settled(code), 0);
      return rank.on.wait();
    });
  }
  void expectError(const std::string &error, std::initializer_list<const char *> parts) {
    for (const char *part : parts)
      EXPECT_NE(error.find(part), std::string::npos) << "no '" << part << "' in: " << error;
  }
};

void *at(const DeviceBuffer &buffer) { return reinterpret_cast<void *>(buffer.get()); }

TEST_F(Nccl, AllReduce) {
  EXPECT_EQ(onRanks(3,
                    [](Rank &r) {
                      const auto mine = float(r.rank + 1);
                      const DeviceBuffer f = r.on.upload(std::vector<float>{mine, -mine, 0.5f * mine});
                      const DeviceBuffer h = r.on.upload(std::vector<uint16_t>{toBf16(mine), toBf16(-mine)});
                      const DeviceBuffer i = r.on.upload(std::vector<int32_t>{r.rank, 1 << 28});
                      Stream s = r.on.stream.get();
                      r.settled(nccl().ncclAllReduce(at(f), at(f), 3, ncclTypeF32, ncclReduceSum, r.comm, s));
                      r.settled(nccl().ncclAllReduce(at(h), at(h), 2, ncclTypeBf16, ncclReduceMax, r.comm, s));
                      r.settled(nccl().ncclAllReduce(at(i), at(i), 2, ncclTypeI32, ncclReduceSum, r.comm, s));
                      const std::string error = r.on.wait();
                      EXPECT_EQ(r.on.download<float>(f, 3), (std::vector<float>{6, -6, 3}));
                      EXPECT_EQ(r.on.download<uint16_t>(h, 2), (std::vector<uint16_t>{toBf16(3), toBf16(-1)}));
                      EXPECT_EQ(r.on.download<int32_t>(i, 2), (std::vector<int32_t>{3, 3 << 28}));
                      return error;
                    }),
            "");
}

TEST_F(Nccl, AllGather) {
  EXPECT_EQ(onRanks(3,
                    [](Rank &r) {
                      const DeviceBuffer from = r.on.upload(std::vector<int32_t>{r.rank, r.rank + 10});
                      const DeviceBuffer to = makeDeviceBuffer(24, "a test");
                      r.settled(nccl().ncclAllGather(at(from), at(to), 2, ncclTypeI32, r.comm, r.on.stream.get()));
                      const std::string error = r.on.wait();
                      EXPECT_EQ(r.on.download<int32_t>(to, 6), (std::vector<int32_t>{0, 10, 1, 11, 2, 12}));
                      return error;
                    }),
            "");
}

TEST_F(Nccl, SendsAndReceivesOfAGroup) {
  EXPECT_EQ(onRanks(3,
                    [](Rank &r) {
                      const DeviceBuffer from = r.on.upload(std::vector<float>{float(r.rank)});
                      const DeviceBuffer to = makeDeviceBuffer(4, "a test");
                      nccl().ncclGroupStart();
                      nccl().ncclSend(at(from), 1, ncclTypeF32, (r.rank + 1) % 3, r.comm, r.on.stream.get());
                      nccl().ncclRecv(at(to), 1, ncclTypeF32, (r.rank + 2) % 3, r.comm, r.on.stream.get());
                      r.settled(nccl().ncclGroupEnd());
                      const std::string error = r.on.wait();
                      EXPECT_EQ(r.on.download<float>(to, 1)[0], float((r.rank + 2) % 3));
                      return error;
                    }),
            "");
}

TEST_F(Nccl, CountsThatDiffer) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                return nccl().ncclAllReduce(from, to, size_t(8 + rank), ncclTypeF32, ncclReduceSum, comm, s);
              }),
              {"NCCL: ranks disagree in call 0", "has all_reduce of 8 f32, sum", "has all_reduce of 9 f32, sum"});
}

TEST_F(Nccl, TypesThatDiffer) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                return nccl().ncclAllGather(from, to, 8, rank ? ncclTypeBf16 : ncclTypeF32, comm, s);
              }),
              {"rank 0 has all_gather of 8 f32", "rank 1 has all_gather of 8 bf16"});
}

TEST_F(Nccl, ReductionsThatDiffer) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                return nccl().ncclAllReduce(from, to, 8, ncclTypeF32, rank ? ncclReduceMax : ncclReduceSum, comm, s);
              }),
              {"8 f32, sum", "8 f32, max"});
}

TEST_F(Nccl, KindsThatDiffer) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                return rank == 0 ? nccl().ncclAllReduce(from, from, 8, ncclTypeF32, ncclReduceSum, comm, s)
                                 : nccl().ncclAllGather(from, to, 8, ncclTypeF32, comm, s);
              }),
              {"disagree in call 0", "rank 0 has all_reduce of 8 f32", "rank 1 has all_gather of 8 f32"});
}

TEST_F(Nccl, GroupsThatDiffer) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                nccl().ncclGroupStart();
                for (int i = 0; i <= rank; ++i)
                  nccl().ncclAllReduce(from, to, 8, ncclTypeF32, ncclReduceSum, comm, s);
                return nccl().ncclGroupEnd();
              }),
              {"rank 0 has all_reduce of 8 f32, sum", "rank 1 has a group of 2"});
}

TEST_F(Nccl, ASendThatNobodyReceives) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                nccl().ncclGroupStart();
                if (rank == 0)
                  nccl().ncclSend(from, 8, ncclTypeF32, 1, comm, s);
                nccl().ncclRecv(to, 8, ncclTypeF32, rank, comm, s);
                nccl().ncclSend(from, 8, ncclTypeF32, rank, comm, s);
                settled(comm, nccl().ncclGroupEnd());
                return nccl().ncclAllReduce(from, to, 8, ncclTypeF32, ncclReduceSum, comm, s);
              }),
              {"NCCL: rank 0 has send of 8 f32, peer 1, which nobody receives"});
}

TEST_F(Nccl, AReceiveThatNobodySends) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                if (rank)
                  settled(comm, nccl().ncclRecv(to, 8, ncclTypeF32, 0, comm, s));
                return nccl().ncclAllReduce(from, to, 8, ncclTypeF32, ncclReduceSum, comm, s);
              }),
              {"rank 1 has recv of 8 f32, peer 0, but that rank has all_reduce of 8 f32, sum"});
}

TEST_F(Nccl, AReceiveOfAnotherSize) {
  expectError(oneCall([](int rank, void *from, void *to, NcclComm comm, Stream s) {
                settled(comm, rank ? nccl().ncclRecv(to, 9, ncclTypeF32, 0, comm, s)
                                   : nccl().ncclSend(from, 8, ncclTypeF32, 1, comm, s));
                return nccl().ncclAllReduce(from, to, 8, ncclTypeF32, ncclReduceSum, comm, s);
              }),
              {"rank 1 has recv of 9 f32, peer 0, but that rank has send of 8 f32, peer 1"});
}

TEST_F(Nccl, MemoryIsChecked) {
  expectError(oneCall([](int, void *from, void *to, NcclComm comm, Stream s) {
                return nccl().ncclAllReduce(from, to, 65, ncclTypeF32, ncclReduceSum, comm, s);
              }),
              {"NCCL: ", "reads", "out of bounds"});
}

// Without blocking, the first call goes on behind the caller's back.
TEST_F(Nccl, WorkThatOvertakesACallInProgress) {
  expectError(onRanks(1,
                      [](Rank &r) {
                        const DeviceBuffer buffer = r.on.upload(std::vector<float>(8));
                        Stream s = r.on.stream.get();
                        nccl().ncclAllReduce(at(buffer), at(buffer), 8, ncclTypeF32, ncclReduceSum, r.comm, s);
                        driver().cuMemsetD8Async(buffer.get(), 0, 32, s);
                        return r.on.wait();
                      }),
              {"a memset comes to a stream before an NCCL call that is still in progress"});
}

TEST_F(Nccl, TwoRanksOnADevice) {
  OnDevice on(0);
  NcclId id{};
  nccl().ncclGetUniqueId(&id);
  NcclConfig config;
  NcclComm first = nullptr, second = nullptr;
  EXPECT_EQ(nccl().ncclCommInitRankConfig(&first, 2, id, 0, &config), ncclInProgress);
  EXPECT_EQ(nccl().ncclCommInitRankConfig(&second, 2, id, 1, &config), ncclInvalidUsage);
  nccl().ncclCommAbort(first);
}

} // namespace
} // namespace tp::emu
