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
// The tensors of a stack are split alike: a glob matches all of them or none.
void shardWeights(mlir::ModuleOp module, const std::vector<std::pair<std::string, std::string>> &shardings);

// Whether the same globs match both names.
bool shardedAlike(const std::vector<std::pair<std::string, std::string>> &shardings, const std::string &first,
                  const std::string &second);

} // namespace tp

#endif
