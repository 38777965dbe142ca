// How values lie in memory, and the attributes by which the passes of this folder hand on what they decided.
#ifndef TP_LIB_CONVERSION_LAYOUTS_H
#define TP_LIB_CONVERSION_LAYOUTS_H

#include "tp/Dialect/Tp.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace tp::cpu {

// See Passes.td.
inline constexpr llvm::StringLiteral kKernel = "tp.kernel";
inline constexpr llvm::StringLiteral kKind = "cpu.kind";
inline constexpr llvm::StringLiteral kLayout = "cpu.layout";
inline constexpr llvm::StringLiteral kAlias = "cpu.alias";
inline constexpr llvm::StringLiteral kOffset = "cpu.offset";
inline constexpr llvm::StringLiteral kPlaces = "cpu.places";
inline constexpr llvm::StringLiteral kWithin = "cpu.within";
inline constexpr llvm::StringLiteral kFrame = "cpu.frame";
inline constexpr llvm::StringLiteral kFrameAt = "cpu.frame_at";
inline constexpr llvm::StringLiteral kSymbol = "cpu.symbol"; // entry: what the shared object exports
inline constexpr llvm::StringLiteral kCollective =
    "cpu.collective"; // collective: of each value, its index in the table
inline constexpr llvm::StringLiteral kArenaBytes = "cpu.arena_bytes";
inline constexpr llvm::StringLiteral kStateBytes = "cpu.state_bytes";
inline constexpr llvm::StringLiteral kWeightBytes = "cpu.weight_bytes";
inline constexpr int64_t kPlaceAlias = -1000000;

inline constexpr int64_t kLanes = 16;    // elements of a vector, rows of a weight panel, keys of a key panel
inline constexpr int64_t kKeyBlock = 64; // caches are padded to a multiple of this many positions
inline constexpr int64_t kAlign = 64;    // bytes
inline constexpr int64_t kGemvRows = 4;  // GPU: linears of more rows are GEMMs of a library
// Activations that the library computes behind a GEMM.
inline bool isGemmActivation(ActivationKind kind) {
  return kind == ActivationKind::Relu || kind == ActivationKind::GeluTanh;
}

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

// The physical type of a value. With n = 16 lanes and, for bf16, columns in pairs:
//   panel  [.., N, K]    f32 [N/n][K][n]            bf16 [N/n][K/2][n*2]
//   keys   [B, T, H, E]  f32 [B][H][T/n][E][n]      bf16 [B][H][T/n][E/2][n*2]
//   values [B, T, H, E]  f32 [B][H][T][E]           bf16 [B][H][T/2][E*2], element e of position t at [t/2][2e + t%2]
// [.., N, K] is seen as one matrix of all rows. N, the last E and pairs are rounded up, T to a multiple of kKeyBlock.
// What is added is zero.
mlir::MemRefType physicalType(mlir::RankedTensorType type, llvm::StringRef layout);
int64_t bytesOf(mlir::MemRefType type);

// Layout of an argument or result of a function; "plain" where none is given.
llvm::StringRef argLayout(mlir::func::FuncOp function, unsigned index);
llvm::StringRef resultLayout(mlir::func::FuncOp function, unsigned index);
// Argument that holds a result of a function, if it is an updated state.
std::optional<unsigned> aliasOf(mlir::func::FuncOp function, unsigned result);

inline bool isEntry(mlir::func::FuncOp function) { return function->hasAttr(kEntry); }
inline bool isKernel(mlir::func::FuncOp function) { return function->hasAttr(kKernel); }
mlir::func::FuncOp calleeOf(mlir::func::CallOp call);
inline llvm::StringRef kindOf(mlir::func::FuncOp function, unsigned index) {
  auto kind = function.getArgAttrOfType<mlir::StringAttr>(index, kKind);
  return kind ? kind.getValue() : "";
}

// An entry's input of this name, an argument's number.
std::optional<unsigned> inputNamed(mlir::func::FuncOp entry, llvm::StringRef name);
// Rows of an entry: dimension 1 of its input `tokens`; 1 where it has none.
int64_t entryRows(mlir::func::FuncOp entry);

// Name of the function on memory that replaces one on tensors.
inline std::string loweredName(mlir::func::FuncOp function) { return (function.getName() + "_in_memory").str(); }

// Marks slices and concatenations that are copied by kernels.
inline constexpr llvm::StringLiteral kCopied = "tp.copied";

// A view costs nothing: the same memory under another shape, or (GPU) a part of it.
inline bool isView(mlir::Operation *op) {
  return mlir::isa<mlir::tensor::ExpandShapeOp, mlir::tensor::CollapseShapeOp, mlir::tensor::ExtractSliceOp>(op) &&
         !op->hasAttr(kCopied);
}
// The one dimension that a slice cuts (0 where it cuts none); nothing where it is of another kind.
std::optional<int64_t> cutDimension(mlir::tensor::ExtractSliceOp slice);
// Bytes before the part that a view shows; nothing where the part is not one piece.
std::optional<int64_t> viewOffset(mlir::Operation *view);
// A join costs nothing (GPU): its operands are made where it lies, one behind the other.
inline bool isJoin(mlir::Operation *op) { return mlir::isa<mlir::tensor::ConcatOp>(op) && !op->hasAttr(kCopied); }
// Whether the operands of a join can be made there: each by an op of its own, and all dimensions before the joined 1.
bool canJoin(mlir::Operation *op);
inline bool isCollective(mlir::Operation *op) {
  return mlir::isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, PermuteOp>(op);
}
// The matrix of a product, or matrices [X, N, K] of several.
inline bool readsPanels(mlir::OpOperand &operand) {
  mlir::Operation *op = operand.getOwner();
  bool experts = mlir::isa<ExpertUpOp, ExpertDownOp>(op) && operand.getOperandNumber() >= 2;
  return experts || (mlir::isa<LinearOp>(op) && operand.getOperandNumber() == 1);
}
// Every element of the result depends on the same element of the operands.
bool isElementwise(mlir::Operation *op);
bool isSplat(mlir::Operation *op);

} // namespace tp::cpu

#endif
