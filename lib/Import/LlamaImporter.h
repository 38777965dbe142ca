// The Llama family: Llama, Mistral, Qwen2, Qwen3 (pre-norm blocks, RMS norm, rotary positions, gated MLP).
#ifndef TP_LIB_IMPORT_LLAMAIMPORTER_H
#define TP_LIB_IMPORT_LLAMAIMPORTER_H

#include "tp/Checkpoint/Names.h"
#include "tp/Import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tp {

// A parameter as functions receive it.
struct Parameter {
  std::string name; // in the checkpoint
  mlir::RankedTensorType type;
};

class LlamaImporter {
public:
  LlamaImporter(mlir::MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options, int64_t maxSeq);

  // `rows`: tokens per call.
  void addLayer(int64_t rows);
  enum class Head { LastRow, AllRows };
  void addEntry(llvm::StringRef entry, int64_t rows, Head head);

  mlir::OwningOpRef<mlir::ModuleOp> take() { return std::move(module); }

private:
  mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element) const {
    return mlir::RankedTensorType::get(shape, element);
  }
  mlir::RankedTensorType indices(llvm::ArrayRef<int64_t> shape) const;
  // Weights of layer n, in the order of the layer function's arguments.
  llvm::SmallVector<Parameter> layerParameters(int64_t n) const;
  Parameter parameter(const std::string &name, llvm::ArrayRef<int64_t> shape) const;
  RotaryAttr rotary() const;
  std::string layerName(int64_t rows) const { return "layer_" + std::to_string(rows); }
  mlir::Value norm(mlir::Value x, mlir::Value weight);

  const Checkpoint &checkpoint;
  const ModelConfig &config;
  LlamaNames names;
  int64_t batch;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Type f32, weightType;
  mlir::RankedTensorType cacheType;
  bool tied;
};

} // namespace tp

#endif
