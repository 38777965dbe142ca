#include "tp/Dialect/Tp.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tp;

#include "tp/Dialect/TpDialect.cpp.inc"
#include "tp/Dialect/TpInterfaces.cpp.inc"

void TpDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "tp/Dialect/TpOps.cpp.inc"
      >();
}

MeshAttr tp::lookupMesh(Operation *from, FlatSymbolRefAttr mesh) {
  auto op = SymbolTable::lookupNearestSymbolFrom<MeshOp>(from, mesh);
  return op ? op.getMesh() : MeshAttr();
}

// Verifies a sharding against the mesh it names and the type of the value it is on.
static LogicalResult verifySharding(Operation *op, Attribute attribute, Type type, StringRef where) {
  auto sharding = dyn_cast<ShardingAttr>(attribute);
  if (!sharding)
    return op->emitOpError() << where << ": expected a #tp.sharding, found " << attribute;
  MeshAttr mesh = lookupMesh(op, sharding.getMesh());
  if (!mesh)
    return op->emitOpError() << where << ": sharding names mesh " << sharding.getMesh() << ", which does not exist";
  return sharding.verifyFor([&] { return op->emitOpError() << where << ": "; }, mesh, type);
}

LogicalResult TpDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == kShardings) {
    auto shardings = dyn_cast<ArrayAttr>(attribute.getValue());
    if (!shardings || shardings.size() != op->getNumResults())
      return op->emitOpError() << "tp.shardings: expected an array of " << op->getNumResults()
                               << " shardings, one for each result";
    // In a local program the types are those of one device: the sharding is a record then, and its size checks do not
    // apply.
    if (op->getParentOfType<ModuleOp>() && op->getParentOfType<ModuleOp>()->hasAttr(kPartitioned))
      return success();
    for (auto [i, sharding] : llvm::enumerate(shardings))
      if (failed(verifySharding(op, sharding, op->getResult(i).getType(), "tp.shardings")))
        return failure();
  }
  return success();
}

// Attributes of a function's argument or result.
static LogicalResult verifySlotAttribute(Operation *op, Type type, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kSharding) {
    if (op->getParentOfType<ModuleOp>() && op->getParentOfType<ModuleOp>()->hasAttr(kPartitioned))
      return success();
    return verifySharding(op, attribute.getValue(), type, kSharding);
  }
  if ((name == kParameter || name == kInput || name == kOutput || name == kState) &&
      !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError() << name << ": expected a string, found " << attribute.getValue();
  return success();
}

LogicalResult TpDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function ? verifySlotAttribute(op, function.getArgumentTypes()[index], attribute) : success();
}

LogicalResult TpDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index,
                                                     NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function ? verifySlotAttribute(op, function.getResultTypes()[index], attribute) : success();
}
