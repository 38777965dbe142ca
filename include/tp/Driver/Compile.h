// What tp-compile does: a model in, a package out, phase by phase.
#ifndef TP_DRIVER_COMPILE_H
#define TP_DRIVER_COMPILE_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tp {

struct CompileOptions {
  std::string model, output;
  std::vector<std::pair<std::string, int64_t>> mesh; // empty: one device, "tp" = 1
  std::string strategy;                              // empty: megatron, or none for an annotated .mlir file
  std::vector<std::pair<std::string, std::string>> weightShardings; // glob, sharding: "[{\"tp\"}, {}]"
  bool bf16 = false;
  int64_t maxSeq = 0, batch = 1;
  int64_t prefillChunk = 0; // 0: 128 on CPUs, 512 on GPUs
  std::string stopAfter;    // a phase of phaseNames(); empty: all
  bool explain = false;
  std::string explainFile; // empty: to standard output
  bool noWeights = false;  // in the package
  bool verifyPartition = false;
  bool printIr = false; // after each phase, to standard error
  bool reverseWorklist = false;
  std::string target = "cpu";        // or "cuda"
  std::vector<std::string> gpuArchs; // empty: sm_80, sm_90
  std::string ptxas;                 // as cuda::CudaOptions says
  bool emitKernelIr = false;
  std::string overlap = "auto"; // with target cuda; auto, on or off: as --tp-overlap-collectives says
  std::string cpu;              // LLVM's name; empty: this machine's
  bool quiet = false;
};

// import, plan, decompose, propagate, partition, collectives, lower, package.
std::vector<std::string> phaseNames();

// Throws tp::Error; MLIR diagnostics have been printed by then.
void compile(const CompileOptions &options);

} // namespace tp

#endif
