// BERT: an encoder. Embeddings of tokens, positions and token types are summed and normed; blocks norm their sums.
#include "ModelImporter.h"

using namespace mlir;
using namespace tp;

namespace {

class BertImporter : public ModelImporter {
public:
  BertImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);
  ImportedModel run() override;

private:
  SmallVector<Input> inputs(int64_t rows) const override;
  SmallVector<std::string> layerInputs() const override { return {"length"}; }
  SmallVector<State> layerStates() const override { return {}; }
  SmallVector<Parameter> modelParameters() const override;
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  Value embed(const Arguments &arguments, int64_t rows) override;
  Value layer(Value x, Arguments &arguments, int64_t n) override;
  Value head(Value x, const Arguments &) override { return x; }
  StringRef outputName() const override { return "hidden"; }
  // The sums that are normed are the stream: f32.
  Value norm(Value x, const Arguments &arguments, StringRef key);

  bool gguf;
  std::string prefix;               // an encoder saved by itself has none
  std::string normWeight, normBias; // suffixes; gamma and beta in old checkpoints
};

} // namespace

BertImporter::BertImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
    : ModelImporter(context, checkpoint, options), gguf(checkpoint.format() == "gguf") {
  activation();
  prefix = checkpoint.find("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  bool old = checkpoint.find(prefix + "embeddings.LayerNorm.gamma");
  normWeight = old ? ".gamma" : ".weight";
  normBias = old ? ".beta" : ".bias";
}

// Entries for short, middle and the longest prompts: all rows of an entry are computed.
ImportedModel BertImporter::run() {
  int64_t limit = config.contextLength;
  if (options.maxSeq > limit)
    fail("--max-seq " + std::to_string(options.maxSeq) + " is above the " + std::to_string(limit) +
         " positions that the model has learned");
  maxSeq = options.maxSeq ? options.maxSeq : limit;
  for (int64_t rows = 16; rows < maxSeq; rows *= 4)
    addEntry("encode", rows, Head::AllRows);
  addEntry("encode", maxSeq, Head::AllRows);
  return {std::move(module), maxSeq, "encoder"};
}

SmallVector<Input> BertImporter::inputs(int64_t rows) const {
  return {{"positions", indices({batch, rows})}, {"token_types", indices({batch, rows})}, {"length", indices({batch})}};
}

SmallVector<Parameter> BertImporter::modelParameters() const {
  int64_t d = config.hiddenSize;
  auto name = [&](const char *inGguf, const std::string &inHuggingFace) {
    return gguf ? std::string(inGguf) : prefix + "embeddings." + inHuggingFace;
  };
  return {parameter("table", name("token_embd.weight", "word_embeddings.weight"), {config.vocabSize, d}),
          parameter("position_table", name("position_embd.weight", "position_embeddings.weight"),
                    {config.contextLength, d}),
          parameter("type_table", name("token_types.weight", "token_type_embeddings.weight"), {config.tokenTypes, d}),
          parameter("norm", name("token_embd_norm.weight", "LayerNorm" + normWeight), {d}),
          parameter("norm_bias", name("token_embd_norm.bias", "LayerNorm" + normBias), {d})};
}

SmallVector<Parameter> BertImporter::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, f = config.intermediateSize;
  std::string start = gguf ? "blk." + std::to_string(n) + "." : prefix + "encoder.layer." + std::to_string(n) + ".";
  SmallVector<Parameter> result;
  auto add = [&](StringRef weightKey, StringRef biasKey, StringRef inGguf, StringRef inHuggingFace,
                 ArrayRef<int64_t> shape) {
    std::string name = start + (gguf ? inGguf : inHuggingFace).str();
    bool isNorm = shape.size() == 1;
    result.push_back(parameter(weightKey, name + (isNorm ? normWeight : ".weight"), shape));
    result.push_back(parameter(biasKey, name + (isNorm ? normBias : ".bias"), shape.front()));
  };
  add("wq", "bq", "attn_q", "attention.self.query", {d, d});
  add("wk", "bk", "attn_k", "attention.self.key", {d, d});
  add("wv", "bv", "attn_v", "attention.self.value", {d, d});
  add("wo", "bo", "attn_output", "attention.output.dense", {d, d});
  add("attn_norm", "attn_norm_bias", "attn_output_norm", "attention.output.LayerNorm", {d});
  add("up", "up_bias", "ffn_up", "intermediate.dense", {f, d});
  add("down", "down_bias", "ffn_down", "output.dense", {d, f});
  add("ffn_norm", "ffn_norm_bias", "layer_output_norm", "output.LayerNorm", {d});
  return result;
}

Value BertImporter::norm(Value x, const Arguments &a, StringRef key) {
  return layerNorm(x, a[key], a[(key + "_bias").str()], f32);
}

Value BertImporter::embed(const Arguments &a, int64_t rows) {
  Value places = add(embedding(a["positions"], a["position_table"]), embedding(a["token_types"], a["type_table"]));
  return norm(add(embedding(a["tokens"], a["table"]), places), a, "norm");
}

Value BertImporter::layer(Value x, Arguments &a, int64_t n) {
  Value middle = norm(add(x, attention(x, a, {})), a, "attn_norm");
  return norm(add(middle, mlp(middle, a)), a, "ffn_norm");
}

std::unique_ptr<ModelImporter> tp::makeBertImporter(MLIRContext &context, const Checkpoint &checkpoint,
                                                    const ImportOptions &options) {
  return std::make_unique<BertImporter>(context, checkpoint, options);
}
