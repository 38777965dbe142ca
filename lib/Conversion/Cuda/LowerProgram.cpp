// tp-lower-program-to-cuda, see Passes.td.
#include "GpuKernels.h"
#include "tp/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace tp {
#define GEN_PASS_DEF_LOWERPROGRAMTOCUDA
#include "tp/Conversion/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;
using namespace tp::cuda;

namespace {

// Fields of tp_cuda_frame, in bytes; runtime/include/tp_cuda.h.
enum FrameField : int32_t {
  kAtWeights = 0,
  kAtState = 8,
  kAtArena = 16,
  kAtRank = 24,
  kAtLaunch = 32,
  kAtGemm = 40,
  kAtCollective = 48,
  kAtRecord = 56,
  kAtWait = 64
};
enum Stream : int64_t { kCompute = 0, kCommunication = 1 };

// What all functions of the program share.
struct Program {
  explicit Program(ModuleOp module);
  Value constants(ImplicitLocOpBuilder &b, ArrayRef<int32_t> values);

  ModuleOp module;
  llvm::StringMap<int64_t> kernels; // number by name
  int64_t events = 0;
};

class HostFunction {
public:
  HostFunction(func::FuncOp source, Program &program)
      : source(source), program(program), b(source.getLoc(), source.getContext()) {}
  void lower();

private:
  void declare();
  void placeEntryArguments();
  void placeArguments();
  Value number(int64_t value, int64_t bits = 64);
  Value add(Value address, int64_t offset);
  Value field(FrameField field, Type type);
  void callback(FrameField field, ValueRange operands, Stream stream = kCompute);
  Value placeOf(Operation *op, unsigned result);
  void lowerCall(func::CallOp call);
  void launch(func::CallOp call, func::FuncOp kernel);
  void gemm(func::CallOp call, func::FuncOp kernel);
  void lowerCollective(Operation *op);
  void lowerOp(Operation *op);
  void waitFor(Value value);
  void waitUntil(size_t collective);
  SmallVector<Value> memoryOf(func::CallOp call);

  func::FuncOp source;
  Program &program;
  ImplicitLocOpBuilder b;
  LLVM::LLVMFuncOp function;
  Value frame, rank, local, args;       // local: address of this function's part of the arena
  Value last;                           // address of the entry's input `last`, 0: it has none
  llvm::DenseMap<Value, Value> address; // i64, of tensors
  SmallVector<Value> returned;          // by result; aliases and results of entries have none
  SmallVector<Value> brought;           // what collectives on the communication stream bring, in their order
  size_t waited = 0;                    // so many of them are there
};

struct LowerProgramToCuda : tp::impl::LowerProgramToCudaBase<LowerProgramToCuda> {
  using LowerProgramToCudaBase::LowerProgramToCudaBase;
  void runOnOperation() override;
};

} // namespace

static int64_t numberOf(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

Program::Program(ModuleOp module) : module(module) {
  auto gpuModule = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModule);
  for (auto kernel : gpuModule.getOps<gpu::GPUFuncOp>())
    kernels.try_emplace(kernel.getName(), int64_t(kernels.size()));
}

// The address of constant numbers, one place for equal ones.
Value Program::constants(ImplicitLocOpBuilder &b, ArrayRef<int32_t> values) {
  std::string name = "sizes";
  for (int32_t value : values)
    name += "_" + std::to_string(value);
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI32Type(), values.size());
    global = LLVM::GlobalOp::create(top, b.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                                    b.getI32TensorAttr(values));
  }
  return LLVM::AddressOfOp::create(b, global);
}

Value HostFunction::number(int64_t value, int64_t bits) {
  return LLVM::ConstantOp::create(b, b.getIntegerType(unsigned(bits)), value);
}

Value HostFunction::add(Value address, int64_t offset) {
  return offset ? Value(LLVM::AddOp::create(b, address, number(offset))) : address;
}

Value HostFunction::field(FrameField field, Type type) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Value at = LLVM::GEPOp::create(b, pointer, b.getI8Type(), frame, ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return LLVM::LoadOp::create(b, type, at);
}

void HostFunction::callback(FrameField which, ValueRange operands, Stream stream) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Value> all = {field(which, pointer), frame, number(stream, 32)};
  all.append(operands.begin(), operands.end());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                          SmallVector<Type>(ValueRange(all).drop_front().getTypes()));
  LLVM::CallOp::create(b, type, all);
}

void HostFunction::declare() {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  bool entry = cpu::isEntry(source);
  SmallVector<Type> types = {pointer};
  if (!entry) {
    int64_t aliases = 0;
    for (unsigned i = 0; i < source.getNumResults(); ++i)
      aliases += cpu::aliasOf(source, i).has_value();
    types.append(2 + source.getNumArguments() + source.getNumResults() - aliases, b.getI64Type());
  }
  std::string name = entry ? source->getAttrOfType<StringAttr>(cpu::kSymbol).str() : source.getName().str() + "_host";
  b.setInsertionPoint(source);
  function =
      LLVM::LLVMFuncOp::create(b, name, LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types));
  if (!entry) {
    function.setLinkage(LLVM::Linkage::Internal);
    function.setPassthroughAttr(b.getStrArrayAttr({"noinline"}));
  }
  b.setInsertionPointToStart(function.addEntryBlock(b));
  frame = function.getArgument(0);
  rank = field(kAtRank, b.getI64Type());
  int64_t most = 1;
  source.walk([&](func::CallOp call) {
    func::FuncOp callee = cpu::calleeOf(call);
    auto scratch = callee->getAttrOfType<DenseI64ArrayAttr>(kScratch);
    most = std::max<int64_t>(most, 2 + call.getNumOperands() + call.getNumResults() + (scratch ? scratch.size() : 0));
  });
  args = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), number(most));
}

void HostFunction::placeEntryArguments() {
  local = field(kAtArena, b.getI64Type());
  Value weights = field(kAtWeights, b.getI64Type()), state = field(kAtState, b.getI64Type());
  for (BlockArgument arg : source.getArguments()) {
    unsigned i = arg.getArgNumber();
    Value base = source.getArgAttr(i, kParameter) ? weights : source.getArgAttr(i, kState) ? state : local;
    address[arg] = add(base, source.getArgAttrOfType<IntegerAttr>(i, cpu::kOffset).getInt());
  }
  auto input = cpu::inputNamed(source, "last");
  last = input ? address[source.getArgument(*input)] : number(0);
}

void HostFunction::placeArguments() {
  if (cpu::isEntry(source))
    return placeEntryArguments();
  local = function.getArgument(1);
  last = function.getArgument(2);
  unsigned next = 3;
  for (BlockArgument arg : source.getArguments())
    address[arg] = function.getArgument(next++);
  for (unsigned i = 0; i < source.getNumResults(); ++i)
    returned.push_back(cpu::aliasOf(source, i) ? Value() : Value(function.getArgument(next++)));
}

Value HostFunction::placeOf(Operation *op, unsigned i) {
  int64_t place = op->getAttrOfType<DenseI64ArrayAttr>(cpu::kPlaces)[i];
  if (place == cpu::kPlaceAlias) {
    auto call = cast<func::CallOp>(op);
    return address.lookup(call.getOperand(*cpu::aliasOf(cpu::calleeOf(call), i)));
  }
  auto within = op->getAttrOfType<DenseI64ArrayAttr>(cpu::kWithin);
  return add(place >= 0 ? add(local, place) : returned[-1 - place], within ? within[i] : 0);
}

// Places the results; operands, then results that are not held in an operand.
SmallVector<Value> HostFunction::memoryOf(func::CallOp call) {
  SmallVector<Value> memory;
  for (Value operand : call.getOperands())
    memory.push_back(address.lookup(operand));
  for (unsigned i = 0; i < call.getNumResults(); ++i) {
    Value place = placeOf(call, i);
    address[call.getResult(i)] = place;
    if (!cpu::aliasOf(cpu::calleeOf(call), i))
      memory.push_back(place);
  }
  return memory;
}

void HostFunction::launch(func::CallOp call, func::FuncOp kernel) {
  SmallVector<Value> values = {rank};
  values.append(memoryOf(call));
  if (auto scratch = kernel->getAttrOfType<DenseI64ArrayAttr>(kScratch)) {
    int64_t offset = numberOf(program.module, cpu::kArenaBytes);
    Value arena = field(kAtArena, b.getI64Type());
    for (int64_t bytes : scratch.asArrayRef()) {
      values.push_back(add(arena, offset));
      offset += roundUp(bytes, kDeviceAlign);
    }
  }
  if (kernel->hasAttr(kRowsInUse))
    values.push_back(last);
  for (auto [i, value] : llvm::enumerate(values)) {
    Value at = LLVM::GEPOp::create(b, args.getType(), b.getI64Type(), args, ArrayRef<LLVM::GEPArg>{int32_t(i)});
    LLVM::StoreOp::create(b, value, at);
  }
  for (auto entry : kernel->getAttrOfType<ArrayAttr>(kLaunches).getAsRange<DictionaryAttr>()) {
    StringRef name = entry.getAs<FlatSymbolRefAttr>("kernel").getValue();
    Value grid = program.constants(b, entry.getAs<DenseI32ArrayAttr>("grid"));
    Value block = program.constants(b, entry.getAs<DenseI32ArrayAttr>("block"));
    callback(kAtLaunch, {number(program.kernels.lookup(name), 32), grid, block, number(0, 32), args});
  }
}

void HostFunction::gemm(func::CallOp call, func::FuncOp kernel) {
  auto op = opsOf(kernel).all<LinearOp>().front();
  SmallVector<Value> memory = memoryOf(call);
  auto at = [&](Value tensor) { return memory[cast<BlockArgument>(tensor).getArgNumber()]; };
  Value bias = op.getBias() ? at(op.getBias()) : number(0);
  callback(kAtGemm, {number(numberOf(kernel, kGemm), 32), at(op.getInput()), at(op.getWeight()), bias, memory.back()});
}

void HostFunction::lowerCall(func::CallOp call) {
  func::FuncOp callee = cpu::calleeOf(call);
  if (callee->hasAttr(kGemm))
    return gemm(call, callee);
  if (cpu::isKernel(callee))
    return launch(call, callee);
  waitUntil(brought.size()); // the callee uses the same events
  SmallVector<Value> operands = {frame, add(local, numberOf(call, cpu::kFrameAt)), last};
  operands.append(memoryOf(call));
  LLVM::CallOp::create(b, TypeRange(), callee.getName().str() + "_host", operands);
}

// The compute stream waits for the first `count` collectives of the communication stream, which runs in order.
void HostFunction::waitUntil(size_t count) {
  if (count <= waited)
    return;
  callback(kAtWait, number(int64_t(count), 32));
  waited = count;
}

void HostFunction::waitFor(Value value) {
  if (auto *it = llvm::find(brought, value); it != brought.end())
    return waitUntil(size_t(it - brought.begin()) + 1);
  Operation *source = value.getDefiningOp();
  if (source && (cpu::isView(source) || cpu::isJoin(source)))
    for (Value operand : source->getOperands())
      waitFor(operand);
}

// Event 0 tells the communication stream that a source is there, event i that its collective i is done. The memory of
// a collective is not used for anything else before its result is read (tp-plan-memory).
void HostFunction::lowerCollective(Operation *op) {
  bool beside = op->hasAttr(kOverlapped);
  if (beside) {
    callback(kAtRecord, number(0, 32));
    callback(kAtWait, number(0, 32), kCommunication);
  } else {
    waitUntil(brought.size()); // the order of collectives is the same on all ranks
  }
  for (auto [i, id] : llvm::enumerate(op->getAttrOfType<DenseI64ArrayAttr>(cpu::kCollective).asArrayRef())) {
    Value to = address[op->getResult(i)] = placeOf(op, i);
    callback(kAtCollective, {number(id, 32), address.lookup(op->getOperand(i)), to},
             beside ? kCommunication : kCompute);
  }
  if (!beside)
    return;
  brought.push_back(op->getResult(0));
  callback(kAtRecord, number(int64_t(brought.size()), 32), kCommunication);
  program.events = std::max(program.events, int64_t(brought.size()) + 1);
}

void HostFunction::lowerOp(Operation *op) {
  if (cpu::isView(op)) {
    address[op->getResult(0)] = add(address.lookup(op->getOperand(0)), *cpu::viewOffset(op));
    return;
  }
  if (cpu::isJoin(op)) {
    address[op->getResult(0)] = address.lookup(op->getOperand(0));
    return;
  }
  for (Value operand : op->getOperands())
    waitFor(operand);
  if (auto call = dyn_cast<func::CallOp>(op)) {
    lowerCall(call);
  } else {
    lowerCollective(op);
  }
}

void HostFunction::lower() {
  declare();
  placeArguments();
  for (Operation &op : source.front().without_terminator())
    lowerOp(&op);
  waitUntil(brought.size());
  LLVM::ReturnOp::create(b, ValueRange());
}

void LowerProgramToCuda::runOnOperation() {
  ModuleOp module = getOperation();
  Program program(module);
  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    if (!cpu::isKernel(function))
      HostFunction(function, program).lower();
  module->setAttr(kEvents, Builder(module.getContext()).getI64IntegerAttr(program.events));
  for (func::FuncOp function : functions)
    function.erase();
  for (auto mesh : llvm::make_early_inc_range(module.getOps<MeshOp>()))
    mesh.erase();
}
