// The program as propagation sees it: nodes that have a sharding, and edges that relate nodes by a factor rule.
#ifndef TP_LIB_PROPAGATION_GRAPH_H
#define TP_LIB_PROPAGATION_GRAPH_H

#include "tp/Sharding/Sharding.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

#include <deque>

namespace tp {

// A value, or a result of a function seen from its callers. Parameters and states that the program treats alike (those
// of equal layers) are one node.
struct Node {
  mlir::RankedTensorType type;
  Sharding sharding;
  bool stated = false; // by the user: partial sums of it are the user's
  mlir::Operation *statedBy = nullptr;
  llvm::SmallVector<unsigned, 4> edges;
};

// Nodes whose dimensions share factors: an op, or the identity between a value and what it is passed to.
struct Edge {
  const ShardingRule &rule;             // the graph's
  llvm::SmallVector<unsigned, 4> nodes; // operands, then results
  unsigned operands = 0;
  mlir::Operation *op = nullptr;
  bool identity = false; // between a value and what it is passed to

  const TensorFactors &tensor(unsigned i) const { return i < operands ? rule.operands[i] : rule.results[i - operands]; }
};

class Graph {
public:
  // Builds the graph with the module's annotations, or reports what cannot be understood.
  static mlir::FailureOr<Graph> build(mlir::ModuleOp module);

  std::vector<Node> nodes;
  std::vector<Edge> edges;
  MeshAttr mesh;
  mlir::FlatSymbolRefAttr meshName;

  // An edge whose tensors have one sharding, dimension by dimension: it has nothing to pass on.
  bool agrees(const Edge &edge) const {
    return edge.identity && nodes[edge.nodes[0]].sharding.dims == nodes[edge.nodes[1]].sharding.dims;
  }

  // The node of a value, or of a function's result; -1 where it is no tensor.
  int nodeOf(mlir::Value value) const;
  int resultNode(mlir::func::FuncOp function, unsigned index) const;

private:
  llvm::DenseMap<mlir::Value, unsigned> values;
  llvm::DenseMap<std::pair<mlir::Operation *, unsigned>, unsigned> results;
  std::deque<ShardingRule> rules; // edges refer to them

  friend struct GraphBuilder;
};

} // namespace tp

#endif
