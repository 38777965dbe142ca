// Runs a program for GPUs on the host: its kernels' LLVM IR compiled for this CPU, the threads of a block as fibers
// that meet at shuffles and barriers. Plain and without checks: it shows what the kernels compute. The emulated device
// of test/runtime is the strict one.
#ifndef TP_TEST_CONVERSION_HOSTKERNELS_H
#define TP_TEST_CONVERSION_HOSTKERNELS_H

#include "Check.h"
#include "tp/Conversion/CudaProgram.h"

namespace tp::check {

class HostKernels {
public:
  // Compiles the kernels of the program's first module, which must have its IR. Aborts with a message where it cannot.
  explicit HostKernels(const cuda::CudaProgram &program);
  void run(const cpu::Entry &entry, const Memory &memory);

private:
  const cuda::CudaProgram &program;
  void *kernels, *host; // shared objects
};

} // namespace tp::check

#endif
