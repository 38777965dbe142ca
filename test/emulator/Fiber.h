// Threads of a block as fibers: a stack each, switched by hand. x86-64.
#ifndef TP_EMU_FIBER_H
#define TP_EMU_FIBER_H

#include <cstddef>
#include <memory>

namespace tp::emu {

constexpr size_t fiberStack = size_t(64) << 10; // whether it was enough is seen when the stacks go

// Stacks that are mapped together: a process has few mappings, and blocks of several ranks that wait for each other
// have tens of thousands of threads.
struct FiberStacks;

class Fiber {
public:
  Fiber();
  ~Fiber() = default;
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  // The next resume() calls entry(argument), which must not return: it ends in a last yield(). What ran on the stack
  // before is forgotten.
  void start(void (*entry)(void *), void *argument);
  void resume(); // from the scheduler
  void yield();  // from the fiber
  // From the fiber: goes on with another instead, which then stands for this one before the scheduler.
  void pass(Fiber &to);
  bool owns(const void *p) const { return p >= stack && p < static_cast<char *>(stack) + fiberStack; }

private:
  std::shared_ptr<FiberStacks> owner;
  void *stack, *inside = nullptr, *outside = nullptr;
};

} // namespace tp::emu

#endif
