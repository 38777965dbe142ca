// The three steps of propagation on a graph.
#ifndef TP_LIB_PROPAGATION_PROPAGATE_H
#define TP_LIB_PROPAGATION_PROPAGATE_H

#include "Graph.h"

namespace tp {

// Completes the axes of all open dimensions.
void propagateAxes(Graph &graph, bool reverse);
// Infers units and repeats along the axes.
void propagateGrains(Graph &graph);
// Marks the values that stay partial sums.
void propagatePartials(Graph &graph);

} // namespace tp

#endif
