//===- HfConfig.cpp - config.json as a ModelConfig -----------------------------------------------------------===//
#include "Formats.h"
#include "Json.h"
#include "Text.h"
#include <algorithm>

using nlohmann::json;

namespace tp {

namespace checkpoint {
namespace {

/// What `transformers` assumes when a key is absent, where families differ.
struct Family {
  std::string_view name;
  int64_t kvHeads; ///< 0: as many as heads
  int64_t headDim; ///< 0: hidden / heads
  int64_t contextLength;
  bool qkvBias;          ///< q, k and v have a bias although attention_bias is not a key of the family
  int64_t slidingWindow; ///< 0: none
};

constexpr Family families[] = {
    {"llama", 0, 0, 2048, false, 0},
    {"mistral", 8, 0, 131072, false, 4096},
    {"qwen2", 32, 0, 32768, true, 0},
    {"qwen3", 32, 128, 32768, false, 0},
};

const Family *familyOf(std::string_view name) {
  auto it = std::ranges::find(families, name, &Family::name);
  return it == std::end(families) ? nullptr : it;
}

/// Llama-style dimensions: `family` is null for other families, whose keys may be named otherwise or be lists.
void readDimensions(const KeyReader &keys, const Family *family, const std::string &where, ModelConfig &model) {
  auto size = [&](const char *key, int64_t most) -> int64_t {
    if (family)
      return keys.needInteger(key, 1, most);
    const json *value = keys.find(key);
    return value && value->is_number_integer() ? keys.needInteger(key, 0, most) : 0;
  };
  model.vocabSize = size("vocab_size", maxVocab);
  model.hiddenSize = size("hidden_size", maxWidth);
  model.layers = size("num_hidden_layers", maxLayers);
  model.heads = size("num_attention_heads", maxHeads);
  model.intermediateSize = size("intermediate_size", maxVocab);
  model.kvHeads = model.heads;
  if (keys.has("num_key_value_heads"))
    model.kvHeads = size("num_key_value_heads", maxHeads);
  else if (family && family->kvHeads && !keys.isNull("num_key_value_heads"))
    model.kvHeads = family->kvHeads;
  model.contextLength =
      keys.integer("max_position_embeddings", 1, maxContext).value_or(family ? family->contextLength : 0);
  if (auto headDim = keys.integer("head_dim", 1, maxWidth)) {
    model.headDim = *headDim;
  } else if (family && family->headDim && !keys.isNull("head_dim")) {
    model.headDim = family->headDim;
  } else if (model.heads) {
    if (family && model.hiddenSize % model.heads)
      keys.wrong("hidden_size",
                 "a multiple of num_attention_heads, " + std::to_string(model.heads) + ", as there is no head_dim,");
    model.headDim = model.hiddenSize / model.heads;
  }
  if (family)
    checkHeads(model, where);
}

RopeScaling::Type scalingType(const std::string &name) {
  using Type = RopeScaling::Type;
  return name == "none"     ? Type::None
         : name == "linear" ? Type::Linear
         : name == "llama3" ? Type::Llama3
         : name == "yarn"   ? Type::Yarn
                            : Type::Other;
}

/// `keys` is the object that describes the scaling: rope_scaling, or rope_parameters in newer files.
void readScaling(const KeyReader &keys, ModelConfig &model) {
  RopeScaling &scaling = model.ropeScaling;
  auto name = keys.string("rope_type");
  scaling.name = name ? *name : keys.string("type").value_or("default");
  if (scaling.name == "default")
    scaling.name = "none";
  scaling.type = scalingType(scaling.name);
  if (scaling.type == RopeScaling::Type::None || scaling.type == RopeScaling::Type::Other)
    return;
  scaling.factor = keys.needPositive("factor");
  scaling.originalContext =
      keys.integer("original_max_position_embeddings", 1, maxContext).value_or(model.contextLength);
  if (scaling.type == RopeScaling::Type::Llama3) {
    scaling.lowFreqFactor = keys.needPositive("low_freq_factor");
    scaling.highFreqFactor = keys.needPositive("high_freq_factor");
    scaling.originalContext = keys.needInteger("original_max_position_embeddings", 1, maxContext);
    if (scaling.highFreqFactor <= scaling.lowFreqFactor)
      keys.wrong("high_freq_factor", "a number above low_freq_factor");
  }
  scaling.betaFast = keys.positive("beta_fast").value_or(32);
  scaling.betaSlow = keys.positive("beta_slow").value_or(1);
  scaling.attentionFactor = keys.positive("attention_factor").value_or(0);
}

void readRope(const json &config, const KeyReader &keys, const std::string &where, ModelConfig &model) {
  model.ropeBase = keys.positive("rope_theta").value_or(10000);
  double rotated = keys.positive("partial_rotary_factor").value_or(1);
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    const json *value = keys.find(key);
    if (!value)
      continue;
    if (!value->is_object())
      keys.wrong(key, "an object");
    // One set per kind of layer ("full_attention": {...}): for families that this reader does not know.
    bool perLayer = std::ranges::any_of(*value, [](const json &item) { return item.is_object(); });
    if (perLayer && !familyOf(model.architecture))
      continue;
    if (perLayer)
      keys.wrong(key, "one set of values for all layers");
    KeyReader inner(config[key], where + " (" + key + ")");
    model.ropeBase = inner.positive("rope_theta").value_or(model.ropeBase);
    rotated = inner.positive("partial_rotary_factor").value_or(rotated);
    readScaling(inner, model);
  }
  model.ropeDim = rotated < 1 ? int64_t(double(model.headDim) * rotated) : model.headDim;
  if (familyOf(model.architecture) && (model.ropeDim % 2 || model.ropeDim == 0))
    throw Error("expected an even number of rotary dimensions above 0, found " + std::to_string(model.ropeDim) +
                " (head size " + std::to_string(model.headDim) + ") in " + where);
}

} // namespace

void checkHeads(const ModelConfig &config, const std::string &where) {
  if (config.kvHeads < 1 || config.heads % config.kvHeads)
    throw Error("expected attention heads in equal groups, found " + std::to_string(config.heads) + " heads for " +
                std::to_string(config.kvHeads) + " key-value heads in " + where);
}

ModelConfig readHfConfig(const json &config, const std::string &where) {
  ModelConfig model;
  model.raw = config;
  KeyReader keys(model.raw, where);
  model.architecture = keys.needString("model_type");
  if (const json *names = keys.find("architectures"); names && names->is_array())
    for (const json &name : *names)
      if (name.is_string())
        model.architectures.push_back(name.get<std::string>());
  const Family *family = familyOf(model.architecture);
  readDimensions(keys, family, where, model);
  readRope(model.raw, keys, where, model);
  if (!family)
    return model;
  model.normEps = keys.positive("rms_norm_eps").value_or(1e-6);
  model.hiddenAct = keys.string("hidden_act").value_or("silu");
  model.tieEmbeddings = keys.boolean("tie_word_embeddings").value_or(false);
  model.attentionOutputBias = keys.boolean("attention_bias").value_or(false);
  model.attentionBias = family->qkvBias || model.attentionOutputBias;
  model.mlpBias = keys.boolean("mlp_bias").value_or(false);
  // The qwen families give a window but use it only when they say so, and then in some layers only.
  if (keys.boolean("use_sliding_window").value_or(false))
    keys.wrong("use_sliding_window", "false, as a window in some layers only is not supported");
  if (family->name == "mistral")
    model.slidingWindow = keys.integer("sliding_window", 1, maxContext)
                              .value_or(keys.isNull("sliding_window") ? 0 : family->slidingWindow);
  return model;
}

} // namespace checkpoint

bool isKnownFamily(std::string_view architecture) { return checkpoint::familyOf(architecture); }

} // namespace tp
