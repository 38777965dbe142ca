// T5: an encoder and a decoder, with learned biases of distances in place of positions. `encode` runs the encoder and
// leaves the keys and values that the decoder's layers see in it; `decode` is one step of the decoder.
//
// The stack of `encode` is the encoder's layers, then one for each layer of the decoder, which makes its keys and
// values; that of `decode` is the decoder's. A layer of the decoder has the same number in both.
#include "ModelImporter.h"

#include <cmath>

using namespace mlir;
using namespace tp;

namespace {

class T5Importer : public ModelImporter {
public:
  T5Importer(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
      : ModelImporter(context, checkpoint, options), more(config.encoderDecoder) {
    activation();
  }
  ImportedModel run() override;

private:
  SmallVector<Input> inputs(int64_t rows) const override;
  SmallVector<std::string> layerInputs(int64_t n) const override;
  SmallVector<State> layerStates(int64_t n) const override;
  SmallVector<Input> prepared(int64_t rows) const override;
  void prepare(Arguments &arguments, int64_t rows) override;
  SmallVector<Parameter> modelParameters() const override;
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  std::pair<int64_t, int64_t> stack() const override;
  std::string layerKind(int64_t n) const override;
  Value embed(const Arguments &arguments, int64_t rows) override {
    return embedding(arguments["tokens"], arguments["table"]);
  }
  Value layer(Value x, Arguments &arguments, int64_t n) override;
  Value head(Value x, const Arguments &arguments) override;
  StringRef outputName() const override { return decoding ? "logits" : "hidden"; }

  bool makesKeys(int64_t n) const { return !decoding && n >= config.layers; }
  void addAttention(SmallVector<Parameter> &to, const std::string &name, StringRef prefix, bool all) const;
  void addMlp(SmallVector<Parameter> &to, const std::string &name) const;
  // The keys or values of a decoder's layer in what the encoder gives, written into its state.
  Value keep(Value x, Value weight, Value state);

  const EncoderDecoderConfig &more;
  bool decoding = false;
};

} // namespace

ImportedModel T5Importer::run() {
  maxSeq = options.maxSeq ? options.maxSeq : std::min<int64_t>(config.contextLength, 2048);
  cacheType = tensor({batch, maxSeq, config.heads, config.headDim}, weightType);
  for (int64_t rows = 16; rows < maxSeq; rows *= 4)
    addEntry("encode", rows, Head::AllRows);
  addEntry("encode", maxSeq, Head::AllRows);
  decoding = true;
  addEntry("decode", 1, Head::LastRow);
  return {std::move(module), maxSeq, "encoder_decoder"};
}

std::pair<int64_t, int64_t> T5Importer::stack() const {
  return {decoding ? config.layers : 0, config.layers + more.decoderLayers};
}

std::string T5Importer::layerKind(int64_t n) const {
  return decoding ? "decoder" : makesKeys(n) ? "keys" : n + 1 == config.layers ? "encoder_last" : "encoder";
}

SmallVector<Input> T5Importer::inputs(int64_t) const {
  SmallVector<Input> result = {{"length", indices({batch})}};
  if (decoding)
    result.insert(result.begin(), {"position", indices({batch})});
  return result;
}

SmallVector<std::string> T5Importer::layerInputs(int64_t n) const {
  if (makesKeys(n))
    return {};
  return decoding ? SmallVector<std::string>{"position", "length", "bias"} : SmallVector<std::string>{"length", "bias"};
}

SmallVector<State> T5Importer::layerStates(int64_t n) const {
  if (decoding)
    return {{"k", cacheType}, {"v", cacheType}, {"cross_k", cacheType}, {"cross_v", cacheType}};
  return makesKeys(n) ? SmallVector<State>{{"cross_k", cacheType}, {"cross_v", cacheType}} : SmallVector<State>();
}

SmallVector<Input> T5Importer::prepared(int64_t rows) const {
  return {{"bias", tensor({batch, config.heads, rows, decoding ? maxSeq : rows}, f32)}};
}

void T5Importer::prepare(Arguments &a, int64_t rows) {
  a.add("bias", RelativeBiasOp::create(b, loc, prepared(rows).front().type, a["distances"], a["position"],
                                       b.getI64IntegerAttr(more.maxDistance), decoding ? UnitAttr() : b.getUnitAttr()));
}

SmallVector<Parameter> T5Importer::modelParameters() const {
  int64_t v = config.vocabSize, d = config.hiddenSize;
  std::string side = decoding ? "decoder" : "encoder";
  SmallVector<Parameter> result = {parameter("table", "shared.weight", {v, d}),
                                   parameter("distances",
                                             side + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                                             {more.buckets, config.heads})};
  if (decoding)
    result.push_back(parameter("final_norm", "decoder.final_layer_norm.weight", {d}));
  if (decoding && !config.tieEmbeddings)
    result.push_back(parameter("head", "lm_head.weight", {v, d}));
  return result;
}

void T5Importer::addAttention(SmallVector<Parameter> &to, const std::string &name, StringRef prefix, bool all) const {
  int64_t d = config.hiddenSize, inner = config.heads * config.headDim;
  auto add = [&](const char *key, const char *suffix, ArrayRef<int64_t> shape) {
    to.push_back(parameter((prefix + key).str(), name + "." + suffix + ".weight", shape));
  };
  add("wq", "q", {inner, d});
  if (all) {
    add("wk", "k", {inner, d});
    add("wv", "v", {inner, d});
  }
  add("wo", "o", {d, inner});
}

void T5Importer::addMlp(SmallVector<Parameter> &to, const std::string &name) const {
  int64_t d = config.hiddenSize, f = config.intermediateSize;
  if (more.gated)
    to.push_back(parameter("gate", name + ".wi_0.weight", {f, d}));
  to.push_back(parameter("up", name + (more.gated ? ".wi_1.weight" : ".wi.weight"), {f, d}));
  to.push_back(parameter("down", name + ".wo.weight", {d, f}));
}

SmallVector<Parameter> T5Importer::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, inner = config.heads * config.headDim;
  bool decoder = n >= config.layers;
  std::string start =
      (decoder ? "decoder.block." + std::to_string(n - config.layers) : "encoder.block." + std::to_string(n)) +
      ".layer.";
  SmallVector<Parameter> result;
  auto norm = [&](StringRef key, const std::string &name) {
    result.push_back(parameter(key, name + ".layer_norm.weight", {d}));
  };
  if (makesKeys(n)) {
    for (auto [key, suffix] : {std::pair("wk", "k"), std::pair("wv", "v")})
      result.push_back(parameter(key, start + "1.EncDecAttention." + suffix + ".weight", {inner, d}));
    return result;
  }
  norm("attn_norm", start + "0");
  addAttention(result, start + "0.SelfAttention", "", /*all=*/true);
  if (decoder) {
    norm("cross_norm", start + "1");
    addAttention(result, start + "1.EncDecAttention", "cross_", /*all=*/false);
  }
  norm("ffn_norm", start + (decoder ? "2" : "1"));
  addMlp(result, start + (decoder ? "2" : "1") + ".DenseReluDense");
  if (layerKind(n) == "encoder_last")
    result.push_back(parameter("last_norm", "encoder.final_layer_norm.weight", {d}));
  return result;
}

Value T5Importer::keep(Value x, Value weight, Value state) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rows = type.getDimSize(1);
  if (weightType != f32)
    x = arith::TruncFOp::create(b, loc, type.clone(weightType), x);
  Value y = LinearOp::create(b, loc, tensor({batch, rows, config.heads * config.headDim}, f32), x, weight, Value());
  y = tensor::ExpandShapeOp::create(b, loc, tensor({batch, rows, config.heads, config.headDim}, f32), y,
                                    SmallVector<ReassociationIndices>{{0}, {1}, {2, 3}});
  Value start = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(indices({batch}), b.getI32IntegerAttr(0)));
  return KvUpdateOp::create(b, loc, state.getType(), state, y, start);
}

Value T5Importer::layer(Value x, Arguments &a, int64_t n) {
  if (makesKeys(n)) {
    a.add("cross_k", keep(x, a["wk"], a["cross_k"]));
    a.add("cross_v", keep(x, a["wv"], a["cross_v"]));
    return x;
  }
  Value length = a["length"];
  if (decoding) // what the decoder has said itself has no padding
    a.add("length", Value());
  AttentionForm form;
  form.causal = decoding;
  x = add(x, attention(rmsNorm(x, a["attn_norm"]), a, form));
  if (decoding)
    x = add(x, CrossAttentionOp::create(b, loc, x.getType(), rmsNorm(x, a["cross_norm"]), a["cross_wq"], a["cross_wo"],
                                        a["cross_k"], a["cross_v"], length, b.getI64IntegerAttr(config.heads),
                                        b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.headDim),
                                        b.getF64FloatAttr(config.attentionScale)));
  x = add(x, mlp(rmsNorm(x, a["ffn_norm"]), a));
  return a["last_norm"] ? rmsNorm(x, a["last_norm"], f32) : x;
}

// A tied head reads smaller values.
Value T5Importer::head(Value x, const Arguments &a) {
  if (!decoding)
    return x;
  x = rmsNorm(x, a["final_norm"], f32);
  if (config.tieEmbeddings) {
    auto type = cast<RankedTensorType>(x.getType());
    auto factor = DenseElementsAttr::get(type, b.getF32FloatAttr(float(1 / std::sqrt(double(config.hiddenSize)))));
    x = arith::MulFOp::create(b, loc, x, arith::ConstantOp::create(b, loc, factor));
  }
  return logits(x, config.tieEmbeddings ? a["table"] : a["head"]);
}

std::unique_ptr<ModelImporter> tp::makeT5Importer(MLIRContext &context, const Checkpoint &checkpoint,
                                                  const ImportOptions &options) {
  return std::make_unique<T5Importer>(context, checkpoint, options);
}
