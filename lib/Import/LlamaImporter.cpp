// The Llama family: Llama, Mistral, Qwen2, Qwen3 (pre-norm blocks, RMS norm, rotary positions, gated MLP).
#include "ModelImporter.h"
#include "tp/Checkpoint/Names.h"

using namespace mlir;
using namespace tp;

namespace {

class LlamaImporter : public ModelImporter {
public:
  LlamaImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);

private:
  SmallVector<Parameter> modelParameters() const override;
  SmallVector<Parameter> layerParameters(int64_t n) const override;
  Value embed(const Arguments &arguments, int64_t rows) override {
    return embedding(arguments["tokens"], arguments["table"]);
  }
  Value layer(Value x, Arguments &arguments, int64_t n) override;
  Value head(Value x, const Arguments &arguments) override;

  RotaryAttr rotary() const;
  AttentionOp attention(Value x, const Arguments &arguments);

  LlamaNames names;
  bool tied;
};

} // namespace

LlamaImporter::LlamaImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
    : ModelImporter(context, checkpoint, options), names(checkpoint.format()) {
  auto type = config.ropeScaling.type;
  if (type != RopeScaling::Type::None && type != RopeScaling::Type::Linear && type != RopeScaling::Type::Llama3)
    fail("rotary scaling '" + config.ropeScaling.name + "' is not supported; expected none, linear or llama3");
  activation();
  tied = checkpoint.hasWeights() ? checkpoint.find(names.head()) == nullptr : config.tieEmbeddings;
}

SmallVector<Parameter> LlamaImporter::modelParameters() const {
  int64_t v = config.vocabSize, d = config.hiddenSize;
  SmallVector<Parameter> result = {parameter("table", names.embedding(), {v, d}),
                                   parameter("final_norm", names.finalNorm(), {d})};
  if (!tied)
    result.push_back(parameter("head", names.head(), {v, d}));
  return result;
}

SmallVector<Parameter> LlamaImporter::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, q = config.heads * config.headDim, kv = config.kvHeads * config.headDim,
          f = config.intermediateSize;
  SmallVector<Parameter> result;
  auto add = [&](StringRef key, const std::string &name, ArrayRef<int64_t> shape, bool present = true) {
    if (present)
      result.push_back(parameter(key, name, shape));
  };
  auto bias = LlamaNames::biasOf;
  add("attn_norm", names.attnNorm(n), {d});
  add("wq", names.q(n), {q, d});
  add("wk", names.k(n), {kv, d});
  add("wv", names.v(n), {kv, d});
  add("wo", names.o(n), {d, q});
  add("ffn_norm", names.ffnNorm(n), {d});
  add("gate", names.gate(n), {f, d});
  add("up", names.up(n), {f, d});
  add("down", names.down(n), {d, f});
  add("bq", bias(names.q(n)), {q}, config.attentionBias);
  add("bk", bias(names.k(n)), {kv}, config.attentionBias);
  add("bv", bias(names.v(n)), {kv}, config.attentionBias);
  add("bo", bias(names.o(n)), {d}, config.attentionOutputBias);
  add("gate_bias", bias(names.gate(n)), {f}, config.mlpBias);
  add("up_bias", bias(names.up(n)), {f}, config.mlpBias);
  add("down_bias", bias(names.down(n)), {d}, config.mlpBias);
  add("q_norm", names.qNorm(n), {config.headDim}, config.architecture == "qwen3");
  add("k_norm", names.kNorm(n), {config.headDim}, config.architecture == "qwen3");
  return result;
}

RotaryAttr LlamaImporter::rotary() const {
  const RopeScaling &scaling = config.ropeScaling;
  StringRef name = scaling.type == RopeScaling::Type::Linear   ? "linear"
                   : scaling.type == RopeScaling::Type::Llama3 ? "llama3"
                                                               : "";
  int64_t dim = config.ropeDim == config.headDim ? 0 : config.ropeDim;
  return RotaryAttr::get(f32.getContext(), APFloat(config.ropeBase), dim, config.ropeInterleaved,
                         StringAttr::get(f32.getContext(), name), APFloat(scaling.factor),
                         APFloat(scaling.lowFreqFactor), APFloat(scaling.highFreqFactor), scaling.originalContext);
}

AttentionOp LlamaImporter::attention(Value x, const Arguments &a) {
  RankedTensorType type = cast<RankedTensorType>(x.getType()).clone(f32);
  return AttentionOp::create(b, loc, TypeRange{type, cacheType, cacheType}, x, a["wq"], a["wk"], a["wv"], a["wo"],
                             a["bq"], a["bk"], a["bv"], a["bo"], a["q_norm"], a["k_norm"], a["k"], a["v"],
                             a["position"], b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.kvHeads),
                             b.getI64IntegerAttr(config.headDim), rotary(), b.getUnitAttr(),
                             b.getI64IntegerAttr(config.slidingWindow), FloatAttr(), b.getF64FloatAttr(config.normEps));
}

Value LlamaImporter::layer(Value x, Arguments &a, int64_t n) {
  AttentionOp attended = attention(rmsNorm(x, a["attn_norm"]), a);
  a.add("k", attended.getCaches()[0]);
  a.add("v", attended.getCaches()[1]);
  Value middle = add(x, attended.getResult());
  return add(middle, MlpOp::create(b, loc, x.getType(), rmsNorm(middle, a["ffn_norm"]), a["gate"], a["up"], a["down"],
                                   a["gate_bias"], a["up_bias"], a["down_bias"], activation()));
}

Value LlamaImporter::head(Value x, const Arguments &a) {
  auto shape = cast<RankedTensorType>(x.getType()).getShape();
  return LogitsOp::create(b, loc, tensor({shape[0], shape[1], config.vocabSize}, f32), rmsNorm(x, a["final_norm"]),
                          tied ? a["table"] : a["head"]);
}

std::unique_ptr<ModelImporter> tp::makeLlamaImporter(MLIRContext &context, const Checkpoint &checkpoint,
                                                     const ImportOptions &options) {
  return std::make_unique<LlamaImporter>(context, checkpoint, options);
}
