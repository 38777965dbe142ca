// GPT-2: learned positions, pre-norm blocks with LayerNorm, biases everywhere, one weight for queries, keys and values.
#include "ModelImporter.h"

using namespace mlir;
using namespace tp;

namespace {

class Gpt2Importer : public ModelImporter {
public:
  Gpt2Importer(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);

private:
  SmallVector<Input> inputs(int64_t rows) const override {
    return {{"position", indices({batch})}, {"positions", indices({batch, rows})}};
  }
  int64_t positionLimit() const override { return config.contextLength; }
  SmallVector<Parameter> modelParameters() const override;
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  Value embed(const Arguments &arguments, int64_t rows) override;
  Value layer(Value x, Arguments &arguments, int64_t n) override;
  Value head(Value x, const Arguments &arguments) override;

  std::string name(const char *inGguf, const std::string &inHuggingFace) const {
    return gguf ? inGguf : prefix + inHuggingFace;
  }

  bool gguf, tied;
  std::string prefix; // the checkpoint's own has none, one that a language model saved has
};

} // namespace

Gpt2Importer::Gpt2Importer(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
    : ModelImporter(context, checkpoint, options), gguf(checkpoint.format() == "gguf") {
  activation();
  prefix = checkpoint.find("wte.weight") ? "" : "transformer.";
  tied = gguf ? !checkpoint.find("output.weight") : config.tieEmbeddings;
}

SmallVector<Parameter> Gpt2Importer::modelParameters() const {
  int64_t v = config.vocabSize, d = config.hiddenSize;
  SmallVector<Parameter> result = {
      parameter("table", name("token_embd.weight", "wte.weight"), {v, d}),
      parameter("position_table", name("position_embd.weight", "wpe.weight"), {config.contextLength, d}),
      parameter("norm", name("output_norm.weight", "ln_f.weight"), {d}),
      parameter("norm_bias", name("output_norm.bias", "ln_f.bias"), {d})};
  if (!tied)
    result.push_back(parameter("head", gguf ? "output.weight" : "lm_head.weight", {v, d}));
  return result;
}

SmallVector<Parameter> Gpt2Importer::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, f = config.intermediateSize;
  std::string start = gguf ? "blk." + std::to_string(n) + "." : prefix + "h." + std::to_string(n) + ".";
  // Hugging Face stores matrices [in, out].
  std::string weight = gguf ? ".weight" : ".weight.T";
  SmallVector<Parameter> result;
  auto add = [&](const Twine &key, StringRef inGguf, StringRef inHuggingFace, const std::string &what,
                 ArrayRef<int64_t> shape) {
    result.push_back(parameter(key.str(), start + (gguf ? inGguf : inHuggingFace).str() + what, shape));
  };
  auto addNorm = [&](const std::string &key, StringRef inGguf, StringRef inHuggingFace) {
    add(key, inGguf, inHuggingFace, ".weight", {d});
    add(key + "_bias", inGguf, inHuggingFace, ".bias", {d});
  };
  addNorm("attn_norm", "attn_norm", "ln_1");
  int64_t first = 0;
  for (StringRef key : {"q", "k", "v"}) {
    std::string rows = ("[" + Twine(first) + ":" + Twine(first + d) + "]").str();
    add("w" + key, "attn_qkv", "attn.c_attn", weight + rows, {d, d});
    add("b" + key, "attn_qkv", "attn.c_attn", ".bias" + rows, {d});
    first += d;
  }
  add("wo", "attn_output", "attn.c_proj", weight, {d, d});
  add("bo", "attn_output", "attn.c_proj", ".bias", {d});
  addNorm("ffn_norm", "ffn_norm", "ln_2");
  add("up", "ffn_up", "mlp.c_fc", weight, {f, d});
  add("up_bias", "ffn_up", "mlp.c_fc", ".bias", {f});
  add("down", "ffn_down", "mlp.c_proj", weight, {d, f});
  add("down_bias", "ffn_down", "mlp.c_proj", ".bias", {d});
  return result;
}

Value Gpt2Importer::embed(const Arguments &a, int64_t rows) {
  return add(embedding(a["tokens"], a["table"]), embedding(a["positions"], a["position_table"]));
}

Value Gpt2Importer::layer(Value x, Arguments &a, int64_t n) {
  Value middle = add(x, attention(layerNorm(x, a["attn_norm"], a["attn_norm_bias"]), a, {.causal = true}));
  return add(middle, mlp(layerNorm(middle, a["ffn_norm"], a["ffn_norm_bias"]), a));
}

Value Gpt2Importer::head(Value x, const Arguments &a) {
  return logits(layerNorm(x, a["norm"], a["norm_bias"]), tied ? a["table"] : a["head"]);
}

std::unique_ptr<ModelImporter> tp::makeGpt2Importer(MLIRContext &context, const Checkpoint &checkpoint,
                                                    const ImportOptions &options) {
  return std::make_unique<Gpt2Importer>(context, checkpoint, options);
}
