// The steps of propagation on a graph.
#ifndef TP_LIB_PROPAGATION_PROPAGATE_H
#define TP_LIB_PROPAGATION_PROPAGATE_H

#include "Axes.h"

namespace tp {

// Makes tp.embedding of lookups in linalg.
void raiseLookups(mlir::ModuleOp module);
// Makes two reductions of a search for the largest element and its number in linalg.
void raiseSearches(mlir::ModuleOp module);
// Makes two reductions of a softmax in linalg.
void raiseSoftmaxes(mlir::ModuleOp module);
// Makes one op of a repetition and the reshape behind it.
void raiseRepeats(mlir::ModuleOp module);
// On a mesh of several axes: writes linalg ops on the dimensions that reshapes before them merged.
mlir::LogicalResult separateDimensions(mlir::ModuleOp module, MeshAttr mesh);
// Gives each user of a value made of constants a copy of its own.
void separateConstants(mlir::ModuleOp module);
// Splits the weights of blocks that no annotation reached, where that saves more than it moves.
void completeBlocks(Graph &graph, AxisPropagation &axes);
// Splits results that nobody stated as what they are computed from came in, where that moves less than a whole sum.
void scatterResults(Graph &graph, AxisPropagation &axes);
// Infers units and repeats along the axes.
void propagateGrains(Graph &graph);
// Marks the values that stay partial sums.
void propagatePartials(Graph &graph);

} // namespace tp

#endif
