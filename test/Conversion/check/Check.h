// Runs the entries of a compiled local program (no communication), one after the other, on random inputs, and compares
// the outputs of every rank with the interpreter's. Attributes of an input in the file:
//   tp.low, tp.high: bounds of an integer input; default 0, 0
#ifndef TP_TEST_CONVERSION_CHECK_H
#define TP_TEST_CONVERSION_CHECK_H

#include "tp/Conversion/CpuProgram.h"
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>

namespace tp::check {

struct Aligned {
  explicit Aligned(size_t bytes) : data(static_cast<char *>(std::aligned_alloc(256, (bytes + 511) / 256 * 256))) {
    std::memset(data, 0, bytes + 1);
  }
  ~Aligned() { std::free(data); }
  char *data;
};

// What an entry runs on.
struct Memory {
  char *weights, *state, *arena;
  int64_t rank;
  int threads;
};
using Runner = std::function<void(const cpu::Entry &, const Memory &)>;
// What an entry is called with and must give: the arena with its inputs, and its outputs in their order.
using Observer = std::function<void(const cpu::Entry &, int64_t rank, const char *arena, llvm::ArrayRef<RankValue>)>;

class Check {
public:
  Check(mlir::ModuleOp module, const cpu::CpuProgram &program, Runner runner, std::vector<int> threadCounts,
        double tolerance, Observer observer = {})
      : module(module), program(program), runner(std::move(runner)), threadCounts(std::move(threadCounts)),
        tolerance(tolerance), observer(std::move(observer)), interpreter(module) {}
  // Number of mismatches.
  int run();
  const char *weightBytes() const { return weights->data; } // all of them, when it has run

private:
  RankValue makeInput(mlir::func::FuncOp function, unsigned i);
  int runEntry(mlir::func::FuncOp function, const cpu::Entry &entry, llvm::ArrayRef<RankValue> expected);
  int runThreads(const cpu::Entry &entry, int64_t rank, int threads, llvm::ArrayRef<RankValue> expected);
  int compare(const cpu::Entry &entry, const cpu::Slot &slot, const char *arena, const Tensor &expected, int64_t rank,
              int threads);

  mlir::ModuleOp module;
  const cpu::CpuProgram &program;
  Runner runner;
  std::vector<int> threadCounts;
  double tolerance;
  Observer observer;
  Interpreter interpreter;
  std::mt19937 random{7};
  std::map<std::string, RankValue> parameters, states, inputs;
  std::map<std::string, Tensor> outputs;
  std::map<std::pair<int64_t, int>, std::unique_ptr<Aligned>> stateMemory;
  std::unique_ptr<Aligned> weights;
};

} // namespace tp::check

#endif
