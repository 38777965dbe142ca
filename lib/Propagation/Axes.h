// Propagation of axes along factors, as far as the dimensions are open.
#ifndef TP_LIB_PROPAGATION_AXES_H
#define TP_LIB_PROPAGATION_AXES_H

#include "Graph.h"

#include "tp/Partition/Assignment.h"

#include "llvm/ADT/BitVector.h"

#include <map>
#include <set>

namespace tp {

// A dimension of a node is to be split so.
struct Proposal {
  unsigned node, dim;
  Split split;
};

class AxisPropagation {
public:
  // The shardings that nodes had before they changed.
  using Changes = llvm::MapVector<unsigned, Sharding>;

  AxisPropagation(Graph &graph, bool reverse) : graph(graph), reverse(reverse) {}

  // From the stated shardings to a fixpoint. Inputs of the program that several ops read and that nobody stated come
  // last, and are split only where that moves no more bytes: a device takes its part of a whole input for nothing.
  void run();

  // Applies one proposal more, and from there to a fixpoint, or until more than `limit` nodes changed. Says what it
  // changed.
  Changes follow(const Proposal &proposal, size_t limit = ~size_t(0));

  // What the tensors of an edge have.
  OpShardings shardingsOf(const Edge &edge) const;

  // What the ops do at least.
  OpCost leastCostOf(llvm::ArrayRef<unsigned> edges) const;

private:
  using Slot = std::pair<unsigned, unsigned>; // a node's dimension

  void holdInputs();
  void decideInputs();
  void fixpoint(std::vector<unsigned> dirty, size_t limit = ~size_t(0));
  bool passesOn(unsigned edge) const;
  FactorSplits factorAxes(const Edge &edge) const;
  void resolveSharedAxes(const Edge &edge, FactorSplits &splits) const;
  int readers(unsigned node) const;
  void propose(unsigned index, bool withReductions, std::vector<std::pair<unsigned, Proposal>> &proposals) const;
  bool apply(const Proposal &proposal);

  Graph &graph;
  bool reverse;
  int64_t level = 0;
  Changes changes;                // of the present fixpoint
  llvm::BitVector held;           // nodes that are not split
  std::map<Slot, Split> proposed; // to held nodes
};

} // namespace tp

#endif
