// The steps of propagation on a graph.
#ifndef TP_LIB_PROPAGATION_PROPAGATE_H
#define TP_LIB_PROPAGATION_PROPAGATE_H

#include "Graph.h"

namespace tp {

// Gives each user of a value made of constants a copy of its own.
void separateConstants(mlir::ModuleOp module);
// Completes the axes of all open dimensions.
void propagateAxes(Graph &graph, bool reverse);
// Infers units and repeats along the axes.
void propagateGrains(Graph &graph);
// Marks the values that stay partial sums.
void propagatePartials(Graph &graph);

} // namespace tp

#endif
