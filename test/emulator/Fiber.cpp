#include "Fiber.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

// Saves the callee-saved registers and the stack of the caller in *save, and goes on where `to` was saved.
extern "C" void tp_emu_switch(void **save, void *to);
extern "C" void tp_emu_begin();
__asm__(R"(
.text
.type tp_emu_switch, @function
tp_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
.size tp_emu_switch, . - tp_emu_switch
.type tp_emu_begin, @function
tp_emu_begin:
  movq %r13, %rdi
  callq *%r12
  ud2
.size tp_emu_begin, . - tp_emu_begin
)");

namespace tp::emu {

constexpr size_t stacksTogether = 64;
constexpr size_t page = 4096, pagesOfStack = fiberStack / page;

struct FiberStacks {
  FiberStacks() {
    memory = mmap(nullptr, stacksTogether * fiberStack, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::fprintf(stderr, "emulated device: cannot map stacks for a block's threads\n");
      std::abort();
    }
    madvise(memory, stacksTogether * fiberStack, MADV_NOHUGEPAGE); // page by page
  }
  ~FiberStacks() {
    unsigned char resident[stacksTogether * pagesOfStack];
    if (mincore(memory, stacksTogether * fiberStack, resident) == 0)
      for (size_t i = 0; i < stacksTogether; ++i)
        if (resident[i * pagesOfStack] & 1) { // its last page was used
          std::fprintf(stderr, "emulated device: a thread's stack of %zu bytes was too small\n", fiberStack);
          std::abort();
        }
    munmap(memory, stacksTogether * fiberStack);
  }
  void *memory;
  size_t used = 0;
};

static thread_local std::shared_ptr<FiberStacks> latest;

Fiber::Fiber() {
  if (!latest || latest->used == stacksTogether)
    latest = std::make_shared<FiberStacks>();
  owner = latest;
  stack = static_cast<char *>(owner->memory) + owner->used++ * fiberStack;
}

void Fiber::start(void (*entry)(void *), void *argument) {
  auto **top = reinterpret_cast<void **>(static_cast<char *>(stack) + fiberStack);
  *--top = nullptr; // at the call in tp_emu_begin the stack is aligned to 16
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(tp_emu_begin); // return address
  *--top = nullptr;                                // rbp
  *--top = nullptr;                                // rbx
  *--top = reinterpret_cast<void *>(entry);        // r12
  *--top = argument;                               // r13
  *--top = nullptr;                                // r14
  *--top = nullptr;                                // r15
  inside = top;
}

void Fiber::resume() { tp_emu_switch(&outside, inside); }
void Fiber::yield() { tp_emu_switch(&inside, outside); }
void Fiber::pass(Fiber &to) {
  to.outside = outside;
  tp_emu_switch(&inside, to.inside);
}

} // namespace tp::emu
