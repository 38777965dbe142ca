#include "HostKernels.h"

#include "../../../lib/Conversion/Link.h"
#include "tp_cuda.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/SourceMgr.h"

#include <cmath>
#include <dlfcn.h>
#include <fstream>
#include <unistd.h>

namespace tp::check {

namespace {

// ---- fibers ----

extern "C" void tpSwitch(void **from, void *to);
asm(R"(
.text
.globl tpSwitch
tpSwitch:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
)");

enum class Stop { ready, shuffle, barrier, done };
constexpr size_t kStack = 64 << 10;
constexpr int kMostThreads = 1024, kMostParameters = 24;
constexpr int kFragments = 8;

struct Fiber {
  void *stack = nullptr, *at = nullptr;
  Stop stop = Stop::done;
  unsigned shuffles = 0;
  uint32_t given[2][kFragments] = {}; // of the last shuffle and the one before
};

struct Block {
  Fiber fibers[kMostThreads];
  void *scheduler = nullptr;
  int thread = 0, threads = 0;
  int index[3] = {}, count[3] = {};
  void *kernel = nullptr;
  uint64_t parameters[kMostParameters] = {};
} block;

void wait(Stop stop) {
  Fiber &fiber = block.fibers[block.thread];
  fiber.stop = stop;
  tpSwitch(&fiber.at, block.scheduler);
}

template <size_t... i> void call(std::index_sequence<i...>) {
  auto kernel = reinterpret_cast<void (*)(decltype(uint64_t(i))...)>(block.kernel);
  kernel(block.parameters[i]...);
}

void enter() {
  call(std::make_index_sequence<kMostParameters>());
  wait(Stop::done);
  std::abort();
}

void start(Fiber &fiber) {
  if (!fiber.stack)
    fiber.stack = std::aligned_alloc(4096, kStack);
  auto **top = reinterpret_cast<void **>(static_cast<char *>(fiber.stack) + kStack - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(enter);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  fiber.at = top, fiber.stop = Stop::ready, fiber.shuffles = 0;
}

void runBlock() {
  for (int t = 0; t < block.threads; ++t)
    start(block.fibers[t]);
  for (;;) {
    int alive = 0, met = 0;
    for (int t = 0; t < block.threads; ++t) {
      alive += block.fibers[t].stop != Stop::done;
      met += block.fibers[t].stop == Stop::barrier;
    }
    if (!alive)
      return;
    for (int t = 0; t < block.threads; ++t) {
      Fiber &fiber = block.fibers[t];
      if (fiber.stop == Stop::done || (fiber.stop == Stop::barrier && met < alive))
        continue;
      block.thread = t, fiber.stop = Stop::ready;
      tpSwitch(&block.scheduler, fiber.at);
    }
  }
}

// Hands in values and waits for the warp; returns which slot they are in.
unsigned give(const uint32_t *values, int count) {
  Fiber &fiber = block.fibers[block.thread];
  unsigned slot = fiber.shuffles++ & 1;
  std::memcpy(fiber.given[slot], values, size_t(count) * 4);
  wait(Stop::shuffle);
  return slot;
}

const uint32_t *givenBy(int lane, unsigned slot) { return block.fibers[(block.thread & ~31) | lane].given[slot]; }

float wide(uint16_t bits) {
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

} // namespace

// ---- the intrinsics that kernels use ----

extern "C" {
int32_t nvvm_tid_x() { return block.thread; }
int32_t nvvm_ctaid_x() { return block.index[0]; }
int32_t nvvm_ctaid_y() { return block.index[1]; }
int32_t nvvm_ctaid_z() { return block.index[2]; }
void nvvm_barrier(int32_t) { wait(Stop::barrier); }
uint32_t nvvm_shfl_i32(uint32_t, uint32_t value, uint32_t mask, uint32_t) {
  unsigned slot = give(&value, 1);
  return givenBy((block.thread & 31) ^ int(mask), slot)[0];
}
float nvvm_shfl_f32(uint32_t members, float value, uint32_t mask, uint32_t clamp) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = nvvm_shfl_i32(members, bits, mask, clamp);
  std::memcpy(&value, &bits, 4);
  return value;
}

// d [16, 8] = a [16, 16] b [16, 8] + c, spread over a warp as the PTX manual draws it.
void nvvm_mma_bf16(float *d, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, float c0,
                   float c1, float c2, float c3) {
  uint32_t mine[6] = {a0, a1, a2, a3, b0, b1};
  unsigned slot = give(mine, 6);
  int group = block.thread % 32 / 4, place = block.thread % 4;
  auto half = [](uint32_t word, int i) { return wide(uint16_t(word >> (16 * i))); };
  float sums[4] = {c0, c1, c2, c3};
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 16; ++k) {
      int column = 2 * place + (i & 1);
      const uint32_t *a = givenBy(group * 4 + k % 8 / 2, slot), *b = givenBy(column * 4 + k % 8 / 2, slot);
      sums[i] += half(a[(i >> 1) + (k >= 8 ? 2 : 0)], k % 2) * half(b[4 + (k >= 8)], k % 2);
    }
  std::memcpy(d, sums, sizeof sums);
}

// Four 8x8 matrices of 16 bits; lane 8 m + r gives row r of matrix m.
static void loadMatrices(uint32_t *d, const void *row, bool transpose) {
  uint64_t address = reinterpret_cast<uint64_t>(row);
  uint32_t mine[2] = {uint32_t(address), uint32_t(address >> 32)};
  unsigned slot = give(mine, 2);
  int lane = block.thread & 31;
  auto at = [&](int matrix, int line, int column) {
    const uint32_t *words = givenBy(matrix * 8 + line, slot);
    return reinterpret_cast<const uint16_t *>(uint64_t(words[1]) << 32 | words[0])[column];
  };
  for (int m = 0; m < 4; ++m) {
    int line = lane / 4, column = lane % 4 * 2;
    uint16_t low = transpose ? at(m, column, line) : at(m, line, column);
    uint16_t high = transpose ? at(m, column + 1, line) : at(m, line, column + 1);
    d[m] = uint32_t(high) << 16 | low;
  }
}
void nvvm_ldmatrix(uint32_t *d, const void *row) { loadMatrices(d, row, false); }
void nvvm_ldmatrix_trans(uint32_t *d, const void *row) { loadMatrices(d, row, true); }
__bf16 __truncsfbf2(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = std::isnan(value) ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1);
  uint16_t high = uint16_t(bits >> 16);
  __bf16 result;
  std::memcpy(&result, &high, 2);
  return result;
}
}

// ---- compiling ----

namespace {

[[noreturn]] void fail(const std::string &message) {
  llvm::errs() << "tp-gpu-check: " << message << "\n";
  std::exit(1);
}

std::string hostName(llvm::StringRef name) {
  const std::pair<const char *, const char *> names[] = {
      {"llvm.nvvm.read.ptx.sreg.tid.x", "nvvm_tid_x"},
      {"llvm.nvvm.read.ptx.sreg.ctaid.x", "nvvm_ctaid_x"},
      {"llvm.nvvm.read.ptx.sreg.ctaid.y", "nvvm_ctaid_y"},
      {"llvm.nvvm.read.ptx.sreg.ctaid.z", "nvvm_ctaid_z"},
      {"llvm.nvvm.barrier.cta.sync.aligned.all", "nvvm_barrier"},
      {"llvm.nvvm.shfl.sync.bfly.i32", "nvvm_shfl_i32"},
      {"llvm.nvvm.shfl.sync.bfly.f32", "nvvm_shfl_f32"},
      {"llvm.nvvm.mma.m16n8k16.row.col.bf16", "nvvm_mma_bf16"},
      {"llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3", "nvvm_ldmatrix"},
      {"llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3", "nvvm_ldmatrix_trans"},
  };
  for (auto [from, to] : names)
    if (name == from)
      return to;
  fail("no host version of " + name.str());
}

void *open(const std::string &bytes) {
  char name[] = "/tmp/tp-gpu-check-XXXXXX";
  int file = mkstemp(name);
  std::ofstream(name, std::ios::binary) << bytes;
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  close(file);
  unlink(name);
  if (!library)
    fail(dlerror());
  return library;
}

// A call of an intrinsic as one of a function above; a structure comes back through memory.
void replaceCall(llvm::CallInst *call, const std::string &name) {
  llvm::IRBuilder<> b(call);
  llvm::Type *type = call->getType();
  llvm::SmallVector<llvm::Value *> arguments(call->args());
  llvm::AllocaInst *memory = nullptr;
  if (type->isStructTy()) {
    llvm::IRBuilder<> top(&call->getFunction()->getEntryBlock(), call->getFunction()->getEntryBlock().begin());
    memory = top.CreateAlloca(type);
    arguments.insert(arguments.begin(), memory);
  }
  llvm::SmallVector<llvm::Type *> types;
  for (llvm::Value *argument : arguments)
    types.push_back(argument->getType());
  auto *functionType = llvm::FunctionType::get(memory ? b.getVoidTy() : type, types, false);
  llvm::Value *result = b.CreateCall(call->getModule()->getOrInsertFunction(name, functionType), arguments);
  if (memory)
    result = b.CreateLoad(type, memory);
  call->replaceAllUsesWith(result);
  call->eraseFromParent();
}

// Kernels become ordinary functions.
void adapt(llvm::Module &module) {
  for (llvm::Function &function : llvm::make_early_inc_range(module)) {
    function.setCallingConv(llvm::CallingConv::C);
    if (!function.isDeclaration() || !function.getName().starts_with("llvm.nvvm."))
      continue;
    std::string name = hostName(function.getName());
    for (llvm::User *user : llvm::make_early_inc_range(function.users()))
      replaceCall(llvm::cast<llvm::CallInst>(user), name);
    function.eraseFromParent();
  }
}

struct Frame : tp_cuda_frame {
  const cuda::CudaProgram *program;
  void *kernels;
};

void launch(tp_cuda_frame *frame, int32_t, int32_t kernel, const int32_t grid[3], const int32_t threads[3], int32_t,
            const uint64_t *args) {
  auto *own = static_cast<Frame *>(frame);
  const cuda::GpuKernelInfo &info = own->program->kernels[size_t(kernel)];
  block.kernel = dlsym(own->kernels, info.name.c_str());
  std::memcpy(block.parameters, args, size_t(info.parameters) * 8);
  block.threads = threads[0];
  for (block.index[2] = 0; block.index[2] < grid[2]; ++block.index[2])
    for (block.index[1] = 0; block.index[1] < grid[1]; ++block.index[1])
      for (block.index[0] = 0; block.index[0] < grid[0]; ++block.index[0])
        runBlock();
}

float element(uint64_t address, const std::string &type, int64_t i) {
  return type == "f32" ? reinterpret_cast<const float *>(address)[i]
                       : wide(reinterpret_cast<const uint16_t *>(address)[i]);
}

float activate(float x, const std::string &epilogue) {
  if (epilogue == "relu")
    return std::max(x, 0.0f);
  if (epilogue == "gelu_tanh")
    return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
  return x;
}

void gemm(tp_cuda_frame *frame, int32_t, int32_t number, uint64_t x, uint64_t w, uint64_t bias, uint64_t y) {
  const cuda::Gemm &g = static_cast<Frame *>(frame)->program->gemms[size_t(number)];
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < g.k; ++k)
        sum += element(x, g.input, i * g.k + k) * element(w, g.weight, j * g.k + k);
      if (bias)
        sum += element(bias, g.bias, j);
      sum = activate(sum, g.epilogue);
      if (g.output == "f32")
        reinterpret_cast<float *>(y)[i * g.n + j] = sum;
      else
        reinterpret_cast<__bf16 *>(y)[i * g.n + j] = __truncsfbf2(sum);
    }
}

} // namespace

HostKernels::HostKernels(const cuda::CudaProgram &program) : program(program) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic error;
  auto module = llvm::parseIR(llvm::MemoryBufferRef(program.modules.front().ir, "kernels"), error, context);
  if (!module)
    fail("the kernels' IR: " + error.getMessage().str());
  adapt(*module);
  cpu::Machine machine;
  machine.cpu = machine.tune = "x86-64-v3";
  auto code = cpu::makeSharedObject(*module, machine, "");
  if (!code)
    fail(llvm::toString(code.takeError()));
  kernels = open(*code);
  host = open(program.host.sharedObject);
}

void HostKernels::run(const cpu::Entry &entry, const Memory &memory) {
  auto address = [](char *pointer) { return reinterpret_cast<uint64_t>(pointer); };
  Frame frame = {};
  frame.weights = address(memory.weights), frame.state = address(memory.state), frame.arena = address(memory.arena);
  frame.rank = memory.rank, frame.launch = launch, frame.gemm = gemm;
  frame.program = &program, frame.kernels = kernels;
  reinterpret_cast<tp_cuda_entry>(dlsym(host, entry.symbol.c_str()))(&frame);
}

} // namespace tp::check
