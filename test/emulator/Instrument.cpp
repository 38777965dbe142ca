#include "Instrument.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/AsmParser/AsmParserContext.h"
#include "llvm/IR/AttributeMask.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/ModuleSlotTracker.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/Support/MathExtras.h"

#include <map>
#include <stdexcept>

using namespace llvm;

namespace tp::emu {
namespace {

constexpr unsigned sharedSpace = 3;
constexpr uint64_t sharedField = 48; // of Lane

class Instrumenter {
public:
  Instrumenter(Module &module, const AsmParserContext &lines)
      : module(module), lines(lines), b(module.getContext()), sites(std::make_shared<std::vector<std::string>>(1)) {}

  KernelModule run() {
    checkGlobals();
    std::vector<Function *> defined;
    for (Function &function : module)
      if (!function.isDeclaration())
        defined.push_back(&function);
    KernelModule result;
    for (Function *function : defined) {
      const bool kernel = function->getCallingConv() == CallingConv::PTX_Kernel;
      shared = layOutShared(*function);
      if (!kernel && !shared.places.empty())
        throw std::runtime_error("@" + function->getName().str() + " is no kernel and uses shared memory");
      rewrite(*function);
      if (kernel)
        result.kernels.push_back(describe(*function));
    }
    for (Kernel &kernel : result.kernels)
      kernel.sites = sites;
    return result;
  }

private:
  struct Shared {
    std::map<GlobalVariable *, uint64_t> places;
    std::vector<std::pair<uint32_t, uint32_t>> gaps; // [begin, end) between variables
    uint64_t bytes = 0;
  };

  static bool uses(Value *value, const Function &function) {
    return any_of(value->users(), [&](User *user) {
      auto *instruction = dyn_cast<Instruction>(user);
      return instruction ? instruction->getFunction() == &function : uses(user, function);
    });
  }

  // Places of the shared variables that a function uses, apart from each other so that an overrun is seen; one without
  // a size is the dynamic memory behind them.
  Shared layOutShared(const Function &function) {
    constexpr uint64_t gap = 16;
    Shared result;
    GlobalVariable *dynamic = nullptr;
    for (GlobalVariable &variable : module.globals()) {
      if (variable.getAddressSpace() != sharedSpace || !uses(&variable, function))
        continue;
      const uint64_t bytes = module.getDataLayout().getTypeAllocSize(variable.getValueType());
      if (bytes == 0) {
        dynamic = &variable;
        continue;
      }
      const uint64_t at = alignTo(result.bytes + (result.bytes ? gap : 0),
                                  std::max<uint64_t>(16, variable.getAlign().valueOrOne().value()));
      if (at != result.bytes)
        result.gaps.emplace_back(result.bytes, at);
      result.places[&variable] = at;
      result.bytes = at + bytes;
    }
    if (dynamic) {
      const uint64_t at = alignTo(result.bytes, 16);
      if (at != result.bytes)
        result.gaps.emplace_back(result.bytes, at);
      result.places[dynamic] = result.bytes = at;
    }
    return result;
  }

  void checkGlobals() {
    for (GlobalVariable &variable : module.globals())
      if (variable.getAddressSpace() != sharedSpace && !variable.isConstant() &&
          !variable.getName().starts_with("llvm."))
        throw std::runtime_error("the global variable @" + variable.getName().str() + " is not supported");
  }

  Kernel describe(Function &function) {
    Kernel kernel;
    kernel.name = function.getName().str();
    SmallVector<Value *> arguments;
    auto *pointer = b.getPtrTy();
    auto *stub = Function::Create(FunctionType::get(b.getVoidTy(), {pointer}, false), GlobalValue::ExternalLinkage,
                                  "emu." + kernel.name, module);
    b.SetInsertPoint(BasicBlock::Create(module.getContext(), "", stub));
    for (auto [i, argument] : enumerate(function.args())) {
      kernel.parameterBytes.push_back(uint32_t(module.getDataLayout().getTypeStoreSize(argument.getType())));
      Value *at = b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, stub->getArg(0), i));
      arguments.push_back(b.CreateLoad(argument.getType(), at));
    }
    b.CreateCall(&function, arguments);
    b.CreateRetVoid();
    kernel.staticShared = uint32_t(shared.bytes);
    kernel.gaps = shared.gaps;
    parseDimensions(function.getFnAttribute("nvvm.reqntid"), kernel.requiredBlock);
    return kernel;
  }

  static void parseDimensions(Attribute attribute, uint32_t (&dimensions)[3]) {
    if (!attribute.isStringAttribute())
      return;
    SmallVector<StringRef> parts;
    attribute.getValueAsString().split(parts, ',');
    for (size_t i = 0; i < 3; ++i)
      if (i >= parts.size() || parts[i].trim().getAsInteger(10, dimensions[i]))
        dimensions[i] = 1;
  }

  uint32_t siteOf(Instruction &instruction) {
    auto [it, isNew] = siteNumbers.try_emplace(&instruction, 0);
    if (!isNew)
      return it->second;
    std::string text;
    raw_string_ostream stream(text);
    if (auto range = lines.getInstructionLocation(&instruction))
      stream << "line " << range->Start.Line + 1 << ": ";
    stream << "'" << StringRef(original[&instruction]).trim().str() << "'";
    sites->push_back(text);
    return it->second = uint32_t(sites->size() - 1);
  }

  void rewrite(Function &function) {
    std::vector<Constant *> variables;
    for (auto [variable, offset] : shared.places)
      variables.push_back(variable);
    convertUsersOfConstantsToInstructions(variables, &function, /*RemoveDeadConstants=*/false);
    std::vector<Instruction *> all;
    ModuleSlotTracker slots(&module);
    slots.incorporateFunction(function);
    for (Instruction &instruction : instructions(function)) {
      all.push_back(&instruction);
      raw_string_ostream stream(original[&instruction]);
      instruction.print(stream, slots);
    }
    b.SetInsertPoint(function.getEntryBlock().getFirstInsertionPt());
    lane = b.CreateCall(module.getOrInsertFunction("tpEmuLane", b.getPtrTy()));
    replaceShared(function);
    for (Instruction *instruction : all)
      rewrite(*instruction);
    function.setCallingConv(CallingConv::C);
    AttributeMask gone;
    for (Attribute attribute : function.getAttributes().getFnAttrs())
      if (attribute.isStringAttribute() && attribute.getKindAsString().starts_with("target"))
        gone.addAttribute(attribute.getKindAsString());
    gone.addAttribute(Attribute::Memory); // checks have effects
    gone.addAttribute(Attribute::NoSync);
    function.removeFnAttrs(gone);
  }

  void replaceShared(Function &function) {
    Value *base = nullptr;
    for (auto [variable, offset] : shared.places) {
      variable->replaceUsesWithIf(
          [&]() -> Value * {
            if (!base)
              base = b.CreateLoad(b.getPtrTy(sharedSpace), b.CreateConstGEP1_64(b.getInt8Ty(), lane, sharedField));
            return b.CreateConstGEP1_64(b.getInt8Ty(), base, offset);
          }(),
          [&](Use &use) {
            auto *user = dyn_cast<Instruction>(use.getUser());
            return user && user->getFunction() == &function;
          });
    }
  }

  void rewrite(Instruction &instruction) {
    b.SetInsertPoint(&instruction);
    const DataLayout &layout = module.getDataLayout();
    if (auto *load = dyn_cast<LoadInst>(&instruction)) {
      if (load->isVolatile() || load->isAtomic())
        call("tpEmuSpin", b.getVoidTy(), {lane});
      if (load->isAtomic()) // before check(), which changes the address
        ordered(*load, load->getPointerOperand(), "tpEmuAcquire");
      check(instruction, 0, layout.getTypeStoreSize(load->getType()), load->getAlign(), load->isAtomic() ? 'a' : 'r');
    } else if (auto *store = dyn_cast<StoreInst>(&instruction)) {
      const bool isShared = store->getPointerAddressSpace() == sharedSpace && !isLocal(store->getPointerOperand());
      if (store->isAtomic())
        call("tpEmuRelease", b.getVoidTy(), {lane, plain(store->getPointerOperand())});
      check(instruction, 1, layout.getTypeStoreSize(store->getValueOperand()->getType()), store->getAlign(),
            store->isAtomic() ? 's'
            : isShared        ? 'v'
                              : 'w');
      // Threads may write the same value to one place: whether they do is seen afterwards.
      if (store->getPointerAddressSpace() == 0 && isShared) {
        b.SetInsertPoint(instruction.getNextNode());
        call("tpEmuStored", b.getVoidTy(), {lane});
      }
    } else if (auto *update = dyn_cast<AtomicRMWInst>(&instruction)) {
      meet(*update, update->getPointerOperand());
      check(instruction, 0, layout.getTypeStoreSize(update->getType()), update->getAlign(), 'a');
    } else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction)) {
      call("tpEmuSpin", b.getVoidTy(), {lane});
      meet(*exchange, exchange->getPointerOperand());
      check(instruction, 0, layout.getTypeStoreSize(exchange->getCompareOperand()->getType()), exchange->getAlign(),
            'a');
    } else if (auto *memory = dyn_cast<MemIntrinsic>(&instruction)) {
      rewriteMemory(*memory);
    } else if (auto *callee = dyn_cast<CallInst>(&instruction)) {
      rewriteCall(*callee);
    }
  }

  void meet(Instruction &instruction, Value *pointer) {
    call("tpEmuRelease", b.getVoidTy(), {lane, plain(pointer)});
    ordered(instruction, pointer, "tpEmuAcquire");
  }

  // Calls `name` behind the instruction.
  void ordered(Instruction &instruction, Value *pointer, StringRef name) {
    Value *address = plain(pointer);
    IRBuilder<>::InsertPointGuard guard(b);
    b.SetInsertPoint(instruction.getNextNode());
    call(name, b.getVoidTy(), {lane, address});
  }

  Value *plain(Value *pointer) {
    return pointer->getType()->getPointerAddressSpace() == 0 ? pointer : b.CreateAddrSpaceCast(pointer, b.getPtrTy());
  }

  static bool isLocal(Value *pointer) {
    const Value *object = getUnderlyingObject(pointer, 64);
    return isa<AllocaInst>(object) || isa<GlobalVariable>(object);
  }

  Value *checked(Instruction &instruction, Value *pointer, Value *bytes, uint64_t align, char kind) {
    const char *name = pointer->getType()->getPointerAddressSpace() == sharedSpace ? "tpEmuShared" : "tpEmuGlobal";
    return call(name, b.getPtrTy(),
                {lane, plain(pointer), bytes, b.getInt32(uint32_t(align)), b.getInt32(uint32_t(kind)),
                 b.getInt32(siteOf(instruction))});
  }

  void check(Instruction &instruction, unsigned operand, uint64_t bytes, Align align, char kind) {
    Value *pointer = instruction.getOperand(operand);
    if (!isLocal(pointer))
      instruction.setOperand(operand, checked(instruction, pointer, b.getInt64(bytes), align.value(), kind));
  }

  void rewriteMemory(MemIntrinsic &memory) {
    if (auto *transfer = dyn_cast<MemTransferInst>(&memory); transfer && !isLocal(transfer->getRawSource())) {
      Value *from = checked(memory, transfer->getRawSource(), memory.getLength(), 1, 'r');
      Value *to = isLocal(memory.getRawDest()) ? memory.getRawDest()
                                               : checked(memory, memory.getRawDest(), memory.getLength(), 1, 'w');
      b.CreateMemMove(to, {}, from, {}, memory.getLength());
      memory.eraseFromParent();
      return;
    }
    if (isLocal(memory.getRawDest()))
      return;
    Value *to = checked(memory, memory.getRawDest(), memory.getLength(), 1, 'w');
    if (auto *set = dyn_cast<MemSetInst>(&memory))
      b.CreateMemSet(to, set->getValue(), memory.getLength(), {});
    else
      b.CreateMemMove(to, {}, cast<MemTransferInst>(memory).getRawSource(), {}, memory.getLength());
    memory.eraseFromParent();
  }

  Value *call(StringRef name, Type *result, ArrayRef<Value *> arguments) {
    SmallVector<Type *> types;
    for (Value *argument : arguments)
      types.push_back(argument->getType());
    return b.CreateCall(module.getOrInsertFunction(name, FunctionType::get(result, types, false)), arguments);
  }

  void rewriteCall(CallInst &instruction) {
    if (instruction.isInlineAsm())
      throw std::runtime_error("inline assembly is not supported: " + original[&instruction]);
    Function *callee = instruction.getCalledFunction();
    if (!callee || !callee->getName().starts_with("llvm.nvvm."))
      return;
    Value *result = replacement(instruction, callee->getName().substr(10));
    if (!instruction.getType()->isVoidTy())
      instruction.replaceAllUsesWith(result);
    instruction.eraseFromParent();
  }

  Value *field(uint64_t byte) { return b.CreateLoad(b.getInt32Ty(), b.CreateConstGEP1_64(b.getInt8Ty(), lane, byte)); }

  Value *specialRegister(StringRef name) {
    static const std::pair<StringRef, uint64_t> registers[] = {
        {"tid.", 0}, {"ctaid.", 12}, {"ntid.", 24}, {"nctaid.", 36}};
    for (auto [prefix, at] : registers)
      if (name.starts_with(prefix))
        return field(at + uint64_t(name.back() - 'x') * 4);
    if (name == "warpsize")
      return b.getInt32(32);
    if (name == "laneid")
      return call("tpEmuLaneId", b.getInt32Ty(), {lane});
    return nullptr;
  }

  // A call with the arguments and room for results as arrays of words: void f(lane, in, out, site).
  Value *packed(CallInst &instruction, StringRef name, ArrayRef<Value *> more = {}) {
    IRBuilder<>::InsertPointGuard guard(b);
    SmallVector<Value *> arguments(instruction.args());
    arguments.append(more.begin(), more.end());
    SmallVector<Type *> types;
    for (Value *argument : arguments)
      types.push_back(argument->getType());
    auto *inType = StructType::get(module.getContext(), types);
    Type *outType = instruction.getType()->isVoidTy() ? b.getInt32Ty() : instruction.getType();
    b.SetInsertPoint(lane->getNextNode());
    Value *in = b.CreateAlloca(inType), *out = b.CreateAlloca(outType);
    b.SetInsertPoint(&instruction);
    for (auto [i, argument] : enumerate(arguments))
      b.CreateStore(argument, b.CreateStructGEP(inType, in, unsigned(i)));
    call(name, b.getVoidTy(), {lane, in, out, b.getInt32(siteOf(instruction))});
    return instruction.getType()->isVoidTy() ? nullptr : b.CreateLoad(outType, out);
  }

  Value *replacement(CallInst &instruction, StringRef name);
  Value *shuffle(CallInst &instruction, StringRef name);
  Value *math(CallInst &instruction, StringRef name);
  Value *copy(CallInst &instruction, StringRef name);

  Module &module;
  const AsmParserContext &lines;
  IRBuilder<> b;
  std::shared_ptr<std::vector<std::string>> sites;
  std::map<Instruction *, uint32_t> siteNumbers;
  std::map<Instruction *, std::string> original;
  Shared shared; // of the function at hand
  CallInst *lane = nullptr;
};

// shfl.sync.{bfly,up,down,idx}.{i32,f32}[p], (mask, value, lane or delta, clamp).
Value *Instrumenter::shuffle(CallInst &instruction, StringRef name) {
  const bool predicate = name.ends_with("p");
  StringRef mode = name.substr(10).take_until([](char c) { return c == '.'; });
  const uint32_t number = mode == "bfly" ? 0 : mode == "up" ? 1 : mode == "down" ? 2 : 3;
  Value *value = b.CreateBitCast(instruction.getArgOperand(1), b.getInt32Ty());
  Value *packedResult =
      call("tpEmuShuffle", b.getInt64Ty(),
           {lane, b.getInt32(number), instruction.getArgOperand(0), value, instruction.getArgOperand(2),
            instruction.getArgOperand(3), b.getInt32(siteOf(instruction))});
  Type *type = instruction.getArgOperand(1)->getType();
  Value *word = b.CreateBitCast(b.CreateTrunc(packedResult, b.getInt32Ty()), type);
  if (!predicate)
    return word;
  Value *inRange = b.CreateTrunc(b.CreateLShr(packedResult, 32), b.getInt1Ty());
  Value *pair = b.CreateInsertValue(PoisonValue::get(instruction.getType()), word, 0);
  return b.CreateInsertValue(pair, inRange, 1);
}

Value *Instrumenter::math(CallInst &instruction, StringRef name) {
  Value *x = instruction.getArgOperand(0);
  auto unary = [&](Intrinsic::ID id) { return b.CreateUnaryIntrinsic(id, x); };
  auto root = [&] { return unary(Intrinsic::sqrt); };
  Value *one = x->getType()->isFloatingPointTy() ? ConstantFP::get(x->getType(), 1.0) : nullptr;
  StringRef base = name.substr(0, name.find('.'));
  if (base == "ex2")
    return unary(Intrinsic::exp2);
  if (base == "lg2")
    return unary(Intrinsic::log2);
  if (base == "sin")
    return unary(Intrinsic::sin);
  if (base == "cos")
    return unary(Intrinsic::cos);
  if (base == "sqrt")
    return root();
  if (base == "rsqrt")
    return b.CreateFDiv(one, root());
  if (base == "rcp")
    return b.CreateFDiv(one, x);
  if (base == "div")
    return b.CreateFDiv(x, instruction.getArgOperand(1));
  if (base == "tanh")
    return unary(Intrinsic::tanh);
  if (base == "fabs")
    return unary(Intrinsic::fabs);
  if (base == "fma")
    return b.CreateIntrinsic(Intrinsic::fma, {x->getType()},
                             {x, instruction.getArgOperand(1), instruction.getArgOperand(2)});
  if (base == "fmax")
    return b.CreateMaxNum(x, instruction.getArgOperand(1));
  if (base == "fmin")
    return b.CreateMinNum(x, instruction.getArgOperand(1));
  if (name == "f2bf16.rn")
    return b.CreateFPTrunc(x, instruction.getType());
  if (name == "ff2bf16x2.rn") { // the first operand is the upper half
    Value *pair = PoisonValue::get(FixedVectorType::get(b.getFloatTy(), 2));
    pair = b.CreateInsertElement(pair, instruction.getArgOperand(1), uint64_t(0));
    pair = b.CreateInsertElement(pair, x, uint64_t(1));
    Value *rounded = b.CreateFPTrunc(pair, FixedVectorType::get(b.getBFloatTy(), 2));
    return b.CreateBitCast(rounded, instruction.getType());
  }
  return nullptr;
}

// cp.async.{ca,cg}.shared.global.N[.s], commit.group, wait.group, wait.all; ldmatrix.
Value *Instrumenter::copy(CallInst &instruction, StringRef name) {
  auto argument = [&](unsigned i) { return instruction.getArgOperand(i); };
  if (name == "cp.async.commit.group")
    return call("tpEmuCopyCommit", b.getVoidTy(), {lane});
  if (name == "cp.async.wait.group")
    return call("tpEmuCopyWait", b.getVoidTy(), {lane, b.CreateZExt(argument(0), b.getInt32Ty())});
  if (name == "cp.async.wait.all")
    return call("tpEmuCopyWait", b.getVoidTy(), {lane, b.getInt32(~0u)});
  SmallVector<StringRef> parts;
  name.split(parts, '.');
  uint32_t bytes = 0;
  if (parts.size() < 6 || parts[3] != "shared" || parts[5].getAsInteger(10, bytes))
    return nullptr;
  Value *source = instruction.arg_size() > 2 ? argument(2) : b.getInt32(bytes);
  return call(
      "tpEmuCopyStart", b.getVoidTy(),
      {lane, plain(argument(0)), plain(argument(1)), b.getInt32(bytes), source, b.getInt32(siteOf(instruction))});
}

Value *Instrumenter::replacement(CallInst &instruction, StringRef name) {
  Value *site = b.getInt32(siteOf(instruction));
  Value *result = nullptr;
  auto argument = [&](unsigned i) { return instruction.getArgOperand(i); };
  if (name.consume_front("read.ptx.sreg."))
    result = specialRegister(name);
  else if (name == "barrier0" || name == "barrier.cta.sync.aligned.all" || name == "barrier.cta.sync.all")
    result = call(
        "tpEmuBarrier", b.getVoidTy(),
        {lane, name == "barrier0" ? b.getInt32(0) : argument(0), b.getInt32(name.ends_with("sync.all") ? 0 : 1), site});
  else if (name == "bar.warp.sync")
    result = call("tpEmuWarpSync", b.getVoidTy(), {lane, argument(0), site});
  else if (name.starts_with("shfl.sync."))
    result = shuffle(instruction, name);
  else if (name.starts_with("vote.") && name.ends_with(".sync")) {
    const uint32_t kind = name == "vote.all.sync" ? 0 : name == "vote.any.sync" ? 1 : name == "vote.uni.sync" ? 2 : 3;
    result = call("tpEmuVote", b.getInt32Ty(),
                  {lane, b.getInt32(kind), argument(0), b.CreateZExt(argument(1), b.getInt32Ty()), site});
    if (kind != 3)
      result = b.CreateTrunc(result, b.getInt1Ty());
  } else if (name.starts_with("redux.sync."))
    result = call("tpEmuRedux", b.getInt32Ty(),
                  {lane,
                   b.getInt32(name.ends_with(".add")   ? 0
                              : name.ends_with("umax") ? 1
                              : name.ends_with("umin") ? 2
                              : name.ends_with(".max") ? 3
                              : name.ends_with(".min") ? 4
                                                       : 5),
                   argument(0), argument(1), site});
  else if (name.starts_with("membar.") || name.starts_with("fence."))
    return b.CreateFence(AtomicOrdering::SequentiallyConsistent);
  else if (name == "mma.m16n8k16.row.col.bf16")
    result = packed(instruction, "tpEmuMmaBf16");
  else if (name.starts_with("ldmatrix.sync.aligned.m8n8.x"))
    result = packed(instruction, "tpEmuLdmatrix",
                    {b.getInt32(uint32_t(name[28] - '0')), b.getInt32(name.contains(".trans") ? 1 : 0)});
  else if (name.starts_with("cp.async."))
    result = copy(instruction, name);
  else
    result = math(instruction, name);
  if (!result && !instruction.getType()->isVoidTy())
    throw std::runtime_error("the intrinsic llvm.nvvm." + name.str() + " is not emulated");
  if (!result && !name.starts_with("cp.async.") && instruction.getType()->isVoidTy())
    throw std::runtime_error("the intrinsic llvm.nvvm." + name.str() + " is not emulated");
  return result;
}

} // namespace

KernelModule instrument(Module &module, const AsmParserContext &lines) { return Instrumenter(module, lines).run(); }

} // namespace tp::emu
