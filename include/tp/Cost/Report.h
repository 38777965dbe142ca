// The collectives of a partitioned program, and the ranks without work: what --explain prints.
#ifndef TP_COST_REPORT_H
#define TP_COST_REPORT_H

#include "tp/Cost/IdleRanks.h"
#include "tp/Dialect/Tp.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace tp {

// A way to compute the op that asked for a collective.
struct Alternative {
  std::vector<std::string> operands; // the shardings that it wants, "[{}, {"tp"}]"
  int64_t bytes = 0;                 // one device sends for operands and results
  bool chosen = false;
};

// One collective op, as an entry point runs it.
struct CollectiveUse {
  std::string entry;    // the entry function, e.g. "prefill_128"
  std::string function; // where the op stands
  std::string kind;     // "all_reduce", ...
  std::vector<std::string> axes;
  int64_t groupSize = 1;
  int64_t count = 0; // runs per call of the entry
  int64_t bytes = 0; // one device sends in one run (ring model)
  // What asked for it: "tp.linear", "operand 0" or "result"; of one that was fused, of each value: "tp.linear;
  // tp.sdpa".
  std::string op, operand;
  std::string overlap; // "yes: ..." or "no: ..."; empty where the target cannot overlap or partition was not asked
  bool overlapped() const { return overlap.starts_with("yes"); }
  std::vector<Alternative> alternatives; // where operands disagreed, and partition was asked to explain
};

// The functions marked tp.entry; where none is, the public ones.
llvm::SmallVector<mlir::func::FuncOp> entryFunctions(mlir::ModuleOp module);

// All collectives of all entry functions, in the order of the program.
std::vector<CollectiveUse> collectCollectives(mlir::ModuleOp partitioned);

std::string toJson(const std::vector<CollectiveUse> &uses, const std::vector<IdleRanks> &idle = {});
std::string toTable(const std::vector<CollectiveUse> &uses, const std::vector<IdleRanks> &idle);

} // namespace tp

#endif
