// Partitions one function: builds, behind it, what one device computes of it.
#ifndef TP_LIB_PARTITION_FUNCTIONPARTITIONER_H
#define TP_LIB_PARTITION_FUNCTIONPARTITIONER_H

#include "Choice.h"
#include "LocalOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tp {

// A global value as one device has it.
struct LocalValue {
  mlir::Value value;
  Sharding sharding;
  bool zeroPadded; // padding is known to be zero
};

// What all callers of a function pass, by argument.
struct CalledWith {
  llvm::BitVector zeroPadded; // padding is known to be zero
  llvm::BitVector weights;    // parameters
};

// What a collective is for: an op's operand, or its results (no operand).
struct Origin {
  mlir::Operation *op;
  std::optional<unsigned> operand = {};
  std::string text() const;
};

class FunctionPartitioner {
public:
  FunctionPartitioner(mlir::func::FuncOp function, MeshOp mesh, mlir::OpBuilder &builder,
                      llvm::DenseMap<mlir::Operation *, CalledWith> &calledWith, bool explain)
      : function(function), builder(builder),
        context{builder, mesh.getMesh(), mlir::FlatSymbolRefAttr::get(mesh.getSymNameAttr())}, calledWith(calledWith),
        explain(explain) {}

  // Builds the local function behind the global one, and returns it.
  mlir::FailureOr<mlir::func::FuncOp> run();

private:
  using Key = std::pair<mlir::Value, mlir::Attribute>;

  // Without axes of one device, which split nothing.
  const Sharding &read(ShardingAttr attribute);
  // Null, and an error, where there is none.
  const Sharding *shardingOf(mlir::Attribute attribute, const llvm::Twine &what);
  Sharding argSharding(unsigned i);
  mlir::FailureOr<mlir::FunctionType> localFunctionType();
  // The whole types, for the reader, the verifier and the package.
  void recordGlobalTypes(mlir::func::FuncOp local);
  // A parameter, here or in every caller.
  bool isWeight(mlir::Value value);
  // A number as a tensor without dimensions.
  static mlir::RankedTensorType tensorType(mlir::Value value);
  // The sharding that a value is to have, as propagation left it.
  Sharding annotated(mlir::Value value);
  // How each op with a rule is computed.
  void choose();
  static bool isTensor(mlir::Value value) { return mlir::isa<mlir::RankedTensorType>(value.getType()); }

  //===-- ops (Visit.cpp) --===//
  // Every device makes a constant of different elements whole, and takes its part.
  static bool isMadeWhole(mlir::Operation *op);
  mlir::LogicalResult visit(mlir::Operation *op);
  // An op on numbers alone runs on every device.
  mlir::LogicalResult visitNumber(mlir::Operation *op);
  mlir::LogicalResult visitLoop(mlir::scf::ForOp loop, mlir::ArrayAttr shardings);
  mlir::LogicalResult visitRuled(const Decision &decision, mlir::ArrayAttr shardings);
  // Records a computed value, brought to the sharding that it is to have.
  void define(mlir::Value global, mlir::Value local, Sharding computed, ShardingAttr wanted, bool zero);
  // An op without a rule runs whole on every device.
  mlir::LogicalResult visitUnruled(mlir::Operation *op, mlir::ArrayAttr shardings);
  mlir::LogicalResult visitConstraint(mlir::Operation *op);
  mlir::LogicalResult visitCall(mlir::func::CallOp call);
  mlir::LogicalResult visitReturn(mlir::Operation *op);

  //===-- values (InSharding.cpp) --===//
  // `value` in the sharding `to`; made once for all its uses.
  mlir::Value inSharding(mlir::Value value, const Sharding &to, Origin origin);
  // By collectives.
  mlir::Value reshard(const LocalValue &have, mlir::RankedTensorType type, const Sharding &to, Origin origin);
  // How an op that only places elements (a reshape, a transpose, a repetition) is done so that its result is `to`.
  std::optional<Assignment> placedSo(mlir::Operation *op, const Sharding &to);
  // The bytes that bring a value to a sharding, itself or what it is made of.
  double bytesTo(mlir::Value value, const Sharding &to);
  double sourceBytes(mlir::Value value, const Sharding &to);
  // The value in the sharding `to`, made again from what it is made of, where that moves fewer bytes: keys and values
  // are gathered before they are repeated. Else null.
  mlir::Value moveSource(mlir::Value value, const Sharding &to, Origin origin);
  // What was made again elsewhere may have no use left.
  void eraseReplaced();
  // On the collectives behind `before`: what could have been done instead.
  void noteAlternatives(mlir::Operation *before);
  // The ways to compute an op whose operands disagree, with the bytes that each moves.
  mlir::Attribute alternativesOf(const Decision &decision);
  // For a value that is stated to be a sum over `axes`, and is not. (The maximum of equal values is the value.)
  mlir::Value asPartial(mlir::Value value, const Sharding &to, llvm::ArrayRef<mlir::StringAttr> axes,
                        mlir::Location loc);
  // A value that a device makes by itself, in another sharding.
  mlir::Value make(mlir::Value value, const Sharding &sharding);

  //===-- sums (Sums.cpp) --===//
  // Padding must not reach a sum: in each product, an operand that holds the factor must have zeros there. (Where zeros
  // would not do, the op's body looks where it is: rule.shifts.)
  void maskPaddedReductions(mlir::Operation *op, const ShardingRule &rule, const Assignment &assignment,
                            llvm::SmallVector<mlir::Value> &operands);
  void maskTerm(mlir::Operation *op, const ShardingRule &rule, const Assignment &assignment,
                llvm::ArrayRef<unsigned> term, unsigned factor, llvm::SmallVector<mlir::Value> &operands);
  // What is whole while the result is a partial sum (a bias, the start of a reduction) is added on one device.
  void addOnce(mlir::Operation *op, const ShardingRule &rule, const Assignment &assignment,
               llvm::SmallVector<mlir::Value> &operands);
  static bool isZero(mlir::Value value);
  // The result's padding is zero: zeros in the operands' give it, or there is none.
  bool keepsZeros(mlir::Operation *op, const ShardingRule &rule, const Assignment &assignment);

  mlir::func::FuncOp function;
  mlir::OpBuilder &builder;
  LocalContext context;
  llvm::DenseMap<mlir::Operation *, CalledWith> &calledWith;
  llvm::DenseMap<mlir::Value, LocalValue> values;
  llvm::DenseMap<mlir::Attribute, std::unique_ptr<Sharding>> known; // what read() made
  bool explain;
  mlir::Attribute alternatives;   // of the op that is being visited
  std::deque<Decision> decisions; // large, and never moved
  llvm::DenseMap<mlir::Operation *, unsigned> decisionOf;
  mlir::IRMapping numbers; // values that are no tensors
  llvm::DenseMap<Key, mlir::Value> resharded;
  llvm::SmallVector<mlir::Value> replaced; // values that were made again in another sharding
};

} // namespace tp

#endif
