// Kernels on the emulated device: what they compute, and that planted errors are found and named.
#include "Block.h"
#include "Device.h"
#include "Kernels.h"
#include "Timeline.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace tp::emu {
namespace {

constexpr uint64_t capacity = uint64_t(1) << 30;

struct Buffer {
  explicit Buffer(uint64_t bytes, bool fill = true, int device = 0)
      : address(Memory::get().allocate(device, bytes, capacity)), bytes(bytes) {
    if (fill)
      std::memset(Memory::get().states(address), Memory::written, bytes);
  }
  ~Buffer() { Memory::get().release(address); }
  template <typename T> T *as() const { return reinterpret_cast<T *>(Memory::get().host(address)); }
  const uint64_t address, bytes;
};

class Kernels : public testing::Test {
protected:
  // The problem, empty where there is none.
  std::string run(const char *name, Dim3 grid, Dim3 block, std::vector<uint64_t> arguments, int stream = 0,
                  Clock after = {}) {
    static auto module = loadKernels(TP_EMU_TEST_KERNELS "/kernels.ll");
    const Kernel *kernel = module->find(name);
    if (!kernel)
      return "no kernel";
    Launch launch;
    launch.kernel = kernel;
    launch.grid = grid;
    launch.block = block;
    launch.arguments = std::move(arguments);
    Clock &clock = clocks[stream];
    join(clock, after);
    launch.op = Timeline::get().add(stream, clock, std::string("kernel '") + name + "'");
    runLaunch(launch);
    return launch.problem;
  }
  void expectProblem(const std::string &problem, std::initializer_list<const char *> parts) {
    for (const char *part : {"kernel '", ", block (", ", thread (", ", IR line "})
      EXPECT_NE(problem.find(part), std::string::npos) << "no '" << part << "' in: " << problem;
    for (const char *part : parts)
      EXPECT_NE(problem.find(part), std::string::npos) << "no '" << part << "' in: " << problem;
  }
  Clock clocks[2];
};

TEST_F(Kernels, Elementwise) {
  Buffer x(4 * 100), y(4 * 100, false);
  for (int i = 0; i < 100; ++i)
    x.as<float>()[i] = float(i) / 10;
  EXPECT_EQ(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {x.address, y.address, 100}), "");
  for (int i = 0; i < 100; ++i)
    EXPECT_FLOAT_EQ(y.as<float>()[i], std::exp2(float(i) / 10));
}

TEST_F(Kernels, MemoryOfAnotherDevice) {
  Buffer x(4, true, 1), y(4, false);
  *x.as<float>() = 1;
  auto find = [&] { return run("exp2_all", {1, 1, 1}, {1, 1, 1}, {x.address, y.address, 1}); };
  expectProblem(find(), {"uses memory of device 1, which device 0 has no access to"});
  Emulator::get().peers[0][1] = true;
  EXPECT_EQ(find(), "");
  EXPECT_EQ(*y.as<float>(), 2);
  Emulator::get().peers[0][1] = false;
}

TEST_F(Kernels, WarpAndBlockReduction) {
  Buffer x(4 * 128), y(4, false);
  for (int i = 0; i < 128; ++i)
    x.as<float>()[i] = float(i);
  EXPECT_EQ(run("block_sum", {1, 1, 1}, {128, 1, 1}, {x.address, y.address}), "");
  EXPECT_EQ(*y.as<float>(), 127.0f * 64);
}

TEST_F(Kernels, Atomics) {
  Buffer n(4);
  *n.as<uint32_t>() = 0;
  EXPECT_EQ(run("count", {5, 1, 1}, {64, 1, 1}, {n.address}), "");
  EXPECT_EQ(*n.as<uint32_t>(), 320u);
}

// Blocks that wait for a later block are resident together.
TEST_F(Kernels, BlocksWaitForEachOther) {
  Buffer n(4);
  *n.as<uint32_t>() = 0;
  EXPECT_EQ(run("grid_barrier", {6, 1, 1}, {32, 1, 1}, {n.address, 6}), "");
}

TEST_F(Kernels, MatrixUnit) {
  Buffer a(2 * 256), b(2 * 128), d(4 * 128, false);
  float fa[16][16], fb[16][8];
  auto round = [](int v) { return float(v % 13 - 6) / 4; };
  auto bits = [](float v) {
    uint32_t u;
    std::memcpy(&u, &v, 4);
    return uint16_t(u >> 16);
  };
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j)
      a.as<uint16_t>()[i * 16 + j] = bits(fa[i][j] = round(i * 7 + j * 3));
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j)
      b.as<uint16_t>()[j * 16 + i] = bits(fb[i][j] = round(i * 5 + j * 11)); // column by column
  EXPECT_EQ(run("mma", {1, 1, 1}, {32, 1, 1}, {a.address, b.address, d.address}), "");
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      float sum = 0;
      for (int k = 0; k < 16; ++k)
        sum += fa[i][k] * fb[k][j];
      EXPECT_EQ(d.as<float>()[i * 8 + j], sum) << i << " " << j;
    }
}

TEST_F(Kernels, AsyncCopyIsSeenWhenWaitedFor) {
  Buffer x(512), y(512, false);
  for (int i = 0; i < 128; ++i)
    x.as<int>()[i] = i;
  EXPECT_EQ(run("async_copy", {1, 1, 1}, {32, 1, 1}, {x.address, y.address}), "");
  EXPECT_EQ(0, std::memcmp(x.as<char>(), y.as<char>(), 512));
  expectProblem(run("async_copy_unwaited", {1, 1, 1}, {32, 1, 1}, {x.address, y.address}),
                {"kernel 'async_copy_unwaited'", "shared memory: uninitialised"});
}

TEST_F(Kernels, OutOfBoundsIsNamed) {
  Buffer x(4 * 100), y(4 * 128, false);
  expectProblem(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {x.address, y.address, 128}),
                {"kernel 'exp2_all', block (3,0,0), thread (4,0,0), IR line ", "load float", "reads 4 bytes",
                 "out of bounds, byte 400 of a buffer of 400 bytes"});
}

TEST_F(Kernels, UninitialisedIsNamed) {
  Buffer x(4 * 100, false), y(4 * 128, false);
  expectProblem(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {x.address, y.address, 100}),
                {"thread (0,0,0)", "uninitialised memory, byte 0 of a buffer"});
}

TEST_F(Kernels, FreedIsNamed) {
  uint64_t address;
  {
    Buffer x(400);
    address = x.address;
  }
  Buffer y(400, false);
  expectProblem(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {address, y.address, 100}), {"a freed buffer of 400 bytes"});
}

TEST_F(Kernels, HostPointersAreRefused) {
  float x = 0;
  Buffer y(400, false);
  expectProblem(run("exp2_all", {1, 1, 1}, {32, 1, 1}, {reinterpret_cast<uint64_t>(&x), y.address, 1}),
                {"no device address"});
}

TEST_F(Kernels, MisalignedVectorIsNamed) {
  Buffer x(64), y(64, false);
  expectProblem(run("vector_copy", {1, 1, 1}, {1, 1, 1}, {x.address + 4, y.address}),
                {"load <4 x float>", "misaligned", "needs a multiple of 16"});
}

TEST_F(Kernels, DivergentBarrierIsNamed) {
  expectProblem(run("barrier_in_branch", {1, 1, 1}, {64, 1, 1}, {}),
                {"thread (32,0,0)", "barrier.cta.sync.aligned.all", "divergent barrier", "thread (0,0,0) has ended"});
}

TEST_F(Kernels, WrongMasksAreNamed) {
  Buffer y(4 * 32, false);
  expectProblem(run("shuffle_half", {1, 1, 1}, {32, 1, 1}, {y.address, 0xffff}),
                {"the shuffle reads lane 16", "not in the mask"});
  expectProblem(run("shuffle_half", {1, 1, 1}, {32, 1, 1}, {y.address, 0xffffffff}),
                {"thread (16,0,0)", "divergent warp"});
  expectProblem(run("shuffle_half", {1, 1, 1}, {16, 1, 1}, {y.address, 0xffffffff}),
                {"names lane 16, which the block of 16 threads does not have"});
  expectProblem(run("shuffle_half", {1, 1, 1}, {32, 1, 1}, {y.address, 0xff}), {"is not in the mask"});
}

TEST_F(Kernels, MissingBarrierIsNamed) {
  Buffer y(4 * 64, false);
  expectProblem(run("no_barrier", {1, 1, 1}, {64, 1, 1}, {y.address}), {"shared memory", "uninitialised"});
  expectProblem(run("no_second_barrier", {1, 1, 1}, {64, 1, 1}, {y.address}), {"shared memory: a missing barrier"});
  expectProblem(run("shared_overrun", {1, 1, 1}, {65, 1, 1}, {y.address}),
                {"thread (64,0,0)", "out of bounds, there are 256 bytes"});
  expectProblem(run("between_variables", {1, 1, 1}, {1, 1, 1}, {}), {"out of bounds, between two variables"});
}

TEST_F(Kernels, RacesBetweenStreamsAreNamed) {
  Buffer x(400), y(400, false), z(400, false);
  EXPECT_EQ(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {x.address, y.address, 100}, 0), "");
  expectProblem(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {y.address, z.address, 100}, 1),
                {"a missing stream dependency", "not ordered after kernel 'exp2_all' (stream 0), which writes it"});
  EXPECT_EQ(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {y.address, z.address, 100}, 1, clocks[0]), "");
  // Write after read.
  expectProblem(run("exp2_all", {4, 1, 1}, {32, 1, 1}, {x.address, y.address, 100}, 0), {"which reads it"});
}

} // namespace
} // namespace tp::emu
