// Where the values of a function live in its frame, a part of the arena.
#ifndef TP_LIB_CPUDIRECT_FRAME_H
#define TP_LIB_CPUDIRECT_FRAME_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace tp::cpu {

struct FramePlan {
  llvm::DenseMap<mlir::Value, int64_t> offsets;         // values with a place of their own, bytes
  llvm::DenseMap<mlir::Operation *, int64_t> callees;   // calls: where the callee's frame lies
  llvm::DenseMap<mlir::Value, mlir::Value> rootOf;      // views and states: the value whose memory they are
  int64_t bytes = 0;

  mlir::Value root(mlir::Value value) const {
    for (auto it = rootOf.find(value); it != rootOf.end(); it = rootOf.find(value))
      value = it->second;
    return value;
  }
};

// `calleeBytes`: frames of functions already planned. Values that `external` holds (results that the caller placed) get no place.
FramePlan planFrame(mlir::func::FuncOp function, const std::map<std::string, int64_t> &calleeBytes, const llvm::DenseSet<mlir::Value> &external);

// The argument whose memory a result is (an updated state), or -1.
int64_t aliasedArgument(mlir::func::FuncOp function, unsigned result);

inline int64_t alignUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }
int64_t byteSize(mlir::Type type);

} // namespace tp::cpu

#endif
