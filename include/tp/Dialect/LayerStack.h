// Stacked parameters and states, which hold the tensors of several layers along their dimension 0.
#ifndef TP_DIALECT_LAYERSTACK_H
#define TP_DIALECT_LAYERSTACK_H

#include "mlir/IR/Value.h"
#include <optional>
#include <string>

namespace tp {

// `blk.{4..29}.attn_q.weight`: of layers 4 to 29, in order.
struct LayerStack {
  std::string before, after;
  int64_t first = 0, count = 0;

  // Null for the name of a single tensor, which has no braces; and where what stands in braces is no range.
  static std::optional<LayerStack> parse(llvm::StringRef name);
  // The stack of `count` tensors whose first and last have these names; null where they differ in more than a number.
  static std::optional<LayerStack> between(llvm::StringRef first, llvm::StringRef last, int64_t count);

  // Of the tensor at `index` along dimension 0.
  std::string nameOf(int64_t index) const { return before + std::to_string(first + index) + after; }
  std::string str() const;
};

// Whether a loop over layers takes one layer's part of a stack here.
bool takesLayer(mlir::Operation *op);
// The stack that this is a part of, or itself.
mlir::Value stackOf(mlir::Value value);

} // namespace tp

#endif
