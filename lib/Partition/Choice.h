// How each op of a function is computed, chosen for all of them together.
#ifndef TP_LIB_PARTITION_CHOICE_H
#define TP_LIB_PARTITION_CHOICE_H

#include "tp/Partition/Assignment.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <deque>

namespace tp {

// What the choice has to know of an op: its rule, and the shardings that its operands and results have.
struct Decision {
  mlir::Operation *op;
  ShardingRule rule;
  OpShardings present;
  std::vector<Assignment> possible = {};
  size_t chosen = 0;
};

// Chooses `chosen` of all decisions for the fewest bytes. A value that is brought to a sharding for one op is there for
// the others, so the ops that read a value choose together.
void chooseTogether(std::deque<Decision> &decisions, MeshAttr mesh);

// Each device makes its part by itself: a fill, an empty tensor, a constant of equal elements.
bool isMadeAnywhere(mlir::Value value);

// The op has one result, whose elements are its first operand's, in other places or repeated.
bool placesElements(mlir::Operation *op);

} // namespace tp

#endif
