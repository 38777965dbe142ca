#include "Verify.h"
#include "tp/Dialect/LayerStack.h"

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

void tp::noteMesh(InFlightDiagnostic &error, Operation *from, FlatSymbolRefAttr mesh) {
  auto op = SymbolTable::lookupNearestSymbolFrom<MeshOp>(from, mesh);
  error.attachNote(op.getLoc()) << "mesh " << mesh << " is declared here";
}

static SmallVector<StringAttr> axesOf(ShardingAttr sharding) {
  SmallVector<StringAttr> axes(sharding.getReplicated());
  axes.append(sharding.getPartial().begin(), sharding.getPartial().end());
  for (SplitAttr split : sharding.getDims())
    axes.append(split.getAxes().begin(), split.getAxes().end());
  return axes;
}

LogicalResult tp::verifySharding(Operation *op, ShardingAttr sharding, Type type, const Twine &where) {
  FlatSymbolRefAttr name = sharding.getMesh();
  MeshAttr mesh = lookupMesh(op, name);
  if (!mesh)
    return op->emitOpError() << where << "sharding names mesh " << name << ", which does not exist";
  auto emit = [&] {
    InFlightDiagnostic error = op->emitOpError() << where;
    if (!llvm::all_of(axesOf(sharding), [&](StringAttr axis) { return mesh.sizeOf(axis).has_value(); }))
      noteMesh(error, op, name);
    return error;
  };
  return sharding.verifyFor(emit, mesh, type);
}

static LogicalResult verifyShardingAttribute(Operation *op, Attribute attribute, Type type, StringRef where) {
  auto sharding = dyn_cast<ShardingAttr>(attribute);
  if (!sharding)
    return op->emitOpError() << where << ": expected a #tp.sharding, found " << attribute;
  return verifySharding(op, sharding, type, where + ": ");
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
      if (failed(verifyShardingAttribute(op, sharding, op->getResult(i).getType(), "tp.shardings")))
        return failure();
  }
  return success();
}

// A name with a range is that of a stack: a tensor whose dimension 0 counts the layers. (In a local program, those that
// one device has.)
static LogicalResult verifyStack(Operation *op, Type type, NamedAttribute attribute) {
  auto name = cast<StringAttr>(attribute.getValue());
  if (!name.getValue().contains('{'))
    return success();
  std::optional<LayerStack> stack = LayerStack::parse(name);
  if (!stack)
    return op->emitOpError() << attribute.getName().getValue()
                             << ": expected one range such as {0..3} in the name, found " << name;
  auto tensor = dyn_cast<RankedTensorType>(type);
  bool local = op->getParentOfType<ModuleOp>() && op->getParentOfType<ModuleOp>()->hasAttr(kPartitioned);
  if (!tensor || tensor.getRank() == 0 || (tensor.getDimSize(0) != stack->count && !local))
    return op->emitOpError() << attribute.getName().getValue() << ": " << name << " names " << stack->count
                             << " tensors: expected a dimension 0 of that size, found " << type;
  return success();
}

// Attributes of a function's argument or result.
static LogicalResult verifySlotAttribute(Operation *op, Type type, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kSharding) {
    if (op->getParentOfType<ModuleOp>() && op->getParentOfType<ModuleOp>()->hasAttr(kPartitioned))
      return success();
    return verifyShardingAttribute(op, attribute.getValue(), type, kSharding);
  }
  if (name != kParameter && name != kInput && name != kOutput && name != kState)
    return success();
  auto text = dyn_cast<StringAttr>(attribute.getValue());
  if (!text)
    return op->emitOpError() << name << ": expected a string, found " << attribute.getValue();
  return name == kParameter || name == kState ? verifyStack(op, type, attribute) : success();
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
