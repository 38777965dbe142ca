//===- HfConfig.cpp - config.json as a ModelConfig -----------------------------------------------------------===//
#include "Formats.h"
#include "Json.h"
#include "Text.h"
#include <algorithm>
#include <cmath>
#include <span>

using nlohmann::json;

namespace tp {

namespace checkpoint {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

constexpr Names gpt2Names[] = {
    {"hidden_size", "n_embd"},
    {"num_hidden_layers", "n_layer"},
    {"num_attention_heads", "n_head"},
    {"intermediate_size", "n_inner"},
    {"max_position_embeddings", "n_positions"},
    {"hidden_act", "activation_function"},
    {"rms_norm_eps", "layer_norm_epsilon"},
};
constexpr Names bertNames[] = {{"rms_norm_eps", "layer_norm_eps"}};
constexpr Names gemmaNames[] = {{"hidden_act", "hidden_activation"}};

constexpr Names xlnetNames[] = {
    {"hidden_size", "d_model"},       {"num_hidden_layers", "n_layer"},   {"num_attention_heads", "n_head"},
    {"intermediate_size", "d_inner"}, {"rms_norm_eps", "layer_norm_eps"}, {"hidden_act", "ff_activation"},
    {"head_dim", "d_head"},
};
constexpr Names t5Names[] = {
    {"hidden_size", "d_model"},
    {"num_hidden_layers", "num_layers"},
    {"num_attention_heads", "num_heads"},
    {"intermediate_size", "d_ff"},
    {"head_dim", "d_kv"},
    {"rms_norm_eps", "layer_norm_epsilon"},
    {"max_position_embeddings", "n_positions"},
};

/// What `transformers` assumes when a key is absent, where families differ.
struct Family {
  std::string_view name;
  int64_t contextLength;
  int64_t kvHeads = 0;        ///< 0: as many as heads
  int64_t headDim = 0;        ///< 0: hidden / heads
  bool qkvBias = false;       ///< q, k and v have a bias although attention_bias is not a key of the family
  int64_t slidingWindow = 0;  ///< 0: none
  int64_t slidingPattern = 0; ///< each n-th layer has no window; 0: all layers are alike
  double ropeBase = 10000;
  double normEps = 1e-6;
  std::string_view act = "silu";
  bool tied = false;
  bool biases = false; ///< every projection has one
  bool rotary = true;
  std::span<const Names> names = {};
};

constexpr Family families[] = {
    {.name = "llama", .contextLength = 2048},
    {.name = "mistral", .contextLength = 131072, .kvHeads = 8, .slidingWindow = 4096},
    {.name = "mixtral", .contextLength = 131072, .kvHeads = 8},
    {.name = "qwen2", .contextLength = 32768, .kvHeads = 32, .qkvBias = true},
    {.name = "qwen3", .contextLength = 32768, .kvHeads = 32, .headDim = 128},
    {.name = "qwen3_moe", .contextLength = 32768, .kvHeads = 4},
    {.name = "gemma",
     .contextLength = 8192,
     .kvHeads = 16,
     .headDim = 256,
     .act = "gelu_pytorch_tanh",
     .tied = true,
     .names = gemmaNames},
    {.name = "gemma2",
     .contextLength = 8192,
     .kvHeads = 4,
     .headDim = 256,
     .slidingWindow = 4096,
     .slidingPattern = 2,
     .act = "gelu_pytorch_tanh",
     .tied = true,
     .names = gemmaNames},
    {.name = "gemma3_text",
     .contextLength = 131072,
     .kvHeads = 4,
     .headDim = 256,
     .slidingWindow = 4096,
     .slidingPattern = 6,
     .ropeBase = 1e6,
     .act = "gelu_pytorch_tanh",
     .tied = true,
     .names = gemmaNames},
    {.name = "gpt2",
     .contextLength = 1024,
     .normEps = 1e-5,
     .act = "gelu_new",
     .tied = true,
     .biases = true,
     .rotary = false,
     .names = gpt2Names},
    {.name = "bert",
     .contextLength = 512,
     .normEps = 1e-12,
     .act = "gelu",
     .tied = true,
     .biases = true,
     .rotary = false,
     .names = bertNames},
    {.name = "xlnet", .contextLength = 512, .normEps = 1e-12, .act = "gelu", .rotary = false, .names = xlnetNames},
    {.name = "t5", .contextLength = 512, .headDim = 64, .act = "relu", .tied = true, .rotary = false, .names = t5Names},
    {.name = "mt5", .contextLength = 512, .headDim = 64, .act = "gated-gelu", .rotary = false, .names = t5Names},
};

const Family *familyOf(std::string_view name) {
  // GGUF calls Gemma 3 so; Hugging Face means a model of images and text by it (see readHfConfig).
  if (name == "gemma3")
    name = "gemma3_text";
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
  // GPT-2's may be left to the hidden size.
  bool derived = family && family->name == "gpt2" && !keys.has("intermediate_size");
  model.intermediateSize = derived ? 4 * model.hiddenSize : size("intermediate_size", maxVocab);
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

/// The families with experts name the same things differently.
void readExperts(const KeyReader &keys, std::string_view family, ModelConfig &model) {
  bool mixtral = family == "mixtral";
  if (!mixtral && family != "qwen3_moe")
    return;
  ExpertConfig &experts = model.experts;
  experts.count = keys.integer(mixtral ? "num_local_experts" : "num_experts", 1, maxHeads).value_or(mixtral ? 8 : 128);
  experts.perToken = keys.integer("num_experts_per_tok", 1, experts.count).value_or(mixtral ? 2 : 8);
  experts.intermediateSize =
      mixtral ? model.intermediateSize : keys.integer("moe_intermediate_size", 1, maxVocab).value_or(768);
  experts.normalised = mixtral || keys.boolean("norm_topk_prob").value_or(false);
  if (keys.integer("decoder_sparse_step", 1, maxLayers).value_or(1) != 1)
    keys.wrong("decoder_sparse_step", "1, as experts in some layers only are not supported");
  if (const json *dense = keys.find("mlp_only_layers"); dense && !dense->empty())
    keys.wrong("mlp_only_layers", "an empty list, as experts in some layers only are not supported");
}

void readEncoderDecoder(const KeyReader &keys, std::string_view act, ModelConfig &model) {
  EncoderDecoderConfig &more = model.encoderDecoder;
  more.decoderLayers = keys.integer("num_decoder_layers", 1, maxLayers).value_or(model.layers);
  more.buckets = keys.integer("relative_attention_num_buckets", 4, maxWidth).value_or(32);
  more.maxDistance = keys.integer("relative_attention_max_distance", 2, maxContext).value_or(128);
  if (more.buckets % 4 || more.maxDistance <= more.buckets / 2)
    keys.wrong("relative_attention_num_buckets", "a multiple of 4 and at most relative_attention_max_distance, " +
                                                     std::to_string(more.maxDistance) + ",");
  more.decoderStart = keys.integer("decoder_start_token_id", 0, model.vocabSize - 1)
                          .value_or(keys.integer("pad_token_id", 0, model.vocabSize - 1).value_or(0));
  model.hiddenAct = keys.string("feed_forward_proj").value_or(std::string(act));
  more.gated = model.hiddenAct.starts_with("gated-");
  if (more.gated)
    model.hiddenAct.erase(0, std::string_view("gated-").size());
  // T5 means the tanh approximation by it.
  if (more.gated && model.hiddenAct == "gelu")
    model.hiddenAct = "gelu_new";
  model.attentionScale = 1;
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

/// The object that describes rotation: of all layers, or (Gemma 3) of each kind of layer by name.
void readRopeObject(const json &config, const char *key, const std::string &where, double &rotated,
                    ModelConfig &model) {
  KeyReader keys(config, where);
  const json *value = keys.find(key);
  if (!value)
    return;
  if (!value->is_object())
    keys.wrong(key, "an object");
  bool perLayer = std::ranges::any_of(*value, [](const json &item) { return item.is_object(); });
  if (perLayer && model.localRopeBase > 0) {
    std::string inside = where + " (" + key + ")";
    KeyReader kinds(*value, inside);
    for (const char *kind : {"full_attention", "sliding_attention"})
      if (!kinds.has(kind) || !kinds.find(kind)->is_object())
        kinds.wrong(kind, "an object");
    model.localRopeBase =
        KeyReader(*kinds.find("sliding_attention"), inside).positive("rope_theta").value_or(model.localRopeBase);
    return readRopeObject(*value, "full_attention", inside, rotated, model);
  }
  // For families that this reader does not know.
  if (perLayer && !familyOf(model.architecture))
    return;
  if (perLayer)
    keys.wrong(key, "one set of values for all layers");
  KeyReader inner(*value, where + " (" + key + ")");
  model.ropeBase = inner.positive("rope_theta").value_or(model.ropeBase);
  rotated = inner.positive("partial_rotary_factor").value_or(rotated);
  readScaling(inner, model);
}

void readRope(const KeyReader &keys, const Family *family, const std::string &where, ModelConfig &model) {
  model.ropeBase = keys.positive("rope_theta").value_or(family ? family->ropeBase : 10000);
  if (model.architecture == "gemma3_text")
    model.localRopeBase = keys.positive("rope_local_base_freq").value_or(10000);
  double rotated = keys.positive("partial_rotary_factor").value_or(1);
  for (const char *key : {"rope_scaling", "rope_parameters"})
    readRopeObject(model.raw, key, where, rotated, model);
  model.ropeDim = rotated < 1 ? int64_t(double(model.headDim) * rotated) : model.headDim;
  if (family && family->rotary && (model.ropeDim % 2 || model.ropeDim == 0))
    throw Error("expected an even number of rotary dimensions above 0, found " + std::to_string(model.ropeDim) +
                " (head size " + std::to_string(model.headDim) + ") in " + where);
}

/// Which layers look at a window alone: as `layer_types` says, else by the family's habit.
void readWindows(const KeyReader &keys, const Family &family, ModelConfig &model) {
  if (!keys.isNull("sliding_window"))
    model.slidingWindow = keys.integer("sliding_window", 1, maxContext).value_or(family.slidingWindow);
  bool qwen = family.qkvBias || family.name == "qwen3" || family.name == "qwen3_moe";
  if (qwen && !keys.boolean("use_sliding_window").value_or(false))
    model.slidingWindow = 0;
  else if (qwen && !model.slidingWindow && !keys.isNull("sliding_window"))
    model.slidingWindow = 4096;
  // Llama has no window, whatever its configuration says.
  if (!qwen && !family.slidingWindow && family.name != "mixtral")
    model.slidingWindow = 0;
  if (!model.slidingWindow)
    return;
  int64_t pattern = keys.integer("sliding_window_pattern", 1, maxLayers).value_or(family.slidingPattern);
  int64_t firstSliding = qwen ? keys.integer("max_window_layers", 0, maxLayers).value_or(28) : 0;
  for (int64_t n = 0; n < model.layers && (qwen || pattern); ++n)
    model.slidingLayers.push_back(n >= firstSliding && (!pattern || (n + 1) % pattern != 0));
  const json *types = keys.find("layer_types");
  if (!types)
    return;
  if (!types->is_array() || int64_t(types->size()) != model.layers)
    keys.wrong("layer_types", "a list of num_hidden_layers, " + std::to_string(model.layers) + ", names");
  model.slidingLayers.clear();
  for (const json &type : *types) {
    if (type != "sliding_attention" && type != "full_attention")
      keys.wrong("layer_types", "full_attention and sliding_attention alone");
    model.slidingLayers.push_back(type == "sliding_attention");
  }
}

/// What changes a family's mathematics and is not supported.
void refuseVariants(const KeyReader &keys, const Family &family) {
  auto refuse = [&](const char *key, bool expected) {
    if (keys.boolean(key).value_or(expected) != expected)
      keys.wrong(key, expected ? "true" : "false");
  };
  if (family.name == "gpt2") {
    refuse("scale_attn_weights", true);
    refuse("scale_attn_by_inverse_layer_idx", false);
    refuse("add_cross_attention", false);
  } else if (family.name == "xlnet") {
    refuse("bi_data", false);
    if (keys.string("attn_type").value_or("bi") != "bi")
      keys.wrong("attn_type", "bi");
    if (const json *clamp = keys.find("clamp_len"); clamp && *clamp != -1)
      keys.wrong("clamp_len", "-1, as distances are not clamped");
  } else if (family.name == "bert") {
    refuse("is_decoder", false);
    if (keys.string("position_embedding_type").value_or("absolute") != "absolute")
      keys.wrong("position_embedding_type", "absolute");
  } else if (family.name == "gemma3_text") {
    refuse("use_bidirectional_attention", false);
  }
}

void readGemma(const KeyReader &keys, ModelConfig &model) {
  if (model.architecture == "gemma")
    return;
  double scalar = keys.positive("query_pre_attn_scalar").value_or(256);
  model.attentionScale = 1 / std::sqrt(scalar);
  bool caps = model.architecture == "gemma2";
  auto cap = [&](const char *key, double ifAbsent) {
    return keys.isNull(key) ? 0 : keys.positive(key).value_or(caps ? ifAbsent : 0);
  };
  model.attentionSoftcap = cap("attn_logit_softcapping", 50);
  model.finalSoftcap = cap("final_logit_softcapping", 30);
}

} // namespace

bool isRotary(std::string_view architecture) {
  const Family *family = familyOf(architecture);
  return family && family->rotary;
}

void checkHeads(const ModelConfig &config, const std::string &where) {
  if (config.kvHeads < 1 || config.heads % config.kvHeads)
    throw Error("expected attention heads in equal groups, found " + std::to_string(config.heads) + " heads for " +
                std::to_string(config.kvHeads) + " key-value heads in " + where);
}

ModelConfig readHfConfig(const json &config, const std::string &where) {
  ModelConfig model;
  model.raw = config;
  model.architecture = KeyReader(model.raw, where).needString("model_type");
  if (model.architecture == "gemma3")
    KeyReader(model.raw, where).wrong("model_type", "gemma3_text, as models of images are not supported,");
  const Family *family = familyOf(model.architecture);
  KeyReader keys(model.raw, where, family ? KeyReader::Names(family->names) : KeyReader::Names());
  if (const json *names = keys.find("architectures"); names && names->is_array())
    for (const json &name : *names)
      if (name.is_string())
        model.architectures.push_back(name.get<std::string>());
  readDimensions(keys, family, where, model);
  readRope(keys, family, where, model);
  if (!family)
    return model;
  refuseVariants(keys, *family);
  model.normEps = keys.positive("rms_norm_eps").value_or(family->normEps);
  model.hiddenAct = keys.string("hidden_act").value_or(std::string(family->act));
  model.tieEmbeddings = keys.boolean("tie_word_embeddings").value_or(family->tied);
  model.attentionOutputBias = family->biases || keys.boolean("attention_bias").value_or(false);
  model.attentionBias = family->qkvBias || model.attentionOutputBias;
  model.mlpBias = family->biases || keys.boolean("mlp_bias").value_or(false);
  readExperts(keys, family->name, model);
  if (family->name == "t5" || family->name == "mt5")
    readEncoderDecoder(keys, family->act, model);
  readWindows(keys, *family, model);
  if (model.architecture.starts_with("gemma"))
    readGemma(keys, model);
  if (family->name == "xlnet")
    model.tokenTypes = 3;
  if (family->name == "bert")
    model.tokenTypes = keys.integer("type_vocab_size", 1, maxVocab).value_or(2);
  return model;
}

} // namespace checkpoint

bool isKnownFamily(std::string_view architecture) { return checkpoint::familyOf(architecture); }

} // namespace tp
