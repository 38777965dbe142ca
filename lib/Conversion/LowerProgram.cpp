// tp-lower-program, see Passes.td.
#include "Layouts.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tp {
#define GEN_PASS_DEF_LOWERPROGRAM
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

namespace {

// Fields of tp_frame, in bytes; runtime/include/tp_program.h.
enum FrameField : int64_t {
  kAtWeights = 0,
  kAtState = 8,
  kAtArena = 16,
  kAtRank = 24,
  kAtThreads = 32,
  kAtBarrier = 40,
  kAtCollective = 48,
  kAtCollectives = 56
};

// Memory that an op touches: bytes of a root, which is the frame (0) or something of the caller's.
struct Range {
  int64_t root, begin, end;
  bool overlaps(const Range &other) const { return root == other.root && begin < other.end && other.begin < end; }
};

struct Place {
  Value memory;
  Range range;
};

class ProgramFunction {
public:
  ProgramFunction(func::FuncOp source, ModuleOp module)
      : source(source), module(module), b(source.getLoc(), source.getContext()) {}
  void lower();

private:
  void declare();
  void placeArguments();
  void placeEntryArguments();
  void countRows();
  Value framePointer(FrameField field);
  Value frameNumber(FrameField field);
  Value fromPointer(Value pointer, int64_t bytes);
  Value pointerTo(Value memory);
  Value at(Value bytes, int64_t offset, MemRefType type);
  void lowerOp(Operation *op);
  void lowerCall(func::CallOp call);
  Value arrayOf(ArrayRef<Value> values);
  void lowerCollective(Operation *op);
  void lowerView(Operation *op);
  Place placeOf(Operation *op, unsigned result);
  void barrier();
  // Meets the other threads if they may not have written or read what is read or written next.
  void access(ArrayRef<Range> reads, ArrayRef<Range> writes);

  func::FuncOp source, function;
  ModuleOp module;
  ImplicitLocOpBuilder b;
  Value frame, thread, threads, rank, local;
  Value rowsInUse; // of each sequence, index
  llvm::DenseMap<Value, Place> places;
  SmallVector<Place> returned; // by result; aliases have none
  SmallVector<Range> pendingReads, pendingWrites;
};

struct LowerProgram : tp::impl::LowerProgramBase<LowerProgram> {
  using LowerProgramBase::LowerProgramBase;
  void runOnOperation() override;
};

} // namespace

static MemRefType bytesType(MLIRContext *context, int64_t bytes) {
  return MemRefType::get({std::max<int64_t>(bytes, 1)}, IntegerType::get(context, 8));
}

static MemRefType argType(func::FuncOp function, unsigned i) {
  return physicalType(cast<RankedTensorType>(function.getArgumentTypes()[i]), argLayout(function, i));
}

static int64_t number(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

void ProgramFunction::declare() {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  bool entry = isEntry(source);
  SmallVector<Type> types = {pointer, entry ? Type(b.getI64Type()) : b.getIndexType()};
  if (!entry) {
    types.push_back(b.getIndexType());
    types.push_back(bytesType(b.getContext(), number(source, kFrame)));
    for (unsigned i = 0; i < source.getNumArguments(); ++i)
      types.push_back(argType(source, i));
    for (unsigned i = 0; i < source.getNumResults(); ++i)
      if (!aliasOf(source, i))
        types.push_back(physicalType(cast<RankedTensorType>(source.getResultTypes()[i]), "plain"));
  }
  std::string name = entry ? source->getAttrOfType<StringAttr>(kSymbol).str() : loweredName(source);
  function = func::FuncOp::create(source.getLoc(), name, b.getFunctionType(types, {}));
  if (!entry) {
    function.setPrivate();
    function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  }
  module.insert(source, function);
  b.setInsertionPointToStart(function.addEntryBlock());
  frame = function.getArgument(0);
  thread = entry ? Value(arith::IndexCastOp::create(b, b.getIndexType(), function.getArgument(1)))
                 : Value(function.getArgument(1));
  threads = frameNumber(kAtThreads);
  rank = frameNumber(kAtRank);
}

Value ProgramFunction::framePointer(FrameField field) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value address = LLVM::GEPOp::create(b, pointer, b.getI8Type(), frame, ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return LLVM::LoadOp::create(b, pointer, address);
}

Value ProgramFunction::frameNumber(FrameField field) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value address = LLVM::GEPOp::create(b, pointer, b.getI8Type(), frame, ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return arith::IndexCastOp::create(b, b.getIndexType(), LLVM::LoadOp::create(b, b.getI64Type(), address));
}

// A pointer as a memref of bytes, by way of the descriptor that conversion to LLVM gives it.
Value ProgramFunction::fromPointer(Value pointer, int64_t bytes) {
  LLVMTypeConverter converter(b.getContext());
  MemRefType type = bytesType(b.getContext(), bytes);
  Value descriptor = MemRefDescriptor::fromStaticShape(b, b.getLoc(), converter, type, pointer);
  return UnrealizedConversionCastOp::create(b, TypeRange{type}, ValueRange{descriptor}).getResult(0);
}

Value ProgramFunction::pointerTo(Value memory) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
  Value bits = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), bits);
}

Value ProgramFunction::at(Value bytes, int64_t offset, MemRefType type) {
  Value start = arith::ConstantIndexOp::create(b, offset);
  return memref::ViewOp::create(b, type, bytes, start, ValueRange());
}

void ProgramFunction::placeEntryArguments() {
  Value weights = fromPointer(framePointer(kAtWeights), number(module, kWeightBytes));
  Value state = fromPointer(framePointer(kAtState), number(module, kStateBytes));
  local = fromPointer(framePointer(kAtArena), number(module, kArenaBytes));
  for (BlockArgument arg : source.getArguments()) {
    unsigned i = arg.getArgNumber();
    MemRefType type = argType(source, i);
    int64_t offset = source.getArgAttrOfType<IntegerAttr>(i, kOffset).getInt(), end = offset + bytesOf(type);
    bool weight = bool(source.getArgAttr(i, kParameter)), cache = bool(source.getArgAttr(i, kState));
    places[arg] = {at(weight  ? weights
                      : cache ? state
                              : local,
                      offset, type),
                   {weight  ? 1
                    : cache ? 2
                            : 0,
                    offset, end}};
  }
  for (unsigned i = 0; i < source.getNumResults(); ++i)
    returned.push_back({}); // in the arena, by their op's place
  countRows();
}

// Rows behind the last one whose logits are wanted, of any sequence, are padding of a chunk: nobody reads what comes of
// them.
void ProgramFunction::countRows() {
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, value).getResult(); };
  rowsInUse = constant(entryRows(source));
  auto last = inputNamed(source, "last");
  if (!last)
    return;
  const Place &place = places[source.getArgument(*last)];
  if (!cast<MemRefType>(place.memory.getType()).getElementType().isInteger())
    return;
  Value most = constant(0);
  for (int64_t i = 0; i < cast<MemRefType>(place.memory.getType()).getNumElements(); ++i) {
    Value row = memref::LoadOp::create(b, place.memory, ValueRange{constant(i)});
    most = arith::MaxSIOp::create(b, most, arith::IndexCastOp::create(b, b.getIndexType(), row));
  }
  rowsInUse = arith::MinSIOp::create(b, rowsInUse, arith::AddIOp::create(b, most, constant(1)));
  pendingReads.push_back(place.range);
}

void ProgramFunction::placeArguments() {
  if (isEntry(source))
    return placeEntryArguments();
  rowsInUse = function.getArgument(2);
  local = function.getArgument(3);
  unsigned next = 4;
  for (BlockArgument arg : source.getArguments()) {
    places[arg] = {function.getArgument(next), {int64_t(next), 0, bytesOf(argType(source, arg.getArgNumber()))}};
    ++next;
  }
  for (unsigned i = 0; i < source.getNumResults(); ++i) {
    if (aliasOf(source, i)) {
      returned.push_back({});
      continue;
    }
    Value memory = function.getArgument(next);
    returned.push_back({memory, {int64_t(next), 0, bytesOf(cast<MemRefType>(memory.getType()))}});
    ++next;
  }
}

void ProgramFunction::barrier() {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), thread);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, b.getI64Type()});
  LLVM::CallOp::create(b, type, ValueRange{framePointer(kAtBarrier), frame, number});
  pendingReads.clear();
  pendingWrites.clear();
}

void ProgramFunction::access(ArrayRef<Range> reads, ArrayRef<Range> writes) {
  auto clash = [](ArrayRef<Range> mine, ArrayRef<Range> pending) {
    return llvm::any_of(
        mine, [&](const Range &x) { return llvm::any_of(pending, [&](const Range &y) { return x.overlaps(y); }); });
  };
  if (clash(reads, pendingWrites) || clash(writes, pendingWrites) || clash(writes, pendingReads))
    barrier();
  pendingReads.append(reads.begin(), reads.end());
  pendingWrites.append(writes.begin(), writes.end());
}

Place ProgramFunction::placeOf(Operation *op, unsigned i) {
  int64_t place = op->getAttrOfType<DenseI64ArrayAttr>(kPlaces)[i];
  auto call = dyn_cast<func::CallOp>(op);
  auto tensor = cast<RankedTensorType>(op->getResult(i).getType());
  if (place == kPlaceAlias)
    return places.lookup(call.getOperand(*aliasOf(calleeOf(call), i)));
  MemRefType type = physicalType(tensor, call ? resultLayout(calleeOf(call), i) : "plain");
  if (place >= 0)
    return {at(local, place, type), {0, place, place + bytesOf(type)}};
  Place result = returned[-1 - place];
  if (result.memory.getType() != type) { // returned as a view of it
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)type.getStridesAndOffset(strides, offset);
    result.memory = memref::ReinterpretCastOp::create(b, type, result.memory, 0, type.getShape(), strides);
  }
  return result;
}

void ProgramFunction::lowerView(Operation *op) {
  Place place = places.lookup(op->getOperand(0));
  MemRefType type = physicalType(cast<RankedTensorType>(op->getResult(0).getType()), "plain");
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  place.memory = memref::ReinterpretCastOp::create(b, type, place.memory, 0, type.getShape(), strides);
  places[op->getResult(0)] = place;
}

void ProgramFunction::lowerCall(func::CallOp call) {
  func::FuncOp callee = calleeOf(call);
  SmallVector<Range> reads, writes;
  SmallVector<Value> operands = isKernel(callee) ? SmallVector<Value>{thread, threads, rank, rowsInUse}
                                                 : SmallVector<Value>{frame, thread, rowsInUse};
  if (!isKernel(callee))
    operands.push_back(at(local, number(call, kFrameAt), bytesType(b.getContext(), number(callee, kFrame))));
  for (Value operand : call.getOperands()) {
    operands.push_back(places.lookup(operand).memory);
    reads.push_back(places.lookup(operand).range);
  }
  for (unsigned i = 0; i < call.getNumResults(); ++i) {
    Place place = placeOf(call, i);
    places[call.getResult(i)] = place;
    writes.push_back(place.range);
    if (!aliasOf(callee, i))
      operands.push_back(place.memory);
  }
  if (isKernel(callee))
    access(reads, writes);
  else if (!pendingReads.empty() || !pendingWrites.empty())
    barrier();
  func::CallOp::create(b, loweredName(callee), TypeRange(), operands);
}

// On the stack, an array of what `values` are.
Value ProgramFunction::arrayOf(ArrayRef<Value> values) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type type = values.front().getType();
  Value size = arith::ConstantOp::create(b, b.getI64IntegerAttr(int64_t(values.size())));
  Value array = LLVM::AllocaOp::create(b, pointer, type, size);
  for (auto [i, value] : llvm::enumerate(values))
    LLVM::StoreOp::create(b, value, LLVM::GEPOp::create(b, pointer, type, array, ArrayRef<LLVM::GEPArg>{int32_t(i)}));
  return array;
}

// It begins with a barrier, and when it returns its results are complete.
void ProgramFunction::lowerCollective(Operation *op) {
  SmallVector<Value> ids, sources, targets;
  for (auto [i, id] : llvm::enumerate(op->getAttrOfType<DenseI64ArrayAttr>(kCollective).asArrayRef())) {
    ids.push_back(arith::ConstantOp::create(b, b.getI64IntegerAttr(id)));
    sources.push_back(pointerTo(places.lookup(op->getOperand(i)).memory));
    Place place = placeOf(op, i);
    places[op->getResult(i)] = place;
    targets.push_back(pointerTo(place.memory));
  }
  Value mine = arith::IndexCastOp::create(b, b.getI64Type(), thread);
  SmallVector<Value> operands;
  if (ids.size() == 1)
    operands = {framePointer(kAtCollective), frame, mine, ids[0], sources[0], targets[0]};
  else
    operands = {framePointer(kAtCollectives),
                frame,
                mine,
                arith::ConstantOp::create(b, b.getI64IntegerAttr(int64_t(ids.size()))),
                arrayOf(ids),
                arrayOf(sources),
                arrayOf(targets)};
  SmallVector<Type> types(ValueRange(operands).drop_front().getTypes());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types);
  LLVM::CallOp::create(b, type, operands);
  pendingReads.clear();
  pendingWrites.clear();
}

void ProgramFunction::lowerOp(Operation *op) {
  if (isView(op))
    lowerView(op);
  else if (auto call = dyn_cast<func::CallOp>(op))
    lowerCall(call);
  else
    lowerCollective(op);
}

void ProgramFunction::lower() {
  declare();
  placeArguments();
  for (Operation &op : source.front().without_terminator())
    lowerOp(&op);
  if (!isEntry(source) && (!pendingReads.empty() || !pendingWrites.empty()))
    barrier();
  func::ReturnOp::create(b);
}

void LowerProgram::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (isKernel(function) || function->hasAttr(kFrame))
      functions.push_back(function);
  for (func::FuncOp function : functions)
    if (!isKernel(function))
      ProgramFunction(function, module).lower();
  for (func::FuncOp function : functions)
    function.erase();
  for (auto mesh : llvm::make_early_inc_range(module.getOps<MeshOp>()))
    mesh.erase();
}
