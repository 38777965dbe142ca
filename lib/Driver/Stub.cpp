#include "tp/Package/Writer.h"
namespace tp { namespace cpu { llvm::FailureOr<CpuProgram> compileForCpu(mlir::ModuleOp, const CpuOptions &){ return llvm::failure(); } }
 std::vector<WeightShard> weightShards(mlir::ModuleOp){return {};} PackageModel PackageModel::from(const ModelConfig&){return {};} std::string tokenizerText(const Checkpoint &, const WarnFn &){return "";} void writePackage(const PackageInputs &, const std::string &, const ProgressFn &){} void checkPackagePath(const std::string &){} }
