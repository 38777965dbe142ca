#ifndef TP_SHARDING_MESHLOOKUP_H
#define TP_SHARDING_MESHLOOKUP_H

#include "tp/Dialect/Tp.h"

#include "mlir/IR/BuiltinOps.h"

namespace tp {

// The module's mesh; an error where there is none or more than one.
inline mlir::FailureOr<MeshOp> onlyMesh(mlir::ModuleOp module) {
  auto meshes = module.getOps<MeshOp>();
  int64_t count = std::distance(meshes.begin(), meshes.end());
  if (count != 1)
    return module.emitError() << "expected one tp.mesh in the module, found " << count;
  return *meshes.begin();
}

} // namespace tp

#endif
