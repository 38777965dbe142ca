// --shard-weight 'GLOB=SHARDING'
#ifndef TP_LIB_DRIVER_WEIGHTSHARDINGS_H
#define TP_LIB_DRIVER_WEIGHTSHARDINGS_H

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <utility>
#include <vector>

namespace tp {

// States a sharding on every parameter whose name matches the glob; a later glob overrides an earlier one. SHARDING is
// a list of splits, as in #tp.sharding: [{"tp"}, {}]. Throws tp::Error where nothing matches or the sharding does not
// parse or fit.
void shardWeights(mlir::ModuleOp module, const std::vector<std::pair<std::string, std::string>> &shardings);

} // namespace tp

#endif
