// A package for GPUs, written without the compiler: the program ToyCudaProgram.c, the kernels ToyKernels.c, and what
// they must compute. Small enough that thousands of loads and generations are run.
#ifndef TP_EMU_TOYCUDAPACKAGE_H
#define TP_EMU_TOYCUDAPACKAGE_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tp::emu {

constexpr int toyBatch = 2, toyVocab = 37;

// For 1, 2 or 3 ranks, mesh tp.
nlohmann::json toyCudaManifest(int ranks);
void writeToyCudaPackage(const std::string &folder, int ranks, const nlohmann::json &manifest);
// Greedy tokens after the prompt.
std::vector<int32_t> toyCudaTokens(std::vector<int32_t> tokens, int count);

// Where the package's kernels and the runtime's own are, for TP_EMU_IR.
std::string toyKernelFiles();

} // namespace tp::emu

#endif
