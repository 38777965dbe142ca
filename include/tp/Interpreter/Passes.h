// Passes that run programs.
//   --tp-interpret          runs a function and prints its results (tests)
//   --tp-verify-partition   partitions a copy of the module and compares it with the whole program on random inputs
#ifndef TP_INTERPRETER_PASSES_H
#define TP_INTERPRETER_PASSES_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace tp {

std::unique_ptr<mlir::Pass> createInterpretPass();
std::unique_ptr<mlir::Pass> createVerifyPartitionPass();

void registerInterpreterPasses();

} // namespace tp

#endif
