// Verifiers of the local program's ops. Each checks its mesh through SymbolUserOpInterface.
#include "Verify.h"
#include "tp/Sharding/Geometry.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace tp;

// (C5)
static LogicalResult verifyJoined(Operation *op) {
  if (op->getNumOperands() == 0 || op->getNumOperands() != op->getNumResults())
    return op->emitOpError() << "(C5) expected as many results as inputs, at least one, found " << op->getNumResults()
                             << " and " << op->getNumOperands();
  return success();
}

LogicalResult AllReduceOp::verify() { return verifyJoined(*this); }
LogicalResult PermuteOp::verify() { return success(); }
LogicalResult AsPartialOp::verify() { return success(); }
LogicalResult ShiftIndexOp::verify() { return success(); }
LogicalResult MaskPaddingOp::verify() { return success(); }
LogicalResult AllGatherOp::verify() { return verifyJoined(*this); }
LogicalResult TopPairsOp::verify() { return success(); }
LogicalResult AllSliceOp::verify() { return success(); }
LogicalResult ReduceScatterOp::verify() { return verifyJoined(*this); }
LogicalResult AllToAllOp::verify() { return success(); }

// (C1): the mesh, if it exists and has the axes; null after an error.
static MeshAttr expectAxes(Operation *op, FlatSymbolRefAttr name, ArrayRef<StringAttr> axes) {
  MeshAttr mesh = lookupMesh(op, name);
  if (!mesh) {
    op->emitOpError() << "(C1) mesh " << name << " does not exist";
    return {};
  }
  if (axes.empty()) {
    op->emitOpError() << "(C1) expected at least one axis";
    return {};
  }
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (!mesh.sizeOf(axis)) {
      InFlightDiagnostic error = op->emitOpError() << "(C1) axis " << axis << " is not in mesh " << name << " " << mesh;
      noteMesh(error, op, name);
      return {};
    }
    if (llvm::is_contained(axes.take_front(i), axis)) {
      op->emitOpError() << "(C2) axis " << axis << " is used twice";
      return {};
    }
  }
  return mesh;
}

static MeshAttr expectAxes(Operation *op, FlatSymbolRefAttr name, ArrayAttr axes) {
  return expectAxes(op, name, SmallVector<StringAttr>(axes.getAsRange<StringAttr>()));
}

// (C2): `whole` has `size` elements in `dim`, `shard` the shard of them under `split`.
static LogicalResult expectShard(Operation *op, MeshAttr mesh, Type whole, Type shard, int64_t dim, int64_t size,
                                 SplitAttr split) {
  auto wholeType = cast<RankedTensorType>(whole), shardType = cast<RankedTensorType>(shard);
  if (dim < 0 || dim >= wholeType.getRank() || wholeType.getRank() != shardType.getRank())
    return op->emitOpError() << "(C2) expected dim to be a dimension of both types, found " << dim;
  if (split.getOuter() != 1 || !split.getSections().empty())
    return op->emitOpError() << "(C2) expected a split without 'outer' and 'sections': the parts are apart here";
  if (size % split.getUnit() != 0)
    return op->emitOpError() << "(C2) unit " << split.getUnit() << " does not divide the dimension's size " << size;
  int64_t local = Geometry{size, mesh.sizeOf(split.getAxes()), split.getUnit(), split.getRepeat()}.local();
  if (wholeType.getDimSize(dim) != size || shardType.getDimSize(dim) != local)
    return op->emitOpError() << "(C2) expected " << size << " elements in dimension " << dim << " when whole and "
                             << local << " in a shard, found " << wholeType.getDimSize(dim) << " and "
                             << shardType.getDimSize(dim);
  return success();
}

// (C3): equal types but for the dimensions in `dims`.
static LogicalResult expectEqualElsewhere(Operation *op, Type a, Type b, ArrayRef<int64_t> dims) {
  auto x = cast<RankedTensorType>(a), y = cast<RankedTensorType>(b);
  bool equal = x.getElementType() == y.getElementType() && x.getRank() == y.getRank();
  for (int64_t i = 0; equal && i < x.getRank(); ++i)
    equal = llvm::is_contained(dims, i) || x.getDimSize(i) == y.getDimSize(i);
  if (!equal)
    return op->emitOpError() << "(C3) expected equal types but for the dimensions that change, found " << a << " and "
                             << b;
  return success();
}

LogicalResult AllReduceOp::verifySymbolUses(SymbolTableCollection &) {
  return success(expectAxes(*this, getMeshAttr(), getAxes()) != nullptr);
}
LogicalResult AsPartialOp::verifySymbolUses(SymbolTableCollection &) {
  return success(expectAxes(*this, getMeshAttr(), getAxes()) != nullptr);
}

LogicalResult PermuteOp::verifySymbolUses(SymbolTableCollection &) {
  MeshAttr mesh = expectAxes(*this, getMeshAttr(), getAxes());
  if (!mesh)
    return failure();
  int64_t n = mesh.sizeOf(SmallVector<StringAttr>(getAxes().getAsRange<StringAttr>()));
  if ((int64_t)getSources().size() != n)
    return emitOpError() << "(C2) expected " << n << " sources, found " << getSources().size();
  llvm::BitVector taken(n);
  for (int64_t source : getSources()) {
    if (source < -1 || source >= n || (source >= 0 && taken[source]))
      return emitOpError() << "(C2) expected each source once, from -1 to " << n - 1 << ", found " << source;
    if (source >= 0)
      taken.set(source);
  }
  return success();
}

LogicalResult ShiftIndexOp::verifySymbolUses(SymbolTableCollection &) {
  return success(expectAxes(*this, getMeshAttr(), getSplit().getAxes()) != nullptr);
}

LogicalResult MaskPaddingOp::verifySymbolUses(SymbolTableCollection &) {
  MeshAttr mesh = expectAxes(*this, getMeshAttr(), getSplit().getAxes());
  if (!mesh)
    return failure();
  auto type = cast<RankedTensorType>(getType());
  SmallVector<int64_t> shape(type.getShape());
  if (getDim() < shape.size())
    shape[getDim()] = getSize();
  return expectShard(*this, mesh, type.clone(shape), type, getDim(), getSize(), getSplit());
}

LogicalResult TopPairsOp::verifySymbolUses(SymbolTableCollection &) {
  auto type = cast<RankedTensorType>(getInput().getType()), pairs = cast<RankedTensorType>(getType());
  if (type.getRank() != 2 || pairs.getRank() != 3 || pairs.getDimSize(0) != type.getDimSize(0) ||
      pairs.getDimSize(2) != 2 || pairs.getDimSize(1) < 1)
    return emitOpError() << "(C3) expected [B, V] and [B, P, 2], found " << type << " and " << pairs;
  if (getSize().has_value() != getSplit().has_value() || getSize().has_value() != getMesh().has_value())
    return emitOpError() << "(C4) expected size, split and mesh, or none of them";
  if (!getSplit())
    return success();
  MeshAttr mesh = expectAxes(*this, getMeshAttr(), getSplit()->getAxes());
  if (!mesh)
    return failure();
  SmallVector<int64_t> shape = {type.getDimSize(0), int64_t(*getSize())};
  return expectShard(*this, mesh, type.clone(shape), type, 1, *getSize(), *getSplit());
}

LogicalResult BestIndexOp::verify() {
  auto pairs = cast<RankedTensorType>(getPairs().getType()), type = cast<RankedTensorType>(getType());
  if (pairs.getRank() != 3 || pairs.getDimSize(2) != 2 || type.getRank() != 1 ||
      type.getDimSize(0) != pairs.getDimSize(0))
    return emitOpError() << "(C1) expected [B, P, 2] and [B], found " << pairs << " and " << type;
  return success();
}

LogicalResult SampleOp::verify() {
  auto logits = cast<RankedTensorType>(getLogits().getType()),
       settings = cast<RankedTensorType>(getSettings().getType());
  auto type = cast<RankedTensorType>(getType());
  if (logits.getRank() != 2 || settings.getRank() != 2 || settings.getDimSize(1) != 4 || type.getRank() != 1 ||
      settings.getDimSize(0) != logits.getDimSize(0) || type.getDimSize(0) != logits.getDimSize(0))
    return emitOpError() << "(C1) expected [B, V], [B, 4] and [B], found " << logits << ", " << settings << " and "
                         << type;
  return success();
}

// Ops between whole dimensions and shards of them.
static LogicalResult verifyDimOp(Operation *op, FlatSymbolRefAttr name, SplitAttr split, int64_t dim, int64_t size,
                                 ValueRange wholes, ValueRange shards) {
  MeshAttr mesh = expectAxes(op, name, split.getAxes());
  if (!mesh)
    return failure();
  for (auto [whole, shard] : llvm::zip_equal(wholes.getTypes(), shards.getTypes()))
    if (failed(expectShard(op, mesh, whole, shard, dim, size, split)) ||
        failed(expectEqualElsewhere(op, whole, shard, {dim})))
      return failure();
  return success();
}

LogicalResult AllGatherOp::verifySymbolUses(SymbolTableCollection &) {
  return verifyDimOp(*this, getMeshAttr(), getSplit(), getDim(), getSize(), getResults(), getInputs());
}
LogicalResult AllSliceOp::verifySymbolUses(SymbolTableCollection &) {
  return verifyDimOp(*this, getMeshAttr(), getSplit(), getDim(), getSize(), getInput(), getResult());
}
LogicalResult ReduceScatterOp::verifySymbolUses(SymbolTableCollection &) {
  return verifyDimOp(*this, getMeshAttr(), getSplit(), getDim(), getSize(), getInputs(), getResults());
}

LogicalResult AllToAllOp::verifySymbolUses(SymbolTableCollection &) {
  MeshAttr mesh = expectAxes(*this, getMeshAttr(), getFrom().getAxes());
  if (!mesh)
    return failure();
  if (getFrom().getAxes() != getTo().getAxes())
    return emitOpError() << "(C2) expected both splits to have the same axes";
  Type input = getInput().getType(), result = getType();
  return success(succeeded(expectShard(*this, mesh, result, input, getFromDim(), getFromSize(), getFrom())) &&
                 succeeded(expectShard(*this, mesh, input, result, getToDim(), getToSize(), getTo())) &&
                 succeeded(expectEqualElsewhere(*this, input, result, {(int64_t)getFromDim(), (int64_t)getToDim()})));
}
