// What a package says of a planned program.
#ifndef TP_LIB_CONVERSION_DESCRIPTION_H
#define TP_LIB_CONVERSION_DESCRIPTION_H

#include "Layouts.h"
#include "tp/Conversion/CpuProgram.h"

namespace tp::cpu {

// The description of one value of a communicating op.
Collective describeCollective(mlir::Operation *op, unsigned value);
// Numbers collectives (`cpu.collective`), equal ones alike, and names entries' symbols (`cpu.symbol`).
void nameProgram(mlir::ModuleOp module);
// All of a CpuProgram but its code and features, after tp-plan-memory.
CpuProgram describeProgram(mlir::ModuleOp module);

} // namespace tp::cpu

#endif
