#include "Layouts.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tp::cpu {

MemRefType physicalType(RankedTensorType type, StringRef layout) {
  ArrayRef<int64_t> s = type.getShape();
  bool paired = type.getElementType().isBF16();
  int64_t pack = paired ? 2 : 1;
  SmallVector<int64_t> shape(s);
  if (layout == "panel")
    shape = {ceilDiv(type.getNumElements() / s.back(), kLanes), ceilDiv(s.back(), pack), kLanes * pack};
  else if (layout == "keys")
    shape = {s[0], s[2], roundUp(s[1], kKeyBlock) / kLanes, ceilDiv(s[3], pack), kLanes * pack};
  else if (layout == "values")
    shape = {s[0], s[2], roundUp(s[1], kKeyBlock) / pack, roundUp(s[3], kLanes) * pack};
  return MemRefType::get(shape, type.getElementType());
}

int64_t bytesOf(MemRefType type) { return type.getNumElements() * type.getElementTypeBitWidth() / 8; }

static StringRef layoutIn(StringAttr layout) { return layout ? layout.getValue() : "plain"; }

StringRef argLayout(func::FuncOp function, unsigned index) {
  return layoutIn(function.getArgAttrOfType<StringAttr>(index, kLayout));
}

StringRef resultLayout(func::FuncOp function, unsigned index) {
  return layoutIn(function.getResultAttrOfType<StringAttr>(index, kLayout));
}

std::optional<unsigned> aliasOf(func::FuncOp function, unsigned result) {
  auto alias = function.getResultAttrOfType<IntegerAttr>(result, kAlias);
  return alias ? std::optional<unsigned>(alias.getInt()) : std::nullopt;
}

func::FuncOp calleeOf(func::CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
}

std::optional<unsigned> inputNamed(func::FuncOp entry, StringRef name) {
  for (unsigned i = 0; i < entry.getNumArguments(); ++i)
    if (auto input = entry.getArgAttrOfType<StringAttr>(i, kInput); input && input.getValue() == name)
      return i;
  return std::nullopt;
}

int64_t entryRows(func::FuncOp entry) {
  auto tokens = inputNamed(entry, "tokens");
  auto type = tokens ? cast<RankedTensorType>(entry.getArgumentTypes()[*tokens]) : RankedTensorType();
  return type && type.getRank() == 2 ? type.getDimSize(1) : 1;
}

static int64_t bytesOf(RankedTensorType type) { return type.getNumElements() * type.getElementTypeBitWidth() / 8; }

static bool isPiece(ArrayRef<int64_t> shape, int64_t dim) {
  return llvm::all_of(shape.take_front(size_t(dim)), [](int64_t size) { return size == 1; });
}

std::optional<int64_t> cutDimension(tensor::ExtractSliceOp slice) {
  if (ShapedType::isDynamicShape(slice.getStaticOffsets()) || ShapedType::isDynamicShape(slice.getStaticSizes()) ||
      !slice.hasUnitStride())
    return std::nullopt;
  std::optional<int64_t> cut;
  for (auto [dim, size] : llvm::enumerate(slice.getSourceType().getShape()))
    if (slice.getStaticSizes()[dim] != size) {
      if (cut)
        return std::nullopt;
      cut = dim;
    }
  return cut.value_or(0);
}

std::optional<int64_t> viewOffset(Operation *view) {
  auto slice = dyn_cast<tensor::ExtractSliceOp>(view);
  if (!slice)
    return 0;
  RankedTensorType from = slice.getSourceType();
  std::optional<int64_t> cut = cutDimension(slice);
  if (!cut || from.getRank() == 0 || from.getRank() != slice.getType().getRank() || !isPiece(from.getShape(), *cut))
    return std::nullopt;
  return bytesOf(from) / from.getDimSize(*cut) * slice.getStaticOffsets()[size_t(*cut)];
}

bool canJoin(Operation *op) {
  auto concat = cast<tensor::ConcatOp>(op);
  return isPiece(cast<RankedTensorType>(concat.getType()).getShape(), int64_t(concat.getDim())) &&
         llvm::all_of(concat.getOperands(), [](Value value) {
           Operation *source = value.getDefiningOp();
           return source && !isView(source) && !isJoin(source) && !isSplat(source) && !isa<KvUpdateOp>(source) &&
                  !isa<func::CallOp>(source) && llvm::count_if(value.getUsers(), isJoin) == 1 &&
                  llvm::none_of(value.getUsers(),
                                [](Operation *user) { return isView(user) || isa<func::ReturnOp>(user); });
         });
}

bool isElementwise(Operation *op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::AddIOp, arith::SubIOp, arith::MulIOp,
             arith::TruncFOp, arith::ExtFOp, math::TanhOp, ActivationOp>(op);
}

bool isSplat(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  return constant && isa<SplatElementsAttr>(constant.getValue());
}

} // namespace tp::cpu
