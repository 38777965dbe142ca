#include "tp/Dialect/LayerStack.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace tp;

std::optional<LayerStack> LayerStack::parse(llvm::StringRef name) {
  auto [before, rest] = name.split('{');
  auto [range, after] = rest.split('}');
  auto [first, last] = range.split("..");
  unsigned from = 0, to = 0;
  if (!name.contains('}') || after.contains('{') || first.getAsInteger(10, from) || last.getAsInteger(10, to) ||
      to < from)
    return std::nullopt;
  return LayerStack{before.str(), after.str(), from, int64_t(to) - from + 1};
}

std::optional<LayerStack> LayerStack::between(llvm::StringRef first, llvm::StringRef last, int64_t count) {
  for (size_t i = first.find_first_of("0123456789"), end; i != llvm::StringRef::npos;
       i = first.find_first_of("0123456789", end)) {
    end = std::min(first.find_first_not_of("0123456789", i), first.size());
    unsigned number = 0;
    if (first.slice(i, end).getAsInteger(10, number))
      continue;
    LayerStack stack{first.take_front(i).str(), first.drop_front(end).str(), number, count};
    if (stack.nameOf(0) == first && stack.nameOf(count - 1) == last)
      return stack;
  }
  return std::nullopt;
}

std::string LayerStack::str() const {
  return before + "{" + std::to_string(first) + ".." + std::to_string(first + count - 1) + "}" + after;
}

bool tp::takesLayer(mlir::Operation *op) {
  return mlir::isa<mlir::tensor::ExtractSliceOp>(op) && mlir::isa<mlir::scf::ForOp>(op->getParentOp());
}

mlir::Value tp::stackOf(mlir::Value value) {
  while (auto slice = value.getDefiningOp<mlir::tensor::ExtractSliceOp>())
    value = slice.getSource();
  return value;
}
