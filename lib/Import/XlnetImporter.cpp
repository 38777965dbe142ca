// XLNet as an encoder: its content stream, without memory. Blocks norm their sums; places are distances.
#include "ModelImporter.h"

using namespace mlir;
using namespace tp;

namespace {

class XlnetImporter : public ModelImporter {
public:
  XlnetImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
      : ModelImporter(context, checkpoint, options) {
    activation();
    prefix = checkpoint.find("word_embedding.weight") ? "" : "transformer.";
  }
  ImportedModel run() override;

private:
  SmallVector<Input> inputs(int64_t rows) const override {
    return {{"token_types", indices({batch, rows})}, {"length", indices({batch})}};
  }
  SmallVector<std::string> layerInputs() const override { return {"token_types", "length"}; }
  SmallVector<State> layerStates() const override { return {}; }
  SmallVector<Parameter> modelParameters() const override {
    return {parameter("table", prefix + "word_embedding.weight", {config.vocabSize, config.hiddenSize})};
  }
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  Value embed(const Arguments &a, int64_t) override { return embedding(a["tokens"], a["table"]); }
  Value layer(Value x, Arguments &a, int64_t n) override;
  Value head(Value x, const Arguments &) override { return x; }
  StringRef outputName() const override { return "hidden"; }

  std::string prefix; // an encoder saved by itself has none
};

} // namespace

// Entries for short, middle and the longest prompts: all rows of an entry are computed.
ImportedModel XlnetImporter::run() {
  maxSeq = options.maxSeq ? options.maxSeq : std::min<int64_t>(config.contextLength, 2048);
  for (int64_t rows = 16; rows < maxSeq; rows *= 4)
    addEntry("encode", rows, Head::AllRows);
  addEntry("encode", maxSeq, Head::AllRows);
  return {std::move(module), maxSeq, "encoder"};
}

// Projections are stored as [D, heads, head size], that of the output too.
SmallVector<Parameter> XlnetImporter::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, inner = config.heads * config.headDim, f = config.intermediateSize;
  std::string start = prefix + "layer." + std::to_string(n) + ".", attention = start + "rel_attn.";
  SmallVector<Parameter> result;
  auto add = [&](StringRef key, const std::string &name, ArrayRef<int64_t> shape) {
    result.push_back(parameter(key, name, shape));
  };
  for (const char *key : {"q", "k", "v", "r"})
    add((Twine("w") + key).str(), attention + key + ".M.T", {inner, d});
  add("wo", attention + "o.M", {d, inner});
  add("content_bias", attention + "r_w_bias.V", {inner});
  add("position_bias", attention + "r_r_bias.V", {inner});
  add("segment_bias", attention + "r_s_bias.V", {inner});
  add("segments", attention + "seg_embed.M", {2, inner});
  add("attn_norm", attention + "layer_norm.weight", {d});
  add("attn_norm_bias", attention + "layer_norm.bias", {d});
  add("up", start + "ff.layer_1.weight", {f, d});
  add("up_bias", start + "ff.layer_1.bias", {f});
  add("down", start + "ff.layer_2.weight", {d, f});
  add("down_bias", start + "ff.layer_2.bias", {d});
  add("ffn_norm", start + "ff.layer_norm.weight", {d});
  add("ffn_norm_bias", start + "ff.layer_norm.bias", {d});
  return result;
}

Value XlnetImporter::layer(Value x, Arguments &a, int64_t) {
  auto attention = TwoStreamAttentionOp::create(
      b, loc, TypeRange{x.getType()}, x, Value(), a["token_types"], a["wq"], a["wk"], a["wv"], a["wr"], a["wo"],
      a["content_bias"], a["position_bias"], a["segment_bias"], a["segments"], Value(), a["length"],
      b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.headDim));
  // The sums that are normed are the stream: f32.
  Value middle = layerNorm(add(x, attention.getResults()[0]), a["attn_norm"], a["attn_norm_bias"], f32);
  return layerNorm(add(middle, mlp(middle, a)), a["ffn_norm"], a["ffn_norm_bias"], f32);
}

std::unique_ptr<ModelImporter> tp::makeXlnetImporter(MLIRContext &context, const Checkpoint &checkpoint,
                                                     const ImportOptions &options) {
  return std::make_unique<XlnetImporter>(context, checkpoint, options);
}
