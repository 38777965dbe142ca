// Collectives of GPUs, in each of the ways they may go: every kind, type and group, even and uneven, against the
// reference of the CPU's communicators, to the bit.
#include "OnDevice.h"
#include "ToyCudaPackage.h"
#include "comm/Cases.h"
#include "device/cuda/OneShot.h"

#include <thread>

namespace tp::emu {
namespace {

using namespace rt;
using namespace rt::test;
using namespace rt::cuda;

struct Way {
  const char *name;
  bool sharedGpu;
  const char *oneShot; // TP_CUDA_ONE_SHOT, or null
};

class GpuCollectives : public testing::TestWithParam<std::pair<int, Way>> {
protected:
  int ranks() const { return GetParam().first; }
  const Way &way() const { return GetParam().second; }
  bool ncclAlone() const { return way().oneShot && std::strcmp(way().oneShot, "0") == 0; }
  bool anyNccl() const { return way().oneShot; }

  void SetUp() override {
    setenv("TP_EMU_IR", toyKernelFiles().c_str(), 1);
    way().oneShot ? setenv("TP_CUDA_ONE_SHOT", way().oneShot, 1) : unsetenv("TP_CUDA_ONE_SHOT");
    useEmulator(way().sharedGpu ? 1 : ranks());
  }
  void TearDown() override {
    tpEmuReset();
    EXPECT_STREQ(tpEmuLeaks(), "");
  }

  struct Member { // a rank, on its own thread
    int rank;
    OnDevice &on;
    Collectives &collectives;
    void wait() {
      const Wait wait = waiting();
      wait([&] { return isIdle(on.stream.get()); });
    }
    static Wait waiting() {
      return [](const std::function<bool()> &done) {
        while (!done())
          std::this_thread::yield();
      };
    }
  };

  template <typename F> void onRanks(const Manifest &manifest, F body) {
    std::vector<std::unique_ptr<OnDevice>> places;
    std::vector<const DeviceContext *> contexts;
    for (int rank = 0; rank < ranks(); ++rank) {
      places.push_back(std::make_unique<OnDevice>(way().sharedGpu ? 0 : rank));
      contexts.push_back(&places.back()->context);
    }
    const std::unique_ptr<World> world =
        way().sharedGpu ? makeLocalWorld(manifest) : makeNcclWorld(manifest, contexts, 0, nullptr, nullptr, 20);
    std::vector<std::unique_ptr<Collectives>> collectives;
    for (int rank = 0; rank < ranks(); ++rank) {
      contexts[size_t(rank)]->makeCurrent();
      collectives.push_back(world->collectives(rank, *contexts[size_t(rank)]));
    }
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks(); ++rank)
      threads.emplace_back([&, rank] {
        Member member{rank, *places[size_t(rank)], *collectives[size_t(rank)]};
        member.on.context.makeCurrent();
        try {
          member.collectives.prepare(member.on.stream.get(), Member::waiting());
          body(member);
        } catch (const Error &e) {
          ADD_FAILURE() << "rank " << rank << ": " << e.what();
          member.collectives.abort();
        }
      });
    for (std::thread &thread : threads)
      thread.join();
  }

  // One after the other, twice, from where an element's alignment is all that the source has, for every second one.
  void check(const Manifest &manifest) {
    onRanks(manifest, [&](Member &member) {
      std::vector<DeviceBuffer> kept; // to free one waits for the GPU's other ranks
      for (size_t id = 0; id < 2 * manifest.collectives.size(); ++id) {
        const auto which = int64_t(id % manifest.collectives.size());
        const Collective &c = manifest.collectives[size_t(which)];
        Bytes source = sourceOf(c, which, member.rank);
        const size_t shift = id % 2 ? size_t(rt::bytesOf(c.type)) : 0;
        source.insert(source.begin(), shift, 0);
        source.resize(source.size() + 1); // never empty
        kept.push_back(member.on.upload(source));
        const Pointer src = kept.back().get() + shift;
        const Bytes expected = resultOf(manifest, which, member.rank);
        kept.push_back(makeDeviceBuffer(int64_t(expected.size()), "a test"));
        member.collectives.run(int32_t(which), member.on.stream.get(), src, kept.back().get());
        member.wait();
        EXPECT_EQ(member.on.download<char>(kept.back(), expected.size()), expected)
            << "rank " << member.rank << ", collective " << which << ": " << nameOf(c.kind) << ", type " << int(c.type);
      }
    });
  }

  void checkKind(CollectiveKind kind) {
    for (Manifest &manifest : Cases().ofKind(kind, ranks())) {
      for (Collective &c : manifest.collectives)
        if (anyNccl() && c.type == ElementType::bf16) // NCCL may round in between
          c.reduction = Reduction::max;
      check(manifest);
    }
  }
};

TEST_P(GpuCollectives, AllReduce) { checkKind(CollectiveKind::allReduce); }
TEST_P(GpuCollectives, AllGather) { checkKind(CollectiveKind::allGather); }
TEST_P(GpuCollectives, ReduceScatter) { checkKind(CollectiveKind::reduceScatter); }
TEST_P(GpuCollectives, AllToAll) { checkKind(CollectiveKind::allToAll); }
TEST_P(GpuCollectives, Permute) { checkKind(CollectiveKind::permute); }

TEST_P(GpuCollectives, SumsOfAnySize) {
  for (ElementType type : {ElementType::f32, ElementType::bf16, ElementType::i32}) {
    Manifest manifest = mesh({ranks()});
    for (int64_t count : {1, 3, 4, 7, 8, 9, 255, 1024, 8192, 8193}) {
      Collective c;
      c.axes = {"a"};
      c.type = type;
      c.reduction = anyNccl() && type == ElementType::bf16 ? Reduction::max : Reduction::sum;
      c.count = count;
      manifest.collectives.push_back(c);
    }
    check(manifest);
  }
}

// The sizes that were measured, and what was chosen: on the emulated device every time is the same.
TEST_P(GpuCollectives, Crossover) {
  Manifest manifest = mesh({ranks()});
  for (int64_t count : {100, 3000, 1 << 20}) {
    Collective c;
    c.axes = {"a"};
    c.count = count;
    manifest.collectives.push_back(c);
  }
  onRanks(manifest, [&](Member &member) {
    const std::vector<Crossover> all = member.collectives.crossovers();
    ASSERT_EQ(all.size(), way().sharedGpu || ncclAlone() ? 0u : 1u);
    if (all.empty())
      return;
    EXPECT_EQ(all[0].ranks, ranks());
    if (way().oneShot) {
      EXPECT_EQ(all[0].bytes, std::atoi(way().oneShot));
      EXPECT_TRUE(all[0].samples.empty());
      return;
    }
    EXPECT_EQ(all[0].bytes, 1 << 20);
    ASSERT_EQ(all[0].samples.size(), 4u);
    for (size_t i = 0; i < 4; ++i)
      EXPECT_EQ(all[0].samples[i].bytes, 1024 << i);
  });
}

TEST(GpuCrossover, IsWhereNcclIsFirstFaster) {
  const auto of = [](std::vector<std::pair<float, float>> times) {
    std::vector<Crossover::Sample> samples;
    for (auto [oneShot, nccl] : times)
      samples.push_back({int64_t(1024) << samples.size(), oneShot, nccl});
    return crossoverOf(samples, 1 << 20);
  };
  EXPECT_EQ(of({}), 1 << 20);
  EXPECT_EQ(of({{5, 9}, {6, 9}, {9, 9}}), 1 << 20);
  EXPECT_EQ(of({{5, 9}, {6, 9}, {12, 10}, {9, 11}}), 2048);
  EXPECT_EQ(of({{5, 9}, {12, 10}}), 1024);
  EXPECT_EQ(of({{9.5f, 9}, {6, 9}}), 0);
}

std::vector<std::pair<int, Way>> ways() {
  std::vector<std::pair<int, Way>> all;
  for (int ranks : {2, 3, 4})
    for (const Way &way : {Way{"OneGpu", true, nullptr}, Way{"Peers", false, nullptr}, Way{"Both", false, "1000"},
                           Way{"Nccl", false, "0"}})
      all.emplace_back(ranks, way);
  return all;
}

INSTANTIATE_TEST_SUITE_P(, GpuCollectives, testing::ValuesIn(ways()),
                         [](const auto &info) { return std::to_string(info.param.first) + info.param.second.name; });

} // namespace
} // namespace tp::emu
