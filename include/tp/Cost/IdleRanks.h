// Ranks without work: where an axis has more devices than a dimension has parts to give.
#ifndef TP_COST_IDLERANKS_H
#define TP_COST_IDLERANKS_H

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace tp {

// Ranks that hold nothing but padding of a function's arguments (weights, inputs, caches), because these have fewer
// blocks than the axes have devices. With them they compute nothing.
struct IdleRanks {
  std::string entry, function; // as in CollectiveUse
  std::vector<std::string> axes;
  std::vector<int64_t> ranks;
  std::vector<std::string> arguments; // parameter, state or input by name; else the argument's number
};

// Of all functions that the entry functions of a partitioned module run, in the order of the program.
std::vector<IdleRanks> findIdleRanks(mlir::ModuleOp partitioned);

} // namespace tp

#endif
