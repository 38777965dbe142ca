// tp-outline-kernels, see Passes.td.
#include "Groups.h"
#include "tp/Conversion/Passes.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace tp {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {

struct OutlineKernels : tp::impl::OutlineKernelsBase<OutlineKernels> {
  using OutlineKernelsBase::OutlineKernelsBase;
  void runOnOperation() override;

private:
  LogicalResult outline(func::FuncOp function);
  void packOperands(func::FuncOp function);
  Value repack(OpBuilder &b, Location loc, Value value, StringRef layout);
  void separateReturns(func::FuncOp function);
  void outlineGroup(const Group &group);
  func::FuncOp makeKernel(StringRef name, ArrayRef<Value> inputs, ArrayRef<Value> outputs, ArrayRef<Operation *> ops,
                          StringRef resultLayout = "");
  void annotate(func::FuncOp kernel, ArrayRef<Value> inputs, ArrayRef<Value> outputs, StringRef resultLayout);

  llvm::StringMap<func::FuncOp> known; // by text
  std::optional<SymbolTable> symbols;
};

} // namespace

static StringRef layoutOf(Value value) {
  if (auto arg = dyn_cast<BlockArgument>(value))
    return argLayout(cast<func::FuncOp>(arg.getOwner()->getParentOp()), arg.getArgNumber());
  if (auto update = value.getDefiningOp<KvUpdateOp>())
    return layoutOf(update.getCache());
  if (auto call = value.getDefiningOp<func::CallOp>()) {
    unsigned result = cast<OpResult>(value).getResultNumber();
    if (auto alias = aliasOf(calleeOf(call), result))
      return argLayout(calleeOf(call), *alias);
    return resultLayout(calleeOf(call), result);
  }
  return "plain";
}

void OutlineKernels::runOnOperation() {
  symbols.emplace(getOperation());
  SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    if (!isKernel(function) && failed(outline(function)))
      return signalPassFailure();
}

LogicalResult OutlineKernels::outline(func::FuncOp function) {
  Block &block = function.front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
  if (target == "cpu")
    packOperands(function);
  separateReturns(function);
  Groups groups(block);
  if (failed(groups.orderStates(target == "cuda" ? "CUDA" : "CPU")))
    return failure();
  fuseElementwise(groups, block);
  if (fuse)
    fuseKernels(groups, block, target == "cuda" ? Fusion{kGemvRows, 0, /*library=*/true} : Fusion());
  for (const Group &group : groups.schedule()) {
    Operation *op = group.front();
    // In the new order: everything before the terminator is placed again.
    for (Operation *member : group)
      member->moveBefore(block.getTerminator());
    if (!isView(op) && !isJoin(op) && !isCollective(op) && !isa<func::CallOp>(op))
      outlineGroup(group);
  }
  for (Operation &op : llvm::make_early_inc_range(block))
    if (isSplat(&op) && op.use_empty())
      op.erase();
  return success();
}

// A value in the layout that a kernel reads, where it is not in it already.
Value OutlineKernels::repack(OpBuilder &b, Location loc, Value value, StringRef layout) {
  func::FuncOp kernel = makeKernel(("pack_" + layout).str(), value, value, {}, layout);
  return func::CallOp::create(b, loc, kernel, value).getResult(0);
}

void OutlineKernels::packOperands(func::FuncOp function) {
  auto require = [&](OpOperand &operand, StringRef layout) {
    if (layoutOf(operand.get()) == layout)
      return;
    OpBuilder b(operand.getOwner());
    operand.set(repack(b, operand.getOwner()->getLoc(), operand.get(), layout));
  };
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    for (OpOperand &operand : op.getOpOperands())
      if (readsPanels(operand))
        require(operand, "panel");
    if (auto sdpa = dyn_cast<SdpaOp>(op)) {
      require(sdpa.getKeyMutable(), "keys");
      require(sdpa.getValueMutable(), "values");
    }
  }
}

// A returned value must have an op that makes it: copies arguments, constants and values returned twice, and gives
// constants that are operands of anything but elementwise ops a kernel.
void OutlineKernels::separateReturns(func::FuncOp function) {
  auto end = cast<func::ReturnOp>(function.front().getTerminator());
  OpBuilder b(end);
  auto copy = [&](OpBuilder &b, Value value) {
    func::FuncOp kernel = makeKernel("copy", value, value, {});
    return func::CallOp::create(b, value.getLoc(), kernel, value).getResult(0);
  };
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    auto needsValue = [&](OpOperand &use) { return !isElementwise(use.getOwner()); };
    if (!isSplat(&op) || llvm::none_of(op.getUses(), needsValue))
      continue;
    OpBuilder after(&op);
    after.setInsertionPointAfter(&op);
    func::FuncOp kernel = makeKernel("fill", {}, op.getResult(0), {&op});
    auto filled = func::CallOp::create(after, op.getLoc(), kernel, ValueRange());
    op.getResult(0).replaceUsesWithIf(filled.getResult(0), needsValue);
  }
  llvm::DenseSet<Value> seen;
  for (OpOperand &operand : end->getOpOperands()) {
    if (aliasOf(function, operand.getOperandNumber()))
      continue;
    Value source = operand.get();
    while (source.getDefiningOp() && isView(source.getDefiningOp()))
      source = source.getDefiningOp()->getOperand(0);
    Operation *op = source.getDefiningOp();
    auto call = dyn_cast_or_null<func::CallOp>(op);
    bool state = call && aliasOf(calleeOf(call), cast<OpResult>(source).getResultNumber());
    if (!op || state || isa<KvUpdateOp>(op) || !seen.insert(source).second)
      operand.set(copy(b, operand.get()));
  }
}

static StringRef kernelName(const Group &group) {
  auto name = [](Operation *op) { return op->getName().stripDialect(); };
  for (Operation *op : llvm::reverse(group))
    if (isa<SdpaOp, KvUpdateOp, LinearOp>(op))
      return name(op);
  for (Operation *op : llvm::reverse(group))
    if (!isElementwise(op))
      return name(op);
  return group.size() == 1 ? name(group.front()) : "elementwise";
}

void OutlineKernels::outlineGroup(const Group &group) {
  llvm::SmallPtrSet<Operation *, 8> members(group.begin(), group.end());
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  SmallVector<Operation *> ops;
  for (Operation *op : group) {
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (producer && isSplat(producer) && !llvm::is_contained(ops, producer))
        ops.push_back(producer);
      else if (!producer || (!members.contains(producer) && !isSplat(producer)))
        inputs.insert(operand);
    }
    ops.push_back(op);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
        outputs.push_back(result);
  }
  func::FuncOp kernel = makeKernel(kernelName(group), inputs.getArrayRef(), outputs, ops);
  OpBuilder b(group.back());
  auto call = func::CallOp::create(b, group.back()->getLoc(), kernel, inputs.getArrayRef());
  for (auto [output, result] : llvm::zip_equal(outputs, call.getResults()))
    output.replaceUsesWithIf(result, [&](OpOperand &use) { return !members.contains(use.getOwner()); });
  for (Operation *op : llvm::reverse(group))
    op->erase();
}

void OutlineKernels::annotate(func::FuncOp kernel, ArrayRef<Value> inputs, ArrayRef<Value> outputs, StringRef layout) {
  Builder b(&getContext());
  kernel->setAttr(kKernel, b.getUnitAttr());
  kernel.setPrivate();
  for (auto [i, input] : llvm::enumerate(inputs))
    if (layoutOf(input) != "plain")
      kernel.setArgAttr(i, kLayout, b.getStringAttr(layoutOf(input)));
  for (auto [i, output] : llvm::enumerate(outputs)) {
    if (!layout.empty())
      kernel.setResultAttr(i, kLayout, b.getStringAttr(layout));
    else if (auto update = output.getDefiningOp<KvUpdateOp>()) {
      auto *cache = llvm::find(inputs, update.getCache());
      assert(cache != inputs.end() && "chains of updates are not fused");
      kernel.setResultAttr(i, kAlias, b.getI64IntegerAttr(cache - inputs.begin()));
    }
  }
}

// A kernel of `ops`, or of no op: then it copies its input.
func::FuncOp OutlineKernels::makeKernel(StringRef name, ArrayRef<Value> inputs, ArrayRef<Value> outputs,
                                        ArrayRef<Operation *> ops, StringRef layout) {
  OpBuilder b(&getContext());
  Location loc = b.getUnknownLoc();
  auto type = b.getFunctionType(TypeRange(ValueRange(inputs)), TypeRange(ValueRange(outputs)));
  auto kernel = func::FuncOp::create(loc, ("kernel_" + name).str(), type);
  Block *block = kernel.addEntryBlock();
  b.setInsertionPointToStart(block);
  IRMapping mapping;
  mapping.map(inputs, block->getArguments());
  for (Operation *op : ops) {
    Operation *clone = b.clone(*op, mapping);
    clone->setDiscardableAttrs(DictionaryAttr::get(&getContext()));
    clone->setLoc(loc);
  }
  SmallVector<Value> results;
  for (Value output : outputs)
    results.push_back(mapping.lookup(output));
  func::ReturnOp::create(b, loc, results);
  annotate(kernel, inputs, outputs, ops.empty() && layout.empty() ? StringRef() : layout);

  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  auto [it, added] = known.try_emplace(text, kernel);
  if (!added) {
    kernel.erase();
    return it->second;
  }
  symbols->insert(kernel, getOperation().getBody()->end());
  return kernel;
}
