// The Llama family: Llama, Mistral, Qwen2, Qwen3 (pre-norm blocks, RMS norm, rotary positions, gated MLP), and with a
// mixture of experts Mixtral and Qwen3-MoE.
#ifndef TP_LIB_IMPORT_LLAMAIMPORTER_H
#define TP_LIB_IMPORT_LLAMAIMPORTER_H

#include "ModelImporter.h"
#include "tp/Checkpoint/Names.h"

namespace tp {

class LlamaImporter : public ModelImporter {
public:
  LlamaImporter(mlir::MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);

protected:
  llvm::SmallVector<Parameter> modelParameters() const override;
  llvm::SmallVector<Parameter> layerParameters(int64_t n) const override;
  std::string layerKind(int64_t n) const override;
  mlir::Value embed(const Arguments &arguments, int64_t rows) override {
    return embedding(arguments["tokens"], arguments["table"]);
  }
  // Norms of what attention and MLP give, before they are added, where there are weights for them.
  mlir::Value layer(mlir::Value x, Arguments &arguments, int64_t n) override;
  mlir::Value head(mlir::Value x, const Arguments &arguments) override;

  // The norm of a name in the checkpoint, which may hold another value than the factor.
  virtual Parameter norm(llvm::StringRef key, const std::string &name, int64_t size) const {
    return parameter(key, name, {size});
  }
  // The norm before the MLP.
  virtual std::string ffnNormName(int64_t n) const { return names.ffnNorm(n); }
  virtual bool hasHeadNorms() const { return config.architecture.starts_with("qwen3"); }

  LlamaNames names;

private:
  RotaryAttr rotary(int64_t n) const;
  bool rotatesLocally(int64_t n) const; // with a base of its own
  double scoreFactor(int64_t n) const;
  bool tied;
};

} // namespace tp

#endif
