// Every call of the driver, cuBLASLt and NCCL fails once in a while: loads and generations with 1, 2 and 3 ranks must
// then end with one line that names what failed, on all ranks, with nothing left allocated. The package is the toy
// one, or that which TP_FAULT_PACKAGE names, made by tp-compile with its kernels' IR.
#include "Device.h"
#include "ToyCudaPackage.h"
#include "core/Error.h"
#include "core/Session.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

namespace tp::emu {
namespace {

struct Scenario {
  int ranks, devices;
  std::string package; // empty: the toy one
  bool oneShot = true; // false: NCCL carries small messages too
  std::string describe() const {
    return std::to_string(ranks) + " ranks on " + std::to_string(devices) + " devices" +
           (oneShot ? "" : ", NCCL alone");
  }
};

int numberOf(const char *variable, int otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

std::vector<Scenario> scenarios() {
  const char *package = std::getenv("TP_FAULT_PACKAGE");
  if (!package)
    return {{1, 1, ""}, {2, 1, ""}, {2, 2, ""}, {2, 2, "", false}, {3, 1, ""}, {3, 3, ""}, {3, 3, "", false}};
  const int ranks = numberOf("TP_FAULT_RANKS", 1);
  return {{ranks, 1, package}, {ranks, ranks, package}, {ranks, ranks, package, false}};
}

// Calls that release, or come before that: a failure of one may not be reported.
bool releases(const std::string &name) {
  static const std::set<std::string> others{
      "cuCtxSetCurrent", "cuMemFree", "cuMemFreeHost", "cuModuleUnload", "cuDevicePrimaryCtxRelease", "ncclCommAbort"};
  return name.ends_with("Destroy") || others.count(name);
}

// Calls that belong to no rank.
bool ofProcess(const std::string &name) {
  return name == "cuInit" || name == "cuDeviceGetCount" || name == "ncclGetUniqueId" || name.starts_with("ncclGroup");
}

bool isCollective(const std::string &name) {
  return name == "ncclAllReduce" || name == "ncclAllGather" || name == "ncclSend" || name == "ncclRecv";
}

class Faults : public testing::TestWithParam<Scenario> {
protected:
  void SetUp() override {
    setenv("TP_CUDA_LIBRARIES", TP_EMULATOR_FOLDER, 1);
    const std::string &compiled = GetParam().package;
    setenv("TP_EMU_IR",
           compiled.empty() ? toyKernelFiles().c_str() : (compiled + "/kernels.sm_80.ll:" TP_EMU_MEET).c_str(), 1);
    setenv("TP_CUDA_SHARE", "1", 1);
    setenv("TP_EMU_DEVICES", std::to_string(GetParam().devices).c_str(), 1);
    setenv("TP_TIMEOUT", "20", 1);
    GetParam().oneShot ? unsetenv("TP_CUDA_ONE_SHOT") : setenv("TP_CUDA_ONE_SHOT", "0", 1);
    folder = compiled;
    if (compiled.empty()) {
      folder = std::filesystem::temp_directory_path() / ("tp-fault-test-" + std::to_string(getpid()));
      writeToyCudaPackage(folder, GetParam().ranks, toyCudaManifest(GetParam().ranks));
    }
    tpEmuPlanFault("", 0, 0);
    tpEmuReset();
  }
  void TearDown() override {
    if (isToy())
      std::filesystem::remove_all(folder);
  }
  bool isToy() const { return GetParam().package.empty(); }

  // Loads, and generates with the entries that choose the token and with those that return logits. The error, or "".
  std::string run() {
    try {
      rt::Session session(std::make_shared<const rt::Package>(folder), {});
      rt::Request request;
      request.prompts = {{3, 1, 4, 1, 5}, {9, 2, 6}};
      request.maxTokens = 4;
      const rt::Result result = session.generate(request);
      for (size_t i = 0; i < 2; ++i) {
        // Of a compiled package: what it said the first time.
        auto [known, first] =
            tokens.try_emplace(i, isToy() ? toyCudaTokens(request.prompts[i], 4) : result.sequences[i].tokens);
        EXPECT_EQ(result.sequences[i].tokens, known->second);
      }
      request.sampling.temperature = 1;
      session.generate(request);
      return "";
    } catch (const rt::Error &e) {
      return e.what();
    }
  }

  std::map<std::string, long> callsOf() {
    std::map<std::string, long> calls;
    std::istringstream text(tpEmuCalls());
    std::string name;
    for (long count; text >> name >> count;)
      calls[name] = count;
    return calls;
  }

  // False: the call did not come this time.
  bool inject(const std::string &name, long occurrence, int variant) {
    SCOPED_TRACE(GetParam().describe() + ": " + name + ", occurrence " + std::to_string(occurrence) + ", variant " +
                 std::to_string(variant));
    tpEmuPlanFault(name.c_str(), occurrence, variant);
    const auto begin = std::chrono::steady_clock::now();
    const std::string error = run();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << error;
    EXPECT_STREQ(tpEmuLeaks(), "") << error;
    const bool happened = tpEmuFaultHappened();
    tpEmuPlanFault("", 0, 0);
    tpEmuReset();
    if (happened && !(releases(name) && error.empty()))
      expectLine(name, error);
    else
      EXPECT_EQ(error, "");
    return happened;
  }

  void expectLine(const std::string &name, const std::string &error) {
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    EXPECT_NE(error.find("planned by the test") == std::string::npos ? error.find(name) : 0, std::string::npos)
        << error;
    if (!ofProcess(name))
      EXPECT_EQ(error.rfind("rank ", 0), 0u) << error;
    if (isCollective(name))
      EXPECT_TRUE(std::regex_search(
          error, std::regex("\\((layer|decode|prefill)\\w*: (toy|tp\\.|func\\.)|measuring collectives over tp: ")))
          << error;
  }

  std::string folder;
  std::map<size_t, std::vector<int32_t>> tokens; // by prompt
};

TEST_P(Faults, EachCallMayFail) {
  ASSERT_EQ(run(), "");
  ASSERT_STREQ(tpEmuLeaks(), "");
  const auto calls = callsOf();
  const int share = numberOf("TP_FAULTS", 2000) / int(scenarios().size()), each = share / int(calls.size()) + 1;
  int injected = 0, variant = 0;
  for (auto &[name, count] : calls)
    for (int i = 0; i < each && !HasFailure(); ++i, ++variant) // the first call, the last, and some between
      injected += inject(name, each == 1 ? 1 : 1 + (count - 1) * i / (each - 1), variant);
  for (int i = 0; injected < share && i < share && !HasFailure(); ++i)
    injected += inject("cuLaunchKernel", 1 + i % calls.at("cuLaunchKernel"), i);
  EXPECT_GE(injected, share);
}

INSTANTIATE_TEST_SUITE_P(, Faults, testing::ValuesIn(scenarios()), [](const auto &info) {
  return std::to_string(info.param.ranks) + "RanksOn" + std::to_string(info.param.devices) +
         (info.param.oneShot ? "" : "NcclAlone");
});

} // namespace
} // namespace tp::emu
