// Mistakes made on purpose, which the fuzzer must find.
#ifndef TP_LIB_FUZZ_MUTATIONS_H
#define TP_LIB_FUZZ_MUTATIONS_H

#include "mlir/IR/BuiltinOps.h"

namespace tp::fuzz {

// Makes the present mutation's mistake in a partitioned program, if it is one of partitioned programs.
void mutate(mlir::ModuleOp local);

} // namespace tp::fuzz

#endif
