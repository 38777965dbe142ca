// One suite for all communicators: every kind, type and group, even and uneven, against the reference, to the bit.
// Alone it runs ranks as threads, 1 to 8; under mpirun ranks as processes, as many as were started.
#include "comm/Cases.h"
#include "comm/Harness.h"
#include "comm/Transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace tp::rt::test {
namespace {

// Ranks and threads per rank.
class Conformance : public testing::TestWithParam<std::pair<int, int>> {
protected:
  int ranks() const { return GetParam().first; }
  int threads() const { return GetParam().second; }
  Cases cases;
  Manifest oneAxis() const { return mesh({ranks()}); }

  struct Buffers {
    Bytes src, dst;
  };
  // What every rank of this process works on: dst is full of noise, and has a guard behind its end.
  Buffers buffers(const Collective &c, int64_t id, int rank) {
    Buffers b{sourceOf(c, id, rank), Bytes(size_t(resultElements(c) * bytesOf(c.type)) + 64, char(0xa5))};
    b.src.reserve(1); // never a null pointer
    return b;
  }

  void expectReference(const Manifest &manifest, int64_t id, int rank, const Bytes &dst) {
    const Collective &c = manifest.collectives[size_t(id)];
    const Bytes expected = resultOf(manifest, id, rank);
    ASSERT_EQ(dst.size(), expected.size() + 64);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), dst.begin()))
        << "rank " << rank << ", collective " << id << ": " << nameOf(c.kind) << ", type " << int(c.type);
    for (size_t i = expected.size(); i < dst.size(); ++i)
      ASSERT_EQ(dst[i], char(0xa5)) << "written behind the end";
  }

  std::vector<int> ranksHere() const {
    if (underMpi())
      return {openTransport().rank};
    std::vector<int> all(static_cast<size_t>(ranks()));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  // Runs all collectives of the manifest one after the other, twice, and compares every result.
  void check(const Manifest &manifest) {
    std::vector<std::vector<Buffers>> all(static_cast<size_t>(ranks()));
    for (int rank : ranksHere())
      for (size_t id = 0; id < manifest.collectives.size(); ++id)
        all[size_t(rank)].push_back(buffers(manifest.collectives[id], int64_t(id), rank));
    std::string failure = runRanks(manifest, {threads()}, [&](Communicator &comm, int thread) {
      for (int round = 0; round < 2; ++round)
        for (size_t id = 0; id < manifest.collectives.size(); ++id) {
          Buffers &b = all[size_t(comm.rank())][id];
          comm.run(int64_t(id), thread, b.src.data(), b.dst.data());
        }
    });
    ASSERT_EQ(failure, "");
    for (int rank : ranksHere())
      for (size_t id = 0; id < manifest.collectives.size(); ++id)
        expectReference(manifest, int64_t(id), rank, all[size_t(rank)][id].dst);
  }

  void checkKind(CollectiveKind kind) {
    for (const Manifest &manifest : cases.ofKind(kind, ranks()))
      check(manifest);
  }
};

TEST_P(Conformance, AllReduce) { checkKind(CollectiveKind::allReduce); }
TEST_P(Conformance, AllGather) { checkKind(CollectiveKind::allGather); }
TEST_P(Conformance, ReduceScatter) { checkKind(CollectiveKind::reduceScatter); }
TEST_P(Conformance, AllToAll) { checkKind(CollectiveKind::allToAll); }
TEST_P(Conformance, Permute) { checkKind(CollectiveKind::permute); }

TEST_P(Conformance, AllReduceInPlaceOfAnySize) {
  for (int64_t count : {0, 1, 31, 32, 33, 1000, 8192, 8193, 100003}) {
    Manifest manifest = oneAxis();
    Collective c;
    c.axes = {"a"};
    c.count = count;
    manifest.collectives = {c};
    std::vector<Bytes> data(static_cast<size_t>(ranks()));
    for (int rank : ranksHere()) {
      data[size_t(rank)] = sourceOf(c, 0, rank);
      data[size_t(rank)].resize(size_t(count) * 4 + 64, char(0xa5));
    }
    ASSERT_EQ(runRanks(manifest, {threads()},
                       [&](Communicator &comm, int thread) {
                         char *own = data[size_t(comm.rank())].data();
                         comm.run(0, thread, own, own);
                       }),
              "");
    for (int rank : ranksHere())
      expectReference(manifest, 0, rank, data[size_t(rank)]);
  }
}

// Collectives of every kind meet at once, and give what they give one by one.
TEST_P(Conformance, SeveralAtOnce) {
  for (Manifest &manifest : meshes(ranks()))
    for (const auto &axes : axesOf(manifest)) {
      manifest.collectives.clear();
      for (auto kind : {CollectiveKind::allReduce, CollectiveKind::reduceScatter, CollectiveKind::allGather,
                        CollectiveKind::allReduce, CollectiveKind::permute, CollectiveKind::allToAll}) {
        auto type = manifest.collectives.size() % 2 ? ElementType::f32 : ElementType::bf16;
        manifest.collectives.push_back(cases.make(kind, type, manifest.groupSize(axes)));
        manifest.collectives.back().axes = axes;
      }
      manifest.collectives[3].count = 20000; // in slices
      std::vector<std::vector<Buffers>> all(static_cast<size_t>(ranks()));
      for (int rank : ranksHere())
        for (size_t id = 0; id < manifest.collectives.size(); ++id)
          all[size_t(rank)].push_back(buffers(manifest.collectives[id], int64_t(id), rank));
      std::string failure = runRanks(manifest, {threads()}, [&](Communicator &comm, int thread) {
        std::vector<Communicator::Part> parts;
        for (Buffers &b : all[size_t(comm.rank())])
          parts.push_back({int64_t(parts.size()), b.src.data(), b.dst.data()});
        comm.run(parts, thread);
        comm.run(std::span(parts).subspan(2, 3), thread);
      });
      ASSERT_EQ(failure, "");
      for (int rank : ranksHere())
        for (size_t id = 0; id < manifest.collectives.size(); ++id)
          expectReference(manifest, int64_t(id), rank, all[size_t(rank)][id].dst);
    }
}

// A source may be written by any thread until its own call, and may be overwritten as soon as any call returns.
TEST_P(Conformance, SourcesAreFreeAfterReturn) {
  Manifest manifest = oneAxis();
  Collective c;
  c.axes = {"a"};
  c.type = ElementType::i32;
  c.count = 999;
  manifest.collectives = {c};
  std::vector<std::vector<int32_t>> src(static_cast<size_t>(ranks()), std::vector<int32_t>(999)), dst = src;
  std::atomic<int> wrong{0};
  std::string failure = runRanks(manifest, {threads()}, [&](Communicator &comm, int thread) {
    auto &mine = src[size_t(comm.rank())], &sums = dst[size_t(comm.rank())];
    for (int32_t step = 0; step < 50; ++step) {
      for (int64_t i = thread; i < c.count; i += threads())
        mine[size_t(i)] = step * (comm.rank() + 1);
      comm.run(0, thread, mine.data(), sums.data());
      for (int64_t i = 0; i < c.count; ++i)
        wrong += sums[size_t(i)] != step * ranks() * (ranks() + 1) / 2;
      // sums is written by other threads in the next step: meet first, as a program does.
      comm.run(0, thread, mine.data(), mine.data());
    }
  });
  EXPECT_EQ(failure, "");
  EXPECT_EQ(wrong, 0);
}

TEST_P(Conformance, BroadcastFromEveryRank) {
  Manifest manifest = oneAxis();
  std::atomic<int> wrong{0};
  std::string failure = runRanks(manifest, {threads()}, [&](Communicator &comm, int thread) {
    if (thread != 0)
      return;
    for (int root = 0; root < ranks(); ++root)
      for (int64_t bytes : {0, 1, 1000, 100000}) {
        std::vector<char> data(size_t(bytes), char(comm.rank() == root ? root + 1 : 99));
        comm.broadcast(data.data(), bytes, root);
        for (char byte : data)
          wrong += byte != char(root + 1);
        comm.barrier();
      }
  });
  EXPECT_EQ(failure, "");
  EXPECT_EQ(wrong, 0);
}

std::vector<std::pair<int, int>> shapes() {
  std::vector<std::pair<int, int>> all;
  for (int threads = 1; threads <= 3; ++threads)
    for (int ranks = 1; ranks <= 8; ++ranks)
      if (!underMpi() || ranks == mpiRanks())
        all.emplace_back(ranks, threads);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Ranks, Conformance, testing::ValuesIn(shapes()), [](const auto &info) {
  return std::to_string(info.param.first) + "x" + std::to_string(info.param.second);
});

} // namespace
} // namespace tp::rt::test

int main(int argc, char **argv) {
  using namespace tp::rt;
  testing::InitGoogleTest(&argc, argv);
  // Every process runs the same tests in the same order; rank 0 alone prints unless something fails.
  if (test::underMpi() && openTransport().rank != 0)
    delete testing::UnitTest::GetInstance()->listeners().Release(
        testing::UnitTest::GetInstance()->listeners().default_result_printer());
  int code = RUN_ALL_TESTS();
  if (test::underMpi()) {
    std::string error = agreeOnError(openTransport(), code ? "tests failed" : "");
    if (!error.empty() && openTransport().rank == 0)
      std::fprintf(stderr, "%s\n", error.c_str());
    openTransport().finalize();
    return error.empty() ? 0 : 1;
  }
  return code;
}
