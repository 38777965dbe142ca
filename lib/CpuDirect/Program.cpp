// compileForCpu: places, code of every function, LLVM, shared object.
#include "Frame.h"
#include "Kernels.h"
#include "Link.h"

#include "tp/Conversion/CpuProgram.h"
#include "tp/Cost/Bytes.h"
#include "tp/Sharding/MeshLookup.h"
#include "tp/Sharding/Sharding.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

static bool sameWindows(const Windows &a, const Windows &b) {
  return std::tie(a.dim, a.global, a.local, a.starts, a.lengths) == std::tie(b.dim, b.global, b.local, b.starts, b.lengths);
}

bool Collective::operator==(const Collective &b) const {
  return std::tie(kind, axes, type, reduce, count, outer, inner, shape, source, bytes, origin) ==
             std::tie(b.kind, b.axes, b.type, b.reduce, b.count, b.outer, b.inner, b.shape, b.source, b.bytes, b.origin) &&
         sameWindows(windows, b.windows) && sameWindows(split, b.split) && sameWindows(concat, b.concat);
}

namespace {

cpu::ElementType elementType(Type type) {
  return type.isBF16() ? cpu::ElementType::bf16 : type.isInteger(32) ? cpu::ElementType::i32 : cpu::ElementType::f32;
}

class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp source, const CpuOptions &options) : source(source), options(options) {}

  FailureOr<CpuProgram> run() {
    FailureOr<MeshOp> found = onlyMesh(source);
    if (failed(found))
      return failure();
    mesh = found->getMesh();
    if (failed(checkTypes()))
      return failure();
    placeWeightsAndStates();
    machine = hostMachine(options);
    context = source.getContext();
    context->loadDialect<LLVM::LLVMDialect, scf::SCFDialect, vector::VectorDialect, math::MathDialect, arith::ArithDialect, func::FuncDialect>();
    registerBuiltinDialectTranslation(*context);
    registerLLVMDialectTranslation(*context);
    target = ModuleOp::create(source.getLoc());
    for (func::FuncOp function : calleesFirst())
      if (failed(emitFunction(function)))
        return failure();
    if (failed(lowerToLLVM()))
      return failure();
    return program;
  }

private:
  LogicalResult checkTypes() {
    WalkResult walk = source.walk([&](Operation *op) {
      for (Type type : op->getResultTypes()) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        Type element = tensor ? tensor.getElementType() : Type();
        if (!tensor || !(element.isF32() || element.isBF16() || element.isInteger(32)))
          return op->emitError() << "no CPU lowering for a value of type " << type, WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  // Weights and states of all entries, each once.
  void placeWeightsAndStates() {
    for (auto function : source.getOps<func::FuncOp>())
      for (unsigned i = 0; i < function.getNumArguments(); ++i) {
        auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
        if (auto name = function.getArgAttrOfType<StringAttr>(i, kParameter); name && !weightOffsets.count(name.str())) {
          Weight weight;
          weight.name = name.str();
          weight.shape.assign(type.getShape().begin(), type.getShape().end());
          weight.type = elementType(type.getElementType());
          weight.layout = type.getRank() == 2 ? Layout::panel : Layout::plain;
          weight.offset = program.weightBytes;
          weight.bytes = packedBytes(weight.layout, weight.type, weight.rows(), weight.cols());
          weightOffsets[name.str()] = weight.offset;
          program.weightBytes = alignUp(weight.offset + weight.bytes);
          program.weights.push_back(weight);
        } else if (auto name = function.getArgAttrOfType<StringAttr>(i, kState); name && !stateOffsets.count(name.str())) {
          stateOffsets[name.str()] = program.stateBytes;
          program.stateBytes = alignUp(program.stateBytes + byteSize(type));
          maxPosition = std::max(maxPosition, type.getRank() == 4 ? type.getDimSize(1) : 0);
        }
      }
    if (!maxPosition)
      maxPosition = 4096;
  }

  std::vector<func::FuncOp> calleesFirst() {
    std::vector<func::FuncOp> order;
    DenseSet<Operation *> seen;
    std::function<void(func::FuncOp)> visit = [&](func::FuncOp function) {
      if (!seen.insert(function).second)
        return;
      function.walk([&](func::CallOp call) { visit(source.lookupSymbol<func::FuncOp>(call.getCallee())); });
      order.push_back(function);
    };
    for (auto function : source.getOps<func::FuncOp>())
      visit(function);
    return order;
  }

  // A rank-2 parameter is in panels wherever it is passed.
  bool isPanel(func::FuncOp function, unsigned argument) {
    if (function.getArgAttr(argument, kParameter))
      return cast<RankedTensorType>(function.getArgumentTypes()[argument]).getRank() == 2;
    bool panel = false;
    source.walk([&](func::CallOp call) {
      if (call.getCallee() == function.getName())
        if (auto passed = dyn_cast<BlockArgument>(call.getOperand(argument)))
          panel |= isPanel(call->getParentOfType<func::FuncOp>(), passed.getArgNumber());
    });
    return panel;
  }
  bool isState(func::FuncOp function, unsigned argument) {
    for (unsigned r = 0; r < function.getNumResults(); ++r)
      if (aliasedArgument(function, r) == argument)
        return true;
    return false;
  }

  Value constantTable(Emit &e, ArrayRef<float> values, StringRef name) {
    std::string key(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
    std::string &symbol = tables[key];
    if (symbol.empty()) {
      symbol = (name + "_" + Twine(tables.size())).str();
      OpBuilder b = OpBuilder::atBlockBegin(target.getBody());
      auto type = LLVM::LLVMArrayType::get(b.getF32Type(), values.size());
      auto data = DenseElementsAttr::get(RankedTensorType::get({(int64_t)values.size()}, b.getF32Type()), values);
      LLVM::GlobalOp::create(b, target.getLoc(), type, true, LLVM::Linkage::Internal, symbol, data, 64);
    }
    return e.create<LLVM::AddressOfOp>(e.ptrType(), symbol);
  }

  // (frame, thread, memory, arguments..., results that are not states...)
  LogicalResult emitFunction(func::FuncOp function) {
    bool entry = function->hasAttr(kEntry);
    OpBuilder top = OpBuilder::atBlockEnd(target.getBody());
    Type ptr = LLVM::LLVMPointerType::get(context), i64 = top.getI64Type();
    SmallVector<Type> types = {ptr, i64};
    std::vector<unsigned> placedResults;
    for (unsigned r = 0; r < function.getNumResults(); ++r)
      if (aliasedArgument(function, r) < 0)
        placedResults.push_back(r);
    if (!entry)
      types.append(1 + function.getNumArguments() + placedResults.size(), ptr);
    std::string symbol = ("tp_" + function.getName()).str();
    auto code = func::FuncOp::create(top, function.getLoc(), symbol, top.getFunctionType(types, {}));
    if (!entry)
      code.setPrivate();
    Block *block = code.addEntryBlock();
    OpBuilder inner = OpBuilder::atBlockBegin(block);
    Emit e(function.getLoc(), inner);
    e.setInsertionPointToStart(block);
    frame = block->getArgument(0);
    e.thread = block->getArgument(1);
    e.rank = e.load(e.bytes(frame, 24), i64);
    e.threads = e.load(e.bytes(frame, 32), i64);

    // Returned values are computed where the caller wants them, if an op of this function makes them and makes them once.
    llvm::DenseMap<Value, unsigned> returned;
    DenseSet<Value> external;
    Operation *ret = function.front().getTerminator();
    for (unsigned r : placedResults) {
      Value value = ret->getOperand(r);
      Operation *op = value.getDefiningOp();
      if (op && !isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) && external.insert(value).second)
        returned[value] = r;
    }
    FramePlan plan = planFrame(function, frameBytes, external);
    frameBytes[function.getName().str()] = plan.bytes;

    Values values;
    int64_t io = alignUp(plan.bytes);
    SmallVector<Value> resultPointers(function.getNumResults());
    Value memory;
    if (entry) {
      memory = e.load(e.bytes(frame, 16), ptr);
      emitEntryArguments(e, function, symbol, memory, io, values, resultPointers, placedResults);
    } else {
      memory = block->getArgument(2);
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        values[function.getArgument(i)] = {block->getArgument(3 + i), cast<RankedTensorType>(function.getArgumentTypes()[i]), isPanel(function, i),
                                           isState(function, i)};
      for (auto [i, r] : llvm::enumerate(placedResults))
        resultPointers[r] = block->getArgument(3 + function.getNumArguments() + i);
    }
    for (Operation &op : function.front())
      if (failed(emitStatement(e, &op, plan, memory, values, returned, resultPointers)))
        return failure();
    e.create<func::ReturnOp>();
    return success();
  }

  using Values = llvm::DenseMap<Value, Buffer>;

  void emitEntryArguments(Emit &e, func::FuncOp function, const std::string &symbol, Value memory, int64_t &io, Values &values,
                          SmallVector<Value> &resultPointers, ArrayRef<unsigned> placedResults) {
    Entry entry;
    entry.name = function->getAttrOfType<StringAttr>(kEntry).str();
    entry.symbol = symbol;
    Value weights = e.load(e.bytes(frame, 0), e.ptrType()), state = e.load(e.bytes(frame, 8), e.ptrType());
    auto slot = [&](Type type, StringRef name) {
      auto tensor = cast<RankedTensorType>(type);
      Slot result{name.str(), elementType(tensor.getElementType()), std::vector<int64_t>(tensor.getShape()), io};
      io = alignUp(io + byteSize(type));
      return result;
    };
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      Type type = function.getArgumentTypes()[i];
      Buffer buffer{{}, cast<RankedTensorType>(type)};
      if (auto name = function.getArgAttrOfType<StringAttr>(i, kParameter)) {
        buffer.base = e.bytes(weights, weightOffsets.at(name.str()));
        buffer.panel = isPanel(function, i);
      } else if (auto name = function.getArgAttrOfType<StringAttr>(i, kState)) {
        buffer.base = e.bytes(state, stateOffsets.at(name.str()));
        buffer.cache = true;
      } else {
        auto input = function.getArgAttrOfType<StringAttr>(i, kInput);
        entry.inputs.push_back(slot(type, input ? input.getValue() : "argument"));
        buffer.base = e.bytes(memory, entry.inputs.back().offset);
        if (entry.inputs.back().name == "tokens")
          entry.rows = entry.inputs.back().shape.size() > 1 ? entry.inputs.back().shape[1] : 1;
      }
      values[function.getArgument(i)] = buffer;
    }
    for (unsigned r : placedResults) {
      auto output = function.getResultAttrOfType<StringAttr>(r, kOutput);
      entry.outputs.push_back(slot(function.getResultTypes()[r], output ? output.getValue() : "result"));
      resultPointers[r] = e.bytes(memory, entry.outputs.back().offset);
    }
    program.entries.push_back(entry);
    program.arenaBytes = std::max(program.arenaBytes, io);
  }

  void barrier(Emit &e) {
    Value function = e.load(e.bytes(frame, 40), e.ptrType());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {e.ptrType(), e.getI64Type()});
    e.create<LLVM::CallOp>(type, ValueRange{function, frame, e.thread});
  }

  void copy(Emit &e, const Buffer &from, Value to) {
    Buffer target{to, from.type};
    e.parallel(from.size(), [&](Value i) {
      e.store(e.load(e.at(from.base, i, from.element()), from.element()), e.at(target.base, i, from.element()));
    });
    barrier(e);
  }

  LogicalResult emitStatement(Emit &e, Operation *op, const FramePlan &plan, Value memory, Values &values,
                              const llvm::DenseMap<Value, unsigned> &returned, ArrayRef<Value> resultPointers) {
    e.setLoc(op->getLoc());
    auto place = [&](Value result) {
      if (auto it = returned.find(result); it != returned.end())
        return resultPointers[it->second];
      return e.bytes(memory, plan.offsets.lookup(result));
    };
    if (isa<func::ReturnOp>(op)) {
      for (auto [r, operand] : llvm::enumerate(op->getOperands()))
        if (resultPointers[r] && !(returned.count(operand) && returned.lookup(operand) == r))
          copy(e, values.lookup(operand), resultPointers[r]);
      return success();
    }
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
      Buffer view = values.lookup(op->getOperand(0));
      view.type = cast<RankedTensorType>(op->getResult(0).getType());
      values[op->getResult(0)] = view;
      return success();
    }
    if (auto call = dyn_cast<func::CallOp>(op))
      return emitCall(e, call, plan, memory, values, place);
    SmallVector<Buffer> operands;
    for (Value operand : op->getOperands())
      operands.push_back(values.lookup(operand));
    Buffer result{{}, cast<RankedTensorType>(op->getResult(0).getType())};
    if (isa<KvUpdateOp>(op)) {
      result = operands[0];
      if (!result.cache)
        return op->emitError() << "no CPU lowering for tp.kv_update of a value that is not a state";
    } else {
      result.base = place(op->getResult(0));
    }
    values[op->getResult(0)] = result;
    if (emitCollective(e, op, operands, result))
      return success();
    KernelContext kernels;
    kernels.avx512bf16 = machine.avx512bf16;
    kernels.maxPosition = maxPosition;
    auto table = [&](ArrayRef<float> data, StringRef name) { return constantTable(e, data, name); };
    kernels.table = table;
    kernels.mesh = mesh;
    if (!emitOp(e, kernels, op, operands, result))
      return op->emitError() << "no CPU lowering for op " << op->getName();
    barrier(e);
    return success();
  }

  LogicalResult emitCall(Emit &e, func::CallOp call, const FramePlan &plan, Value memory, Values &values, llvm::function_ref<Value(Value)> place) {
    auto callee = source.lookupSymbol<func::FuncOp>(call.getCallee());
    SmallVector<Value> operands = {frame, e.thread, e.bytes(memory, plan.callees.lookup(call))};
    for (Value operand : call.getOperands())
      operands.push_back(values.lookup(operand).base);
    for (unsigned r = 0; r < call.getNumResults(); ++r) {
      Value result = call.getResult(r);
      if (int64_t argument = aliasedArgument(callee, r); argument >= 0) {
        values[result] = values.lookup(call.getOperand(argument));
        continue;
      }
      values[result] = {place(result), cast<RankedTensorType>(result.getType())};
      operands.push_back(values[result].base);
    }
    e.create<func::CallOp>(TypeRange{}, ("tp_" + call.getCallee()).str(), operands);
    return success();
  }

  //===-- collectives ---------------------------------------------------------------------------------------------------------------===//

  static int64_t bytesOf(RankedTensorType type) { return type.getNumElements() * type.getElementTypeBitWidth() / 8; }
  static std::vector<std::string> names(ArrayRef<StringAttr> axes) {
    std::vector<std::string> result;
    for (StringAttr axis : axes)
      result.push_back(axis.str());
    return result;
  }
  Windows windowsOf(SplitAttr split, int64_t dim, int64_t size, bool disjoint) {
    Geometry g{size, mesh.sizeOf(split.getAxes()), split.getUnit(), split.getRepeat()};
    Windows windows{dim, size, g.local(), {}, {}};
    SmallVector<int64_t> starts, lengths;
    if (disjoint)
      g.disjointWindows(starts, lengths);
    else
      for (int64_t p = 0; p < g.parts; ++p) {
        starts.push_back(std::min(g.start(p), size));
        lengths.push_back(g.valid(p));
      }
    windows.starts.assign(starts.begin(), starts.end());
    windows.lengths.assign(lengths.begin(), lengths.end());
    return windows;
  }
  static void outerInner(RankedTensorType type, int64_t dim, Collective &c) {
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (i != dim)
        (i < dim ? c.outer : c.inner) *= type.getDimSize(i);
  }

  bool describe(Operation *op, Collective &c) {
    if (!isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, PermuteOp>(op))
      return false;
    auto in = cast<RankedTensorType>(op->getOperand(0).getType()), out = cast<RankedTensorType>(op->getResult(0).getType());
    c.type = elementType(in.getElementType());
    if (auto origin = op->getAttrOfType<StringAttr>("origin"))
      c.origin = origin.str();
    auto size = [&](ArrayRef<StringAttr> axes) { return mesh.sizeOf(axes); };
    return TypeSwitch<Operation *, bool>(op)
        .Case<AllReduceOp>([&](AllReduceOp r) {
          SmallVector<StringAttr> axes(r.getAxes().getAsRange<StringAttr>());
          c.kind = "all_reduce", c.axes = names(axes), c.reduce = stringifyReduceKind(r.getKind()).str(), c.count = in.getNumElements();
          c.bytes = allReduceBytes(size(axes), bytesOf(in)) + 0.5;
          return true;
        })
        .Case<AllGatherOp>([&](AllGatherOp g) {
          c.kind = "all_gather", c.axes = names(g.getSplit().getAxes());
          outerInner(out, g.getDim(), c);
          c.windows = windowsOf(g.getSplit(), g.getDim(), g.getSize(), true);
          c.bytes = allGatherBytes(size(g.getSplit().getAxes()), bytesOf(out)) + 0.5;
          return true;
        })
        .Case<ReduceScatterOp>([&](ReduceScatterOp r) {
          c.kind = "reduce_scatter", c.axes = names(r.getSplit().getAxes()), c.reduce = stringifyReduceKind(r.getKind()).str();
          outerInner(in, r.getDim(), c);
          c.windows = windowsOf(r.getSplit(), r.getDim(), r.getSize(), false);
          c.bytes = allGatherBytes(size(r.getSplit().getAxes()), bytesOf(in)) + 0.5;
          return true;
        })
        .Case<AllToAllOp>([&](AllToAllOp a) {
          c.kind = "all_to_all", c.axes = names(a.getFrom().getAxes());
          c.shape.assign(in.getShape().begin(), in.getShape().end());
          c.split = windowsOf(a.getTo(), a.getToDim(), a.getToSize(), false);
          c.concat = windowsOf(a.getFrom(), a.getFromDim(), a.getFromSize(), true);
          c.bytes = allToAllBytes(size(a.getFrom().getAxes()), bytesOf(in)) + 0.5;
          return true;
        })
        .Case<PermuteOp>([&](PermuteOp p) {
          SmallVector<StringAttr> axes(p.getAxes().getAsRange<StringAttr>());
          c.kind = "permute", c.axes = names(axes), c.count = in.getNumElements(), c.bytes = bytesOf(in);
          c.source.assign(p.getSources().begin(), p.getSources().end());
          return true;
        })
        .Default([](Operation *) { return false; });
  }

  bool emitCollective(Emit &e, Operation *op, ArrayRef<Buffer> operands, const Buffer &result) {
    Collective c;
    if (!describe(op, c))
      return false;
    auto it = std::find(program.collectives.begin(), program.collectives.end(), c);
    int64_t id = it - program.collectives.begin();
    if (it == program.collectives.end())
      program.collectives.push_back(c);
    Value function = e.load(e.bytes(frame, 48), e.ptrType());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {e.ptrType(), e.getI64Type(), e.getI64Type(), e.ptrType(), e.ptrType()});
    e.create<LLVM::CallOp>(type, ValueRange{function, frame, e.thread, e.i(id), operands[0].base, result.base});
    // Other threads may still copy out of the call.
    barrier(e);
    return true;
  }

  //===-- LLVM ----------------------------------------------------------------------------------------------------------------------===//

  LogicalResult lowerToLLVM() {
    program.arenaBytes = std::max<int64_t>(program.arenaBytes, 64);
    PassManager manager(context);
    manager.addPass(createSCFToControlFlowPass());
    manager.addPass(createConvertVectorToLLVMPass());
    manager.addPass(createConvertMathToLLVMPass());
    manager.addPass(createArithToLLVMConversionPass());
    manager.addPass(createConvertControlFlowToLLVMPass());
    manager.addPass(createConvertFuncToLLVMPass());
    manager.addPass(createReconcileUnrealizedCastsPass());
    if (failed(verify(target)) || failed(manager.run(target)))
      return failure();
    for (auto function : target.getOps<LLVM::LLVMFuncOp>())
      if (function.isPrivate())
        function.setLinkage(LLVM::Linkage::Internal);
    llvm::LLVMContext llvmContext;
    std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(target, llvmContext, "program");
    if (!module)
      return target.emitError() << "translation to LLVM IR failed";
    std::string error;
    if (!linkProgram(*module, machine, options, program.sharedObject, error))
      return target.emitError() << error;
    program.features = machine.required;
    return success();
  }

  ModuleOp source;
  const CpuOptions &options;
  MLIRContext *context = nullptr;
  MeshAttr mesh;
  Machine machine;
  CpuProgram program;
  OwningOpRef<ModuleOp> owned;
  ModuleOp target;
  Value frame;
  int64_t maxPosition = 0;
  std::map<std::string, int64_t> weightOffsets, stateOffsets, frameBytes;
  std::map<std::string, std::string> tables;
};
} // namespace

FailureOr<CpuProgram> tp::cpu::compileForCpu(ModuleOp partitioned, const CpuOptions &options) {
  return ProgramBuilder(partitioned, options).run();
}
