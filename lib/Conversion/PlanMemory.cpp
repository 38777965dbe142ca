// tp-plan-memory, see Passes.td.
#include "Description.h"
#include "InPlace.h"
#include "tp/Conversion/Passes.h"

#include "llvm/ADT/StringMap.h"

namespace tp {
#define GEN_PASS_DEF_PLANMEMORY
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {

// Space in a frame, needed from op `first` to op `last` of the function.
struct Buffer {
  int64_t bytes, first, last, offset = -1;
  bool fixed = false; // an input or output of an entry
};

// Plans one function.
class FramePlan {
public:
  FramePlan(func::FuncOp function, int64_t align) : function(function), align(align) {}
  LogicalResult run();

private:
  LogicalResult addArguments();
  void addOp(Operation *op);
  void addResult(Operation *op, unsigned result);
  bool joins(Value value);
  void keepSource(Operation *op);
  void extendUses();
  bool isPart(Value value);
  std::optional<int> bufferFor(Operation *op, unsigned result);
  int addBuffer(int64_t bytes, bool fixed = false) {
    buffers.push_back({bytes, index, index, -1, fixed});
    return int(buffers.size()) - 1;
  }
  // Index of the last op that uses the value or a view of it.
  int64_t lastUse(Value value);
  int64_t place();
  LogicalResult annotate();

  func::FuncOp function;
  int64_t align, index = 0;
  std::vector<Buffer> buffers;
  llvm::DenseMap<Value, int> bufferOf;
  llvm::DenseMap<Value, int64_t> fixedPlace; // kPlaceAlias, or -1-i
  llvm::DenseMap<Value, int64_t> within;     // a joined value's: bytes from the place of the join
  llvm::DenseMap<Operation *, int> frames;   // buffer of a callee's frame
  llvm::DenseMap<Operation *, int64_t> order;
};

struct PlanMemory : tp::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;
  void runOnOperation() override;

private:
  LogicalResult planFunction(func::FuncOp function);
  LogicalResult planNamed(StringRef attribute, StringRef total);
  llvm::DenseSet<Operation *> planned;
};

} // namespace

int64_t FramePlan::lastUse(Value value) {
  int64_t last = order.lookup(value.getDefiningOp());
  for (Operation *user : value.getUsers())
    last = std::max(last, isView(user) || isJoin(user) ? lastUse(user->getResult(0)) : order.lookup(user));
  return last;
}

LogicalResult FramePlan::addArguments() {
  for (BlockArgument arg : function.getArguments()) {
    unsigned i = arg.getArgNumber();
    if (!isEntry(function) || function.getArgAttr(i, kParameter) || function.getArgAttr(i, kState))
      continue;
    if (!function.getArgAttr(i, kInput))
      return function.emitError() << "argument " << i << " of an entry: expected tp.input, tp.parameter or tp.state";
    int id = addBuffer(bytesOf(physicalType(cast<RankedTensorType>(arg.getType()), "plain")), true);
    buffers[id].last = int64_t(function.front().getOperations().size());
    bufferOf[arg] = id;
  }
  if (!isEntry(function))
    return success();
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (!function.getResultAttr(i, kOutput) && !aliasOf(function, i))
      return function.emitError() << "result " << i << " of an entry: expected tp.output or tp.state";
  return success();
}

// Whether a value lies in a part of its buffer.
bool FramePlan::isPart(Value value) {
  while (value.getDefiningOp() && isView(value.getDefiningOp())) {
    if (isa<tensor::ExtractSliceOp>(value.getDefiningOp()))
      return true;
    value = value.getDefiningOp()->getOperand(0);
  }
  return within.contains(value);
}

// The place of a result that shares an operand's buffer, if there is an operand that dies here.
std::optional<int> FramePlan::bufferFor(Operation *op, unsigned result) {
  SmallVector<unsigned> candidates;
  if (isa<AllReduceOp>(op))
    candidates.push_back(result);
  auto call = dyn_cast<func::CallOp>(op);
  if (call && isKernel(calleeOf(call)))
    candidates = inPlaceOperands(calleeOf(call), result);
  for (unsigned candidate : candidates) {
    auto it = bufferOf.find(op->getOperand(candidate));
    if (it == bufferOf.end() || isPart(op->getOperand(candidate)) || buffers[it->second].fixed ||
        buffers[it->second].last != index)
      continue;
    auto shares = [&](Value operand) { return bufferOf.contains(operand) && bufferOf.lookup(operand) == it->second; };
    if (llvm::count_if(op->getOperands(), shares) == 1 && llvm::none_of(op->getResults(), shares))
      return it->second;
  }
  return std::nullopt;
}

// A value that is joined with others is made in its part of the joined value.
bool FramePlan::joins(Value value) {
  auto user = llvm::find_if(value.getUsers(), isJoin);
  if (user == value.getUsers().end())
    return false;
  Operation *join = *user;
  Value whole = join->getResult(0);
  int64_t before = 0;
  for (Value part : join->getOperands()) {
    if (part == value)
      break;
    before += bytesOf(physicalType(cast<RankedTensorType>(part.getType()), "plain"));
  }
  within[value] = before;
  if (auto it = fixedPlace.find(whole); it != fixedPlace.end()) {
    fixedPlace[value] = it->second;
    return true;
  }
  if (!bufferOf.contains(whole))
    bufferOf[whole] = addBuffer(bytesOf(physicalType(cast<RankedTensorType>(whole.getType()), "plain")));
  int id = bufferOf[value] = bufferOf.lookup(whole);
  buffers[id].first = std::min(buffers[id].first, index);
  buffers[id].last = std::max(buffers[id].last, lastUse(whole));
  return true;
}

// The source of a collective that runs beside compute is read until somebody waits for the result.
void FramePlan::keepSource(Operation *op) {
  if (!op->hasAttr(kOverlapped) || !bufferOf.contains(op->getOperand(0)))
    return;
  int64_t until = order.lookup(op->getBlock()->getTerminator());
  for (Operation *user : op->getResult(0).getUsers())
    if (!isJoin(user))
      until = std::min(until, order.lookup(user));
  Buffer &source = buffers[bufferOf.lookup(op->getOperand(0))];
  source.last = std::max(source.last, until);
}

void FramePlan::addResult(Operation *op, unsigned i) {
  Value result = op->getResult(i);
  auto call = dyn_cast<func::CallOp>(op);
  if (call && aliasOf(calleeOf(call), i)) {
    fixedPlace[result] = kPlaceAlias;
    return;
  }
  if (joins(result))
    return;
  StringRef layout = call ? resultLayout(calleeOf(call), i) : "plain";
  int64_t bytes = bytesOf(physicalType(cast<RankedTensorType>(result.getType()), layout));
  int id = bufferFor(op, i).value_or(-1);
  if (id < 0)
    id = addBuffer(bytes);
  buffers[id].last = std::max(buffers[id].last, lastUse(result));
  bufferOf[result] = id;
}

// Results that the function returns are made in the caller's memory (a layer) or in the output's (an entry).
static Value viewedSource(Value value) {
  while (value.getDefiningOp() && isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

LogicalResult FramePlan::run() {
  Block &block = function.front();
  for (auto [i, op] : llvm::enumerate(block))
    order[&op] = int64_t(i) + 1;
  if (failed(addArguments()))
    return failure();
  Operation *end = block.getTerminator();
  for (auto [i, value] : llvm::enumerate(end->getOperands())) {
    if (aliasOf(function, i))
      continue;
    Value source = viewedSource(value);
    if (!isEntry(function)) {
      fixedPlace[source] = -1 - int64_t(i);
      continue;
    }
    int id = addBuffer(bytesOf(physicalType(cast<RankedTensorType>(value.getType()), "plain")), true);
    buffers[id].last = order.lookup(end);
    bufferOf[source] = id;
    function.setResultAttr(i, kOffset, Builder(function).getI64IntegerAttr(id));
  }
  for (Operation &op : block.without_terminator())
    addOp(&op);
  return annotate();
}

void FramePlan::addOp(Operation *op) {
  index = order.lookup(op);
  if (isJoin(op))
    return;
  if (isView(op)) {
    if (bufferOf.contains(op->getOperand(0)))
      bufferOf[op->getResult(0)] = bufferOf.lookup(op->getOperand(0));
    return;
  }
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (!fixedPlace.contains(op->getResult(i)) && !bufferOf.contains(op->getResult(i)))
      addResult(op, i);
  keepSource(op);
  auto call = dyn_cast<func::CallOp>(op);
  auto frame = call ? calleeOf(call)->getAttrOfType<IntegerAttr>(kFrame) : IntegerAttr();
  if (frame && frame.getInt() > 0)
    frames[op] = addBuffer(frame.getInt());
}

// Gives the buffers offsets, large ones first, each the lowest that is free in its time; returns the frame's size.
int64_t FramePlan::place() {
  std::vector<Buffer *> placed, sorted;
  for (Buffer &buffer : buffers)
    sorted.push_back(&buffer);
  std::stable_sort(sorted.begin(), sorted.end(), [](Buffer *a, Buffer *b) {
    return std::make_pair(!a->fixed, -a->bytes) < std::make_pair(!b->fixed, -b->bytes);
  });
  int64_t total = 0;
  for (Buffer *buffer : sorted) {
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (Buffer *other : placed)
      if (other->first <= buffer->last && buffer->first <= other->last)
        taken.push_back({other->offset, other->offset + roundUp(other->bytes, align)});
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + buffer->bytes <= begin)
        break;
      offset = std::max(offset, end);
    }
    buffer->offset = offset;
    total = std::max(total, offset + roundUp(buffer->bytes, align));
    placed.push_back(buffer);
  }
  return total;
}

LogicalResult FramePlan::annotate() {
  Builder b(function);
  function->setAttr(kFrame, b.getI64IntegerAttr(place()));
  for (BlockArgument arg : function.getArguments())
    if (bufferOf.contains(arg))
      function.setArgAttr(arg.getArgNumber(), kOffset, b.getI64IntegerAttr(buffers[bufferOf.lookup(arg)].offset));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto id = function.getResultAttrOfType<IntegerAttr>(i, kOffset))
      function.setResultAttr(i, kOffset, b.getI64IntegerAttr(buffers[id.getInt()].offset));
  for (Operation &op : function.front().without_terminator()) {
    if (isView(&op) || isJoin(&op))
      continue;
    SmallVector<int64_t> places, parts;
    for (Value result : op.getResults()) {
      auto it = fixedPlace.find(result);
      places.push_back(it != fixedPlace.end() ? it->second : buffers[bufferOf.lookup(result)].offset);
    }
    for (Value result : op.getResults())
      parts.push_back(within.lookup(result));
    if (llvm::any_of(parts, [](int64_t bytes) { return bytes > 0; }))
      op.setAttr(kWithin, b.getDenseI64ArrayAttr(parts));
    op.setAttr(kPlaces, b.getDenseI64ArrayAttr(places));
    if (frames.contains(&op))
      op.setAttr(kFrameAt, b.getI64IntegerAttr(buffers[frames.lookup(&op)].offset));
  }
  return success();
}

// Offsets of parameters or states, in the order in which entries name them; one place a name.
LogicalResult PlanMemory::planNamed(StringRef attribute, StringRef total) {
  Builder b(&getContext());
  llvm::StringMap<std::pair<int64_t, Type>> places;
  int64_t end = 0;
  for (auto function : getOperation().getOps<func::FuncOp>()) {
    if (!isEntry(function))
      continue;
    for (BlockArgument arg : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(arg.getArgNumber(), attribute);
      if (!name)
        continue;
      auto type = cast<RankedTensorType>(arg.getType());
      auto [it, added] = places.try_emplace(name.getValue(), end, type);
      if (added)
        end += roundUp(cpu::bytesOf(physicalType(type, argLayout(function, arg.getArgNumber()))), align);
      else if (it->second.second != type)
        return function.emitError() << attribute << " " << name << ": expected " << it->second.second
                                    << " as in another entry, found " << type;
      function.setArgAttr(arg.getArgNumber(), kOffset, b.getI64IntegerAttr(it->second.first));
    }
  }
  getOperation()->setAttr(total, b.getI64IntegerAttr(end));
  return success();
}

LogicalResult PlanMemory::planFunction(func::FuncOp function) {
  if (isKernel(function) || !planned.insert(function).second)
    return success();
  WalkResult result = function.walk([&](func::CallOp call) -> WalkResult { return planFunction(calleeOf(call)); });
  return result.wasInterrupted() ? failure() : FramePlan(function, align).run();
}

void PlanMemory::runOnOperation() {
  int64_t arena = 0;
  for (auto function : getOperation().getOps<func::FuncOp>()) {
    if (failed(planFunction(function)))
      return signalPassFailure();
    if (isEntry(function))
      arena = std::max(arena, function->getAttrOfType<IntegerAttr>(kFrame).getInt());
  }
  nameProgram(getOperation());
  getOperation()->setAttr(kArenaBytes, Builder(&getContext()).getI64IntegerAttr(arena));
  if (failed(planNamed(kParameter, kWeightBytes)) || failed(planNamed(kState, kStateBytes)))
    signalPassFailure();
}
