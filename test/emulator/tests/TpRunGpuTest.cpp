// tp-run with a package for GPUs, as a person starts it: what works, and the one line that says what is wrong with the
// machine or the package.
#include "ToyCudaPackage.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace tp::emu {
namespace {

namespace fs = std::filesystem;

std::string textOf(const std::string &path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class TpRunGpu : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("tp-gpu-run-test-" + std::to_string(getpid()));
    package = folder + "/package";
    makePackage(2);
  }
  void TearDown() override { fs::remove_all(folder); }
  void makePackage(int ranks) { writeToyCudaPackage(package, ranks, toyCudaManifest(ranks)); }
  // A folder with some of the libraries, each a link to the emulator.
  std::string libraries(std::initializer_list<const char *> names) {
    const std::string path = folder + "/libraries";
    fs::create_directories(path);
    for (const char *name : names)
      fs::create_symlink(std::string(TP_EMULATOR_FOLDER "/") + name, path + "/" + name);
    return path;
  }
  // Fills in code, out and err.
  void run(const std::string &environment, const std::string &libraries = TP_EMULATOR_FOLDER) {
    shell("TP_EMU_DEVICES=1 TP_CUDA_LIBRARIES=" + libraries + " " + environment + " " + tpRun());
  }
  // A process per string, which is what belongs before its command.
  void mpirun(std::initializer_list<const char *> environments) {
    std::string processes;
    for (const char *environment : environments)
      processes += std::string(processes.empty() ? "" : ":") + " -n 1 env " + environment + " " + tpRun() + " ";
    shell("OMPI_MCA_btl_vader_single_copy_mechanism=none TP_TIMEOUT=10 TP_EMU_DEVICES=" +
          std::to_string(environments.size()) + " TP_CUDA_LIBRARIES=" TP_EMULATOR_FOLDER " TP_EMU_NCCL=" + folder +
          "/nccl mpirun --oversubscribe --allow-run-as-root --bind-to none" + processes);
  }
  // As torchrun starts them, which also ends all when one fails.
  void launch(std::initializer_list<const char *> environments) {
    static int port = 20000 + getpid() % 20000;
    const std::string size = std::to_string(environments.size());
    std::string script = "export TP_TIMEOUT=10 TP_EMU_DEVICES=" + size + " TP_CUDA_LIBRARIES=" TP_EMULATOR_FOLDER +
                         " TP_EMU_NCCL=" + folder + "/nccl WORLD_SIZE=" + size +
                         " MASTER_ADDR=127.0.0.1 MASTER_PORT=" + std::to_string(port++) + "; ";
    int rank = 0;
    for (const char *environment : environments)
      script += "RANK=" + std::to_string(rank++) + " " + environment + " " + tpRun() + " & ";
    script += "bad=0; for job in " + std::string(environments.size() == 2 ? "1 2" : "1 2 3") +
              "; do wait %$job || bad=1; done; exit $bad";
    std::ofstream(folder + "/launch") << script;
    shell("bash " + folder + "/launch");
  }
  std::string tpRun() { return TP_RUN_BINARY " " + package + " --prompt-ids 3,1,4 --max-tokens 3 --print ids"; }
  void shell(const std::string &command) {
    const std::string all =
        "TP_EMU_IR=" + toyKernelFiles() + " " + command + " >" + folder + "/out 2>" + folder + "/err </dev/null";
    const int status = std::system(all.c_str());
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    out = textOf(folder + "/out");
    err = textOf(folder + "/err");
  }
  void expectTokens() {
    EXPECT_EQ(code, 0) << err;
    std::string text;
    for (int32_t token : toyCudaTokens({3, 1, 4}, 3))
      text += (text.empty() ? "" : " ") + std::to_string(token);
    EXPECT_EQ(out, text + "\n");
  }
  void expectError(const std::string &message) {
    EXPECT_EQ(code, 1);
    EXPECT_EQ(out, "");
    EXPECT_EQ(err.substr(0, 15), "tp-run: error: ");
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    EXPECT_NE(err.find(message), std::string::npos) << err;
  }

  std::string folder, package, out, err;
  int code = -1;
};

TEST_F(TpRunGpu, AGpuPerRank) {
  run("TP_EMU_DEVICES=2");
  expectTokens();
  EXPECT_EQ(err, "");
}

// Which of two ways collectives go: the one that fails is not taken.
TEST_F(TpRunGpu, SmallMessagesGoThroughPeersMemory) {
  const std::string noNccl = " TP_EMU_FAULT='ncclAllReduce 1 0'", small = "TP_CUDA_ONE_SHOT=4096";
  run("TP_EMU_DEVICES=2 " + small + noNccl);
  expectTokens();
  mpirun({(small + noNccl).c_str(), (small + noNccl).c_str()});
  expectTokens();
  launch({(small + noNccl).c_str(), (small + noNccl).c_str()});
  expectTokens();
  for (const char *otherwise : {"TP_CUDA_ONE_SHOT=0", "TP_CUDA_ONE_SHOT=100", "TP_EMU_PEERS=0"}) {
    run("TP_EMU_DEVICES=2 " + std::string(otherwise) + noNccl);
    expectError("all_reduce (layer_1: toy features), call 1 in prefill_token: ncclAllReduce: ");
    run("TP_EMU_DEVICES=2 " + std::string(otherwise));
    expectTokens();
    mpirun({otherwise, otherwise});
    expectTokens();
  }
}

TEST_F(TpRunGpu, ALimitOfSmallMessagesThatIsNone) {
  for (const char *text : {"x", "-1", "1k", ""}) {
    run("TP_EMU_DEVICES=2 TP_CUDA_ONE_SHOT=" + std::string(text));
    expectError("TP_CUDA_ONE_SHOT: expected a number of bytes, found '" + std::string(text) + "'");
  }
}

TEST_F(TpRunGpu, RanksShareAGpu) {
  run("TP_CUDA_SHARE=1");
  expectTokens();
}

TEST_F(TpRunGpu, AProcessPerRank) {
  mpirun({"TP_X=0", "TP_X=0"});
  expectTokens();
  makePackage(3);
  mpirun({"TP_X=0", "TP_X=0", "TP_X=0"});
  expectTokens();
  EXPECT_TRUE(fs::is_empty(folder + "/nccl"));
}

TEST_F(TpRunGpu, AProcessPerRankAsTorchrunStartsThem) {
  launch({"TP_X=0", "TP_X=0"});
  expectTokens();
  EXPECT_EQ(err, "");
  makePackage(3);
  launch({"TP_X=0", "TP_X=0", "TP_X=0"});
  expectTokens();
}

TEST_F(TpRunGpu, AsTorchrunStartsThemWithErrors) {
  launch({"TP_X=0", "TP_EMU_FAULT='cuMemAlloc 2 1'"});
  expectError("rank 1: cannot allocate ");
  makePackage(3);
  launch({"TP_X=0", "TP_X=0"});
  expectError("the package is for 3 ranks, but the launcher started 2");
  makePackage(2);
  launch({"TP_TIMEOUT=2", "RANK=x"});
  EXPECT_NE(err.find("tp-run: error: RANK: expected a number from 0 to 1, found 'x'"), std::string::npos) << err;
  EXPECT_NE(err.find("tp-run: error: not all 2 ranks have come within the time of TP_TIMEOUT"), std::string::npos)
      << err;
}

// The line names the rank whose call failed, and all processes end.
TEST_F(TpRunGpu, AFaultInOneProcess) {
  for (const char *call : {"cuDeviceGetName 1 0", "cuMemAlloc 2 1", "ncclCommInitRankConfig 1 0", "cuLaunchKernel 30 2",
                           "cuIpcGetMemHandle 1 0", "cuIpcOpenMemHandle 1 2", "cuStreamQuery 4 4", "ncclAllReduce 3 0",
                           "cublasLtMatmul 2 1", "cuGraphLaunch 1 0"}) {
    const std::string plan = "TP_EMU_FAULT='" + std::string(call) + "'";
    mpirun({"TP_X=0", plan.c_str()});
    EXPECT_NE(code, 0) << call;
    const size_t at = err.find("tp-run: error: rank 1: ");
    ASSERT_NE(at, std::string::npos) << call << ": " << err;
    EXPECT_NE(err.find(std::string(call).substr(0, std::string(call).find(' ')), at), std::string::npos) << err;
  }
}

TEST_F(TpRunGpu, WithoutGraphs) {
  run("TP_EMU_DEVICES=2 TP_CUDA_GRAPHS=0");
  expectTokens();
}

TEST_F(TpRunGpu, ProgressIsShown) {
  run("TP_EMU_DEVICES=2 TP_PROGRESS=1");
  expectTokens();
  EXPECT_TRUE(err.ends_with("\rweights on the GPU: 0 of 0 MiB\n")) << err;
}

TEST_F(TpRunGpu, HelpNamesTheVariables) {
  ASSERT_EQ(std::system((TP_RUN_BINARY " --help >" + folder + "/out").c_str()), 0);
  const std::string help = textOf(folder + "/out");
  for (const char *name : {"CUDA_VISIBLE_DEVICES", "TP_CUDA_SHARE", "TP_CUDA_ONE_SHOT", "TP_CUDA_GRAPHS",
                           "TP_CUDA_LIBRARIES", "TP_PROGRESS"})
    EXPECT_NE(help.find(name), std::string::npos) << name;
}

TEST_F(TpRunGpu, NoDriver) {
  run("", folder);
  expectError("the NVIDIA driver is missing: looked for " + folder + "/libcuda.so.1, " + folder + "/libcuda.so (");
}

TEST_F(TpRunGpu, NoCublasLt) {
  run("TP_CUDA_SHARE=1", libraries({"libcuda.so.1"}));
  expectError("rank 0: cuBLASLt is missing: looked for " + folder + "/libraries/libcublasLt.so.13, ");
}

TEST_F(TpRunGpu, NoNccl) {
  run("TP_EMU_DEVICES=2", libraries({"libcuda.so.1", "libcublasLt.so.13"}));
  expectError("NCCL is missing: looked for " + folder + "/libraries/libnccl.so.2, ");
}

TEST_F(TpRunGpu, AnotherLibraryUnderTheName) {
  const std::string path = libraries({});
  fs::copy_file(TP_TOY_CUDA_PROGRAM, path + "/libcuda.so.1");
  run("", path);
  expectError("the NVIDIA driver has no function cuInit: it is too old");
}

TEST_F(TpRunGpu, NoGpu) {
  run("TP_EMU_DEVICES=0");
  expectError("cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected");
}

TEST_F(TpRunGpu, FewerGpusThanRanks) {
  makePackage(3);
  run("TP_EMU_DEVICES=2");
  expectError(
      "the package needs 3 GPUs, one per rank, but this machine has 2 (TP_CUDA_SHARE=1 lets ranks share a GPU)");
}

TEST_F(TpRunGpu, DriverTooOldForThePtx) {
  makePackage(1);
  run("TP_EMU_DRIVER=10020");
  expectError("kernels.sm_80.ptx: the NVIDIA driver (CUDA 10.2) is too old for its PTX: update the driver");
}

TEST_F(TpRunGpu, ArchNotInThePackage) {
  run("TP_EMU_ARCH=75 TP_CUDA_SHARE=1");
  expectError("rank 0: the package has kernels for sm_80, none that runs on sm_75: compile it with --gpu-arch sm_75");
}

TEST_F(TpRunGpu, OutOfDeviceMemory) {
  run("TP_EMU_MEMORY=8192 TP_EMU_DEVICES=2");
  expectError("rank 0: GPU 0 (emulated sm_90, sm_90) has 8192 bytes free, the package needs 9280: weights 2624, state "
              "512, arena 4096, workspace 1024, collectives 1024");
}

TEST_F(TpRunGpu, OutOfMemoryOfASharedDevice) {
  run("TP_EMU_MEMORY=8192 TP_CUDA_SHARE=1");
  expectError("for 2 ranks, each: weights 2624, state 512, arena 4096, workspace 1024, collectives ");
}

TEST_F(TpRunGpu, KernelsThatAreMissing) {
  fs::remove(package + "/kernels.sm_80.ptx");
  run("TP_CUDA_SHARE=1");
  expectError("manifest.json: key 'target.modules': no file 'kernels.sm_80.ptx' in the package");
}

TEST_F(TpRunGpu, KernelsThatAreEmpty) {
  std::ofstream(package + "/kernels.sm_80.ptx").close();
  run("TP_CUDA_SHARE=1");
  expectError("kernels.sm_80.ptx: expected kernels, the file is empty");
}

TEST_F(TpRunGpu, KernelsThatAreNoCode) {
  std::ofstream(package + "/kernels.sm_80.ptx") << "nothing";
  run("TP_CUDA_SHARE=1");
  expectError("kernels.sm_80.ptx: cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX");
}

TEST_F(TpRunGpu, AKernelThatTheModuleLacks) {
  nlohmann::json manifest = toyCudaManifest(2);
  manifest["kernels"][1]["name"] = "other";
  writeToyCudaPackage(package, 2, manifest);
  run("TP_CUDA_SHARE=1");
  expectError("rank 0: kernel 'other': cuModuleGetFunction: CUDA_ERROR_NOT_FOUND");
}

TEST_F(TpRunGpu, AnEventThatTheManifestLacks) {
  nlohmann::json manifest = toyCudaManifest(2);
  manifest["events"] = 1;
  writeToyCudaPackage(package, 2, manifest);
  run("TP_CUDA_SHARE=1");
  expectError("the program uses event 1, the manifest has 1");
}

TEST_F(TpRunGpu, AGatherThatDoesNotWaitIsNamed) {
  fs::copy_file(TP_TOY_CUDA_RACE_BEFORE, package + "/program.so", fs::copy_options::overwrite_existing);
  run("TP_EMU_DEVICES=2 TP_CUDA_ONE_SHOT=0");
  expectError("kernel 'tp_move', block (0,0,0), thread (0,0,0), IR line ");
  expectError("with a missing stream dependency: not ordered after kernel 'toy_slice' (stream ");
}

// Work runs as late as it may, so what nobody waits for is not there.
TEST_F(TpRunGpu, AKernelThatDoesNotWaitIsNamed) {
  fs::copy_file(TP_TOY_CUDA_RACE_AFTER, package + "/program.so", fs::copy_options::overwrite_existing);
  run("TP_EMU_DEVICES=2");
  expectError("kernel 'toy_best', block (0,0,0), thread (0,0,0), IR line ");
  expectError("uninitialised memory");
}

} // namespace
} // namespace tp::emu
