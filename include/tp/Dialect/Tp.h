// The tp dialect: attributes, interfaces and ops.
#ifndef TP_DIALECT_TP_H
#define TP_DIALECT_TP_H

#include "tp/Sharding/ShardingRule.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "tp/Dialect/TpDialect.h.inc"
#include "tp/Dialect/TpEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "tp/Dialect/TpAttrs.h.inc"
#include "tp/Dialect/TpInterfaces.h.inc"

namespace tp {
// Syntax of enumerations as bare keywords, for the ops' assembly formats.
mlir::ParseResult parseActivationKind(mlir::OpAsmParser &parser, ActivationKindAttr &kind);
void printActivationKind(mlir::OpAsmPrinter &printer, mlir::Operation *op, ActivationKindAttr kind);
mlir::ParseResult parseReduceKind(mlir::OpAsmParser &parser, ReduceKindAttr &kind);
void printReduceKind(mlir::OpAsmPrinter &printer, mlir::Operation *op, ReduceKindAttr kind);
} // namespace tp

#define GET_OP_CLASSES
#include "tp/Dialect/TpOps.h.inc"

namespace tp {

// Names of the dialect's discardable attributes (see the dialect's documentation).
inline constexpr llvm::StringLiteral kSharding = "tp.sharding";
inline constexpr llvm::StringLiteral kShardings = "tp.shardings";
inline constexpr llvm::StringLiteral kParameter = "tp.parameter";
inline constexpr llvm::StringLiteral kInput = "tp.input";
inline constexpr llvm::StringLiteral kOutput = "tp.output";
inline constexpr llvm::StringLiteral kState = "tp.state";
inline constexpr llvm::StringLiteral kEntry = "tp.entry";
inline constexpr llvm::StringLiteral kValue = "tp.value";
inline constexpr llvm::StringLiteral kPartitioned = "tp.partitioned";
// On a collective, where asked for: an array of dictionaries `operands` (shardings), `bytes`, and `chosen` for one.
inline constexpr llvm::StringLiteral kAlternatives = "tp.alternatives";
// Of a collective: one half of the rows, which runs beside what computes the other; why it was halved or not.
inline constexpr llvm::StringLiteral kOverlapped = "tp.overlapped";
inline constexpr llvm::StringLiteral kOverlap = "tp.overlap";
inline constexpr llvm::StringLiteral kGlobalType = "tp.global_type";

// The mesh a symbol names, as seen from `from`; null if there is none.
MeshAttr lookupMesh(mlir::Operation *from, mlir::FlatSymbolRefAttr mesh);

} // namespace tp

#endif
