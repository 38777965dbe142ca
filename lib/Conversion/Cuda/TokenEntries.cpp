// tp-add-token-entries, see Passes.td.
#include "GpuKernels.h"
#include "tp/Conversion/Passes.h"

namespace tp {
#define GEN_PASS_DEF_ADDTOKENENTRIES
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct AddTokenEntries : tp::impl::AddTokenEntriesBase<AddTokenEntries> {
  using AddTokenEntriesBase::AddTokenEntriesBase;
  void runOnOperation() override;
};
} // namespace

static constexpr int64_t kPieces = 64; // of a device's part of a row: blocks that look at once

static std::optional<unsigned> logitsOf(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto name = function.getResultAttrOfType<StringAttr>(i, kOutput);
    auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[i]);
    if (name && name.getValue() == "logits" && type && type.getRank() == 2 && type.getElementType().isF32())
      return i;
  }
  return std::nullopt;
}

static Value bestOf(OpBuilder &b, Value logits) {
  Location loc = logits.getLoc();
  auto gather = logits.getDefiningOp<AllGatherOp>();
  if (gather && gather.getDim() != 1)
    gather = nullptr;
  Value source = gather ? gather->getOperand(cast<OpResult>(logits).getResultNumber()) : logits;
  auto type = cast<RankedTensorType>(source.getType());
  int64_t batch = type.getDimSize(0), pieces = std::min(kPieces, cpu::ceilDiv(type.getDimSize(1), 64));
  auto pairsType = RankedTensorType::get({batch, pieces, 2}, b.getI32Type());
  auto tokenType = RankedTensorType::get({batch}, b.getI32Type());
  if (!gather) {
    Value pairs = TopPairsOp::create(b, loc, pairsType, source, IntegerAttr(), SplitAttr(), FlatSymbolRefAttr());
    return BestIndexOp::create(b, loc, tokenType, pairs);
  }
  Value pairs =
      TopPairsOp::create(b, loc, pairsType, source, gather.getSizeAttr(), gather.getSplit(), gather.getMeshAttr());
  SplitAttr split = gather.getSplit();
  int64_t all = pieces * lookupMesh(gather, gather.getMeshAttr()).sizeOf(split.getAxes());
  auto even = SplitAttr::get(b.getContext(), split.getAxes(), true, 1, 1, 0, 1, ArrayRef<int64_t>());
  Value gathered =
      AllGatherOp::create(b, loc, RankedTensorType::get({batch, all, 2}, b.getI32Type()), pairs, b.getI64IntegerAttr(1),
                          b.getI64IntegerAttr(all), even, gather.getMeshAttr(), gather.getOriginAttr());
  return BestIndexOp::create(b, loc, tokenType, gathered);
}

static Value sampled(OpBuilder &b, func::FuncOp function, Value logits) {
  int64_t batch = cast<RankedTensorType>(logits.getType()).getDimSize(0);
  unsigned last = function.getNumArguments();
  (void)function.insertArgument(last, RankedTensorType::get({batch, 4}, b.getI32Type()),
                                b.getDictionaryAttr(b.getNamedAttr(kInput, b.getStringAttr("sampling"))),
                                function.getLoc());
  return SampleOp::create(b, logits.getLoc(), RankedTensorType::get({batch}, b.getI32Type()), logits,
                          function.getArgument(last));
}

// A copy of the entry that returns, in place of a result, the token that `choose` makes of it.
static void addEntry(ModuleOp module, func::FuncOp entry, unsigned result, StringRef suffix,
                     llvm::function_ref<Value(OpBuilder &, func::FuncOp, Value)> choose) {
  func::FuncOp copy = entry.clone();
  Builder attributes(module.getContext());
  copy->setAttr(kEntry, attributes.getStringAttr(entry->getAttrOfType<StringAttr>(kEntry).getValue() + suffix));
  copy.setName((entry.getName() + suffix).str());
  SymbolTable(module).insert(copy, ++Block::iterator(entry));
  Operation *end = copy.front().getTerminator();
  OpBuilder b(end);
  Value logits = end->getOperand(result), token = choose(b, copy, logits);
  end->setOperand(result, token);
  SmallVector<Type> results(copy.getResultTypes());
  results[result] = token.getType();
  copy.setType(b.getFunctionType(copy.getArgumentTypes(), results));
  copy.setResultAttrs(result, b.getDictionaryAttr(b.getNamedAttr(kOutput, b.getStringAttr("token"))));
  if (auto gather = logits.getDefiningOp<AllGatherOp>(); gather && gather->use_empty())
    gather.erase();
}

void AddTokenEntries::runOnOperation() {
  SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    if (auto result = cpu::isEntry(function) ? logitsOf(function) : std::nullopt) {
      addEntry(getOperation(), function, *result, "_sample", sampled);
      addEntry(getOperation(), function, *result, "_token",
               [](OpBuilder &b, func::FuncOp, Value logits) { return bestOf(b, logits); });
    }
}
