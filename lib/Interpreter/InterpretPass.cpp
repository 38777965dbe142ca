// --tp-interpret: runs a function and prints what it returns, a line per rank and result.
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Interpreter.h"
#include "tp/Interpreter/Passes.h"

#include "llvm/Support/Format.h"
#include <cmath>

namespace tp {
#define GEN_PASS_DEF_INTERPRET
#include "tp/Interpreter/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

// Prints elements [begin, ...) of a tensor from dimension `dim` on, in nested brackets.
static void printElements(raw_ostream &os, const Tensor &tensor, unsigned dim, int64_t &next) {
  if (dim == tensor.rank()) {
    // Without the sign of a zero or a NaN.
    double value = tensor.at(next++);
    if (std::isnan(value))
      os << "nan";
    else if (tensor.isFloat())
      os << llvm::format("%.4g", value == 0 ? 0.0 : value);
    else
      os << static_cast<int64_t>(value);
    return;
  }
  os << "[";
  for (int64_t i = 0; i < tensor.dim(dim); ++i) {
    if (i > 0)
      os << ", ";
    printElements(os, tensor, dim + 1, next);
  }
  os << "]";
}

namespace {
struct InterpretPass : tp::impl::InterpretBase<InterpretPass> {
  using InterpretBase::InterpretBase;
  void runOnOperation() override;
};
} // namespace

// The pattern that arguments are filled with.
static RankValue patternOf(Type type, int64_t ranks) {
  RankValue value;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Tensor &tensor = value.emplace_back(zerosOf(type));
    if (!tensor)
      return value;
    for (int64_t i = 0, n = tensor.size(); i < n; ++i)
      if (tensor.isFloat())
        tensor.writeFloats()[i] = roundTo(tensor.kind(), 100.0f * rank + i);
      else
        tensor.writeInts()[i] = wrapTo(tensor.kind(), 100 * rank + i);
  }
  return value;
}

void InterpretPass::runOnOperation() {
  Interpreter interpreter(getOperation());
  SmallVector<RankValue> arguments;
  if (auto target = getOperation().lookupSymbol<FunctionOpInterface>(function))
    for (Type type : target.getArgumentTypes())
      arguments.push_back(patternOf(type, interpreter.ranks()));
  FailureOr<SmallVector<RankValue>> results = interpreter.run(StringRef(function), arguments);
  if (failed(results))
    return signalPassFailure();
  for (auto [i, result] : llvm::enumerate(*results))
    for (auto [rank, tensor] : llvm::enumerate(result)) {
      if (interpreter.mesh())
        llvm::outs() << "rank " << rank << ": ";
      llvm::outs() << "result " << i << " = ";
      int64_t next = 0;
      printElements(llvm::outs(), tensor, 0, next);
      llvm::outs() << "\n";
    }
  if (collectives)
    printCollectives(llvm::outs(), interpreter.collectives());
}
