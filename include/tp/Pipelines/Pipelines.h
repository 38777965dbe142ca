// The compiler's phases in order: each is a pipeline that can be stopped behind.
#ifndef TP_PIPELINES_PIPELINES_H
#define TP_PIPELINES_PIPELINES_H

#include "tp/Pipelines/Passes.h"

namespace tp {

struct PhaseOptions {
  std::string strategy = "megatron"; // empty: the annotations in the module alone
  bool reverseWorklist = false;
  bool explain = false; // partition notes the alternatives of each collective
  std::string overlap;  // auto, on or off; empty: the target cannot overlap
};

// Phases that are pipelines on IR, in order. Import comes before them; lower and package behind.
inline constexpr llvm::StringLiteral kPhases[] = {"plan", "decompose", "propagate", "partition", "collectives"};

// Adds the passes of one phase, one of kPhases.
void addPhase(llvm::StringRef phase, mlir::OpPassManager &manager, const PhaseOptions &options = {});

} // namespace tp

#endif
