// Gemma 1, 2 and 3: Llama's blocks with a scaled embedding and norms that store their factor less 1; from 2 on with
// norms behind attention and MLP, bent scores and windows in some layers; 3 has norms of heads and a rotation for each
// kind of layer.
#include "LlamaImporter.h"

using namespace mlir;
using namespace tp;

namespace {

class GemmaImporter : public LlamaImporter {
public:
  using LlamaImporter::LlamaImporter;

private:
  bool gguf() const { return checkpoint.format() == "gguf"; }
  // GGUF holds the factor itself.
  Parameter norm(StringRef key, const std::string &name, int64_t size) const override {
    return parameter(key, gguf() ? name : name + "+1", {size});
  }
  bool hasHeadNorms() const override { return StringRef(config.architecture).starts_with("gemma3"); }
  bool hasPostNorms() const { return config.architecture != "gemma"; }
  std::string hfNorm(int64_t n, const char *name) const {
    return "model.layers." + std::to_string(n) + "." + name + "_layernorm.weight";
  }
  std::string ffnNormName(int64_t n) const override {
    return hasPostNorms() && !gguf() ? hfNorm(n, "pre_feedforward") : names.ffnNorm(n);
  }
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  Value embed(const Arguments &arguments, int64_t rows) override;
};

} // namespace

SmallVector<Parameter> GemmaImporter::layerParameters(int64_t n) const {
  SmallVector<Parameter> result = LlamaImporter::layerParameters(n);
  if (!hasPostNorms())
    return result;
  std::string blk = "blk." + std::to_string(n) + ".";
  result.push_back(norm("post_attn_norm", gguf() ? blk + "post_attention_norm.weight" : hfNorm(n, "post_attention"),
                        config.hiddenSize));
  result.push_back(
      norm("post_ffn_norm", gguf() ? blk + "post_ffw_norm.weight" : hfNorm(n, "post_feedforward"), config.hiddenSize));
  return result;
}

// The table itself is not scaled: it may be the head too.
Value GemmaImporter::embed(const Arguments &a, int64_t rows) {
  Value x = LlamaImporter::embed(a, rows);
  auto type = cast<RankedTensorType>(x.getType());
  auto factor = DenseElementsAttr::get(type, b.getF32FloatAttr(std::sqrt(float(config.hiddenSize))));
  return arith::MulFOp::create(b, loc, x, arith::ConstantOp::create(b, loc, factor));
}

std::unique_ptr<ModelImporter> tp::makeGemmaImporter(MLIRContext &context, const Checkpoint &checkpoint,
                                                     const ImportOptions &options) {
  return std::make_unique<GemmaImporter>(context, checkpoint, options);
}
