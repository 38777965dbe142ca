// tp-gpu-kernels CASE...: calls the entries of cases that tp-gpu-check --save has made
// (test/Conversion/check/CaseWriter.h) on GPU 0, and compares what they give with what is expected. A line for each
// case; the last is 'N passed, N failed'.
#include "device/cuda/Kernels.h"
#include "core/SharedObject.h"
#include "device/cuda/Gemms.h"
#include "tp_cuda.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

using namespace tp::rt;
using namespace tp::rt::cuda;
using nlohmann::json;

namespace {

std::string bytesOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(path + ": cannot open");
  return {std::istreambuf_iterator<char>(file), {}};
}

ElementType typeOf(const std::string &name) {
  return name == "f32" ? ElementType::f32 : name == "bf16" ? ElementType::bf16 : ElementType::i32;
}

CudaTarget targetOf(const json &top) {
  CudaTarget target;
  for (const json &m : top.at("modules"))
    target.modules.push_back({m.at("gpu_arch"), m.at("ptx"), std::nullopt});
  for (const json &k : top.at("kernels"))
    target.kernels.push_back({k.at("name"), k.at("params"), k.at("dynamic_shared")});
  for (const json &g : top.at("gemms")) {
    const std::string bias = g.at("bias");
    target.gemms.push_back({g.at("m"), g.at("n"), g.at("k"), typeOf(g.at("input")), typeOf(g.at("output")),
                            bias.empty() ? std::nullopt : std::optional(typeOf(bias)), g.at("epilogue")});
  }
  target.events = top.at("events");
  target.workspaceBytes = top.at("workspace_bytes");
  return target;
}

class Case {
public:
  Case(const std::string &folder, const DeviceContext &context)
      : top(json::parse(bytesOf(folder + "/case.json"))), data(bytesOf(folder + "/data.bin")), target(targetOf(top)),
        program(folder + "/program.so"), kernels(target, folder, context), gemms(target),
        weights(makeDeviceCopy(data.data(), top.at("weight_bytes"), "weights")) {
    for (OwnedStream &stream : streams)
      stream = makeStream();
    for (int64_t i = 0; i < target.events; ++i)
      events.push_back(makeEvent());
    installCallbacks();
  }

  // Throws Error that says what differs.
  void run() {
    for (const json &call : top.at("calls"))
      run(call);
  }

private:
  struct Frame { // the program sees the first field
    tp_cuda_frame frame{};
    Case *self = nullptr;
  };

  template <typename F> static void guarded(tp_cuda_frame *frame, F enqueue) noexcept {
    Case &self = *reinterpret_cast<Frame *>(frame)->self;
    try {
      if (!self.failure)
        enqueue(self);
    } catch (...) {
      self.failure = std::current_exception();
    }
  }

  void installCallbacks() {
    frame.self = this;
    frame.frame.weights = weights.get();
    frame.frame.launch = [](tp_cuda_frame *frame, int32_t stream, int32_t kernel, const int32_t grid[3],
                            const int32_t block[3], int32_t shared, const uint64_t *args) {
      guarded(frame,
              [&](Case &self) { self.kernels.launch(self.streams[stream].get(), kernel, grid, block, shared, args); });
    };
    frame.frame.gemm = [](tp_cuda_frame *frame, int32_t stream, int32_t gemm, uint64_t x, uint64_t w, uint64_t bias,
                          uint64_t y) {
      guarded(frame, [&](Case &self) { self.gemms.run(self.streams[stream].get(), gemm, x, w, bias, y); });
    };
    frame.frame.collective = [](tp_cuda_frame *frame, int32_t, int32_t, uint64_t, uint64_t) {
      guarded(frame, [&](Case &) { throw Error("expected a program without collectives"); });
    };
    frame.frame.record = [](tp_cuda_frame *frame, int32_t stream, int32_t event) {
      guarded(frame, [&](Case &self) {
        TP_CUDA(cuEventRecord, self.events[size_t(event)].get(), self.streams[stream].get());
      });
    };
    frame.frame.wait = [](tp_cuda_frame *frame, int32_t stream, int32_t event) {
      guarded(frame, [&](Case &self) {
        TP_CUDA(cuStreamWaitEvent, self.streams[stream].get(), self.events[size_t(event)].get(), 0);
      });
    };
  }

  void run(const json &call) {
    const int64_t rank = call.at("rank"), arenaBytes = top.at("arena_bytes");
    DeviceBuffer &state = states[rank];
    if (!state)
      state = makeZeroedBuffer(top.at("state_bytes"), "the state");
    const DeviceBuffer arena = makeDeviceBuffer(arenaBytes, "the arena");
    const HostBuffer pinned = makeHostBuffer(arenaBytes);
    auto *host = static_cast<char *>(pinned.get());
    Stream compute = streams[TP_CUDA_COMPUTE].get();
    for (const json &input : call.at("inputs")) {
      const int64_t offset = input.at("offset"), bytes = input.at("bytes"), at = input.at("at");
      std::memcpy(host + offset, &data[size_t(at)], size_t(bytes));
      TP_CUDA(cuMemcpyHtoDAsync_v2, arena.get() + Pointer(offset), host + offset, size_t(bytes), compute);
    }
    frame.frame.state = state.get();
    frame.frame.arena = arena.get();
    frame.frame.rank = rank;
    auto entry = reinterpret_cast<tp_cuda_entry>(program.symbol(call.at("symbol")));
    if (!entry)
      throw Error("program.so has no " + call.at("symbol").get<std::string>());
    entry(&frame.frame);
    if (failure)
      std::rethrow_exception(failure);
    for (const json &output : call.at("outputs")) {
      const int64_t offset = output.at("offset"), count = output.at("count");
      TP_CUDA(cuMemcpyDtoHAsync_v2, host + offset, arena.get() + Pointer(offset),
              size_t(count * tp::rt::bytesOf(typeOf(output.at("type")))), compute);
    }
    while (!isIdle(compute))
      std::this_thread::yield();
    for (const json &output : call.at("outputs"))
      compare(call, output, host + int64_t(output.at("offset")));
  }

  static double valueAt(const char *p, ElementType type, int64_t i) {
    uint32_t bits = 0;
    std::memcpy(&bits, p + i * tp::rt::bytesOf(type), size_t(tp::rt::bytesOf(type)));
    if (type == ElementType::i32)
      return int32_t(bits);
    bits <<= type == ElementType::bf16 ? 16 : 0;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }

  void compare(const json &call, const json &output, const char *found) const {
    const ElementType type = typeOf(output.at("type")), kept = type == ElementType::bf16 ? ElementType::f32 : type;
    const char *expected = &data[output.at("at").get<size_t>()];
    for (int64_t i = 0; i < int64_t(output.at("count")); ++i) {
      const double want = valueAt(expected, kept, i), got = valueAt(found, type, i);
      // not <=: NaN is wrong too
      if (!(std::abs(got - want) <= top.at("tolerance").get<double>() * (1 + std::abs(want))))
        throw Error(call.at("entry").get<std::string>() + ", rank " + std::to_string(call.at("rank").get<int>()) +
                    ", " + output.at("name").get<std::string>() + "[" + std::to_string(i) + "]: expected " +
                    std::to_string(want) + ", found " + std::to_string(got));
    }
  }

  const json top;
  const std::string data;
  const CudaTarget target;
  const SharedObject program;
  KernelTable kernels;
  GemmTable gemms;
  const DeviceBuffer weights;
  OwnedStream streams[TP_CUDA_STREAMS];
  std::vector<OwnedEvent> events;
  std::map<int64_t, DeviceBuffer> states; // by rank
  Frame frame;
  std::exception_ptr failure; // of a callback
};

} // namespace

int main(int argc, char **argv) {
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string folder = argv[i], name = folder.substr(folder.rfind('/') + 1);
    try {
      TP_CUDA(cuInit, 0);
      const DeviceContext context(0);
      context.makeCurrent();
      Case(folder, context).run();
      std::printf("ok   %s\n", name.c_str());
      ++passed;
    } catch (const std::exception &e) {
      std::printf("FAIL %s: %s\n", name.c_str(), e.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
