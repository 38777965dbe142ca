// Compares a partitioned program with the whole program on random inputs: the proof that a partition is right.
#ifndef TP_INTERPRETER_VERIFYPARTITION_H
#define TP_INTERPRETER_VERIFYPARTITION_H

#include "tp/Interpreter/Interpreter.h"

namespace tp {

struct VerifyOptions {
  uint64_t seed = 1;
  // Elements a and b agree if |a - b| <= tolerance * (root mean square of the whole value + |b|). Values are not
  // rounded to bf16 or f16, so that a wrong split does not hide behind roundings; integers agree exactly.
  double tolerance = 1e-4;
  // Inputs are small integers, and floats below 2^22 must agree exactly too: for programs whose ops are exact on
  // integers.
  bool integers = false;
  // Calls of each function, in each entry, whose inner values are compared. All calls run, and what they return is
  // compared.
  int64_t maxCalls = 2;
};

// What was compared, for reports.
struct VerifyReport {
  struct Entry {
    std::string function;
    int64_t values = 0;    // inner values and results that were compared
    double worstError = 0; // largest |a - b| / (root mean square + |b|)
    std::vector<CollectiveStatistics> collectives;
  };
  std::vector<Entry> entries;
};

// `global` is the whole program after --tp-propagate-shardings, `local` what --tp-partition made of (a clone of) it:
// ops of both carry tp.value, and local ops tp.shardings, the layout of what they compute. Runs each function with
// tp.entry (or, where no function has it, each public one) in both programs. Weights (tp.parameter) of one name are the
// same in all entries. Emits an error at the first op whose values differ.
mlir::LogicalResult verifyPartition(mlir::ModuleOp global, mlir::ModuleOp local, const VerifyOptions &options = {},
                                    VerifyReport *report = nullptr);

} // namespace tp

#endif
