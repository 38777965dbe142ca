// Random programs, whose sharded form must compute what the whole program computes.
#ifndef TP_FUZZ_FUZZ_H
#define TP_FUZZ_FUZZ_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <vector>

namespace tp::fuzz {

// A program (MLIR text) with a mesh and annotations, the same for the same seed. `ops`: beginnings of the names of the
// ops that it may have ("linalg.", "tp.linear"); none: all. The empty string if no op has such a name.
std::string generate(uint64_t seed, llvm::ArrayRef<std::string> ops);

enum class Outcome {
  Agrees,
  Mismatch, // the sharded program computes something else
  Failed,   // a pass or a verifier failed
  Crashed,
  TimedOut,
};
llvm::StringRef nameOf(Outcome outcome);

struct Result {
  Outcome outcome = Outcome::Agrees;
  std::string message;    // the first error, one line
  int64_t replicated = 0; // ops without a rule

  bool isFailure() const { return outcome != Outcome::Agrees; }
  // What `message` says without the numbers and names in it: failures with equal signatures are taken for one.
  std::string signature() const;
};

// The dialects of the programs.
void addDialects(mlir::DialectRegistry &registry);

// Parses, propagates, partitions, optimizes collectives, and compares on the interpreter: bit for bit where all ops are
// exact on integers.
Result runProgram(llvm::StringRef text, mlir::MLIRContext &context);

// The same in a child process, which may crash, hang or exhaust its memory.
Result runIsolated(llvm::StringRef text, mlir::MLIRContext &context);

// Runs cases [begin, end) in `jobs` processes; `report` is called in order of completion.
void runCases(int64_t begin, int64_t end, unsigned jobs, mlir::MLIRContext &context,
              llvm::function_ref<std::string(int64_t)> generateCase,
              llvm::function_ref<void(int64_t, const Result &)> report);

// A smaller program that fails with the same signature.
std::string shrink(std::string text, const Result &failure, mlir::MLIRContext &context);

// The mistakes that can be made on purpose, to test the fuzzer: in the factor rules of an op, or in what partition
// makes.
std::vector<std::string> mutationNames();
// Ops of the tp dialect whose rules no mutation breaks.
std::vector<std::string> opsWithoutMutation(mlir::MLIRContext &context);
// Beginnings of the names of ops whose programs show the mistake; none: any program may.
std::vector<std::string> mutationOps(llvm::StringRef name);
// From now on the compiler makes this mistake; none for the empty name.
void setMutation(llvm::StringRef name);

} // namespace tp::fuzz

#endif
