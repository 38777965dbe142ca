// Keeps what tp-gpu-check does, so that a GPU elsewhere can do it without the compiler: test/gpu/Kernels.cpp reads it.
//
//   case.json             the kernels, and each call of an entry: where its inputs and expected outputs are
//   data.bin              weights, inputs, expected outputs (f32, or i32)
//   program.so, kernels.* as in a package
#ifndef TP_TEST_CONVERSION_CASEWRITER_H
#define TP_TEST_CONVERSION_CASEWRITER_H

#include "Check.h"
#include "tp/Conversion/CudaProgram.h"

#include "llvm/Support/JSON.h"

namespace tp::check {

class CaseWriter {
public:
  explicit CaseWriter(const cuda::CudaProgram &program) : program(program) {}
  void add(const cpu::Entry &entry, int64_t rank, const char *arena, llvm::ArrayRef<RankValue> expected);
  // Into a new folder. False: a file cannot be written.
  bool write(llvm::StringRef folder, const char *weights, double tolerance);

private:
  int64_t put(const void *bytes, size_t count);
  llvm::json::Array modules() const;
  llvm::json::Array kernels() const;
  llvm::json::Array gemms() const;

  const cuda::CudaProgram &program;
  std::string data; // but the weights
  llvm::json::Array calls;
};

} // namespace tp::check

#endif
