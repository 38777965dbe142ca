#include "HostTarget.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

namespace tp::cpu {

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(llvm::StringRef cpu, llvm::StringRef features) {
  static const bool initialized = !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  (void)initialized;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for x86-64: " + error);
  std::unique_ptr<llvm::MCSubtargetInfo> known(target->createMCSubtargetInfo(triple, "", ""));
  if (!known->isCPUStringValid(cpu))
    return llvm::createStringError("unknown CPU '" + cpu + "'");
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static std::string hostFeatures() {
  std::vector<std::string> list;
  for (const auto &[feature, on] : llvm::sys::getHostCPUFeatures())
    list.push_back((on ? "+" : "-") + feature.str());
  std::sort(list.begin(), list.end());
  std::string features;
  for (const std::string &feature : list)
    features += (features.empty() ? "" : ",") + feature;
  return features;
}

llvm::Expected<Machine> resolveMachine(llvm::StringRef cpu, llvm::StringRef features) {
  bool native = cpu.empty();
  Machine machine;
  machine.tune = native ? llvm::sys::getHostCPUName().str() : cpu.str();
  std::string wanted = native ? hostFeatures() : "";
  if (!features.empty())
    wanted += (wanted.empty() ? "" : ",") + features.str();
  auto candidate = makeTargetMachine(machine.tune, wanted);
  if (!candidate)
    return candidate.takeError();
  const llvm::MCSubtargetInfo &info = *(*candidate)->getMCSubtargetInfo();
  auto has = [&](const char *list) { return info.checkFeatures(list); };
  if (!has("+avx2") || !has("+fma") || !has("+f16c") || !has("+bmi2"))
    return llvm::createStringError("no CPU lowering for '" + machine.tune +
                                   "': expected a CPU with avx2, fma, f16c and bmi2");
  machine.target.avx512 =
      has("+avx512f") && has("+avx512bw") && has("+avx512dq") && has("+avx512vl") && has("+avx512cd");
  machine.target.bf16Dot = machine.target.avx512 && has("+avx512bf16");
  machine.cpu = machine.target.avx512 ? "x86-64-v4" : "x86-64-v3";
  machine.required = {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"};
  if (machine.target.avx512)
    machine.required.insert(machine.required.end(), {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  if (machine.target.bf16Dot) {
    machine.features = "+avx512bf16";
    machine.required.push_back("avx512bf16");
  }
  return machine;
}

} // namespace tp::cpu
