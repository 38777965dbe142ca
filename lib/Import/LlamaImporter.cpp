#include "LlamaImporter.h"

#include <cmath>

using namespace mlir;
using namespace tp;

LlamaImporter::LlamaImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
    : ModelImporter(context, checkpoint, options), names(checkpoint.format(), config.architecture) {
  auto type = config.ropeScaling.type;
  if (type == RopeScaling::Type::Factors || type == RopeScaling::Type::Other)
    fail("rotary scaling '" + config.ropeScaling.name + "' is not supported; expected none, linear, llama3 or yarn");
  if (type == RopeScaling::Type::Yarn && config.ropeDim != config.headDim)
    fail("expected whole heads to rotate with rotary scaling 'yarn', found " + std::to_string(config.ropeDim) + " of " +
         std::to_string(config.headDim) + " elements");
  activation();
  tied = checkpoint.hasWeights() ? checkpoint.find(names.head()) == nullptr : config.tieEmbeddings;
}

SmallVector<Parameter> LlamaImporter::modelParameters() const {
  int64_t v = config.vocabSize, d = config.hiddenSize;
  SmallVector<Parameter> result = {parameter("table", names.embedding(), {v, d}),
                                   norm("final_norm", names.finalNorm(), d)};
  if (!tied)
    result.push_back(parameter("head", names.head(), {v, d}));
  return result;
}

SmallVector<Parameter> LlamaImporter::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, q = config.heads * config.headDim, kv = config.kvHeads * config.headDim,
          f = config.intermediateSize, x = config.experts.count;
  SmallVector<Parameter> result;
  auto add = [&](StringRef key, const std::string &name, ArrayRef<int64_t> shape, bool present = true) {
    if (present)
      result.push_back(parameter(key, name, shape));
  };
  auto bias = LlamaNames::biasOf;
  result.push_back(norm("attn_norm", names.attnNorm(n), d));
  add("wq", names.q(n), {q, d});
  add("wk", names.k(n), {kv, d});
  add("wv", names.v(n), {kv, d});
  add("wo", names.o(n), {d, q});
  result.push_back(norm("ffn_norm", ffnNormName(n), d));
  if (x) {
    f = config.experts.intermediateSize;
    add("router", names.router(n), {x, d});
    add("gate", names.expertGate(n), {x, f, d});
    add("up", names.expertUp(n), {x, f, d});
    add("down", names.expertDown(n), {x, d, f});
  } else {
    add("gate", names.gate(n), {f, d});
    add("up", names.up(n), {f, d});
    add("down", names.down(n), {d, f});
  }
  add("bq", bias(names.q(n)), {q}, config.attentionBias);
  add("bk", bias(names.k(n)), {kv}, config.attentionBias);
  add("bv", bias(names.v(n)), {kv}, config.attentionBias);
  add("bo", bias(names.o(n)), {d}, config.attentionOutputBias);
  add("gate_bias", bias(names.gate(n)), {f}, config.mlpBias);
  add("up_bias", bias(names.up(n)), {f}, config.mlpBias);
  add("down_bias", bias(names.down(n)), {d}, config.mlpBias);
  if (hasHeadNorms())
    result.append({norm("q_norm", names.qNorm(n), config.headDim), norm("k_norm", names.kNorm(n), config.headDim)});
  return result;
}

// Where only some layers have a window, those are of a kind of their own.
std::string LlamaImporter::layerKind(int64_t n) const {
  return !config.slidingLayers.empty() && config.windowOf(n) > 0 ? "window" : "";
}

bool LlamaImporter::rotatesLocally(int64_t n) const { return config.localRopeBase > 0 && config.windowOf(n) > 0; }

RotaryAttr LlamaImporter::rotary(int64_t n) const {
  bool local = rotatesLocally(n), yarn = config.ropeScaling.type == RopeScaling::Type::Yarn;
  RopeScaling scaling = local ? RopeScaling() : config.ropeScaling;
  StringRef name = scaling.type == RopeScaling::Type::Linear   ? "linear"
                   : scaling.type == RopeScaling::Type::Llama3 ? "llama3"
                   : scaling.type == RopeScaling::Type::Yarn   ? "yarn"
                                                               : "";
  int64_t dim = config.ropeDim == config.headDim ? 0 : config.ropeDim;
  return RotaryAttr::get(f32.getContext(), APFloat(local ? config.localRopeBase : config.ropeBase), dim,
                         config.ropeInterleaved, StringAttr::get(f32.getContext(), name), APFloat(scaling.factor),
                         APFloat(yarn ? scaling.betaSlow : scaling.lowFreqFactor),
                         APFloat(yarn ? scaling.betaFast : scaling.highFreqFactor), scaling.originalContext);
}

// YaRN stretches queries and keys alike.
double LlamaImporter::scoreFactor(int64_t n) const {
  const RopeScaling &scaling = config.ropeScaling;
  if (scaling.type != RopeScaling::Type::Yarn || rotatesLocally(n))
    return 1;
  double each = scaling.attentionFactor ? scaling.attentionFactor
                : scaling.factor > 1    ? 0.1 * std::log(scaling.factor) + 1
                                        : 1;
  return each * each;
}

Value LlamaImporter::layer(Value x, Arguments &a, int64_t n) {
  auto normed = [&](Value y, StringRef key) { return a[key] ? rmsNorm(y, a[key], f32) : y; };
  AttentionForm form{/*causal=*/true, rotary(n), config.windowOf(n), scoreFactor(n)};
  Value attended = normed(attention(rmsNorm(x, a["attn_norm"]), a, form), "post_attn_norm");
  Value middle = add(x, attended);
  return add(middle, normed(mlp(rmsNorm(middle, a["ffn_norm"]), a), "post_ffn_norm"));
}

Value LlamaImporter::head(Value x, const Arguments &a) {
  return logits(rmsNorm(x, a["final_norm"]), tied ? a["table"] : a["head"]);
}

std::unique_ptr<ModelImporter> tp::makeLlamaImporter(MLIRContext &context, const Checkpoint &checkpoint,
                                                     const ImportOptions &options) {
  return std::make_unique<LlamaImporter>(context, checkpoint, options);
}
