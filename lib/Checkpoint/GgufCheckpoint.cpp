//===- GgufCheckpoint.cpp - A GGUF file as a Checkpoint ------------------------------------------------------===//
#include "Formats.h"
#include "Gguf.h"
#include "Json.h"
#include "Text.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

using nlohmann::json;

namespace tp::checkpoint {
namespace {

json arrayAsJson(const GgufValue &array) {
  json result = json::array();
  if (array.element == GgufType::String)
    forEachString(array, [&](std::string_view text) { result.push_back(validUtf8(text)); });
  else
    for (uint64_t i = 0; i < array.count; ++i)
      result.push_back(elementAsJson(array.element, array.data + i * fixedSize(array.element)));
  return result;
}

/// The metadata that is worth keeping as JSON: all but long arrays, which are the tokenizer's.
json metadataAsJson(const std::map<std::string, GgufValue> &metadata) {
  constexpr uint64_t longest = 4096;
  json result = json::object();
  for (const auto &[name, value] : metadata) {
    if (value.type != GgufType::Array)
      result[validUtf8(name)] = elementAsJson(value.element, value.data);
    else if (value.count <= longest)
      result[validUtf8(name)] = arrayAsJson(value);
  }
  return result;
}

class GgufCheckpoint : public Checkpoint {
public:
  explicit GgufCheckpoint(const std::string &path);
  std::string format() const override { return "gguf"; }
  std::optional<GgufTokenizer> ggufTokenizer() const override;

private:
  void readFile(const std::string &path);
  void readOtherParts();
  void readConfig();
  void readShape(const KeyReader &keys);
  void readRope(const KeyReader &keys);
  void readScaling(const KeyReader &keys);
  void recogniseLlama3();
  void readFamily(const KeyReader &keys);
  void readSpecials();
  const GgufValue *array(const std::string &key, GgufType element) const;
  uint64_t tokenCount() const;

  std::string where;
  std::map<std::string, GgufValue> metadata; ///< values point into files[0]
};

GgufCheckpoint::GgufCheckpoint(const std::string &path) : Checkpoint(path), where(quote(path)) {
  readFile(path);
  model.raw = metadataAsJson(metadata);
  readOtherParts();
  readConfig();
}

/// The first file's metadata is the model's.
void GgufCheckpoint::readFile(const std::string &path) {
  files.push_back(std::make_unique<MappedFile>(path));
  GgufFile parsed = parseGguf(*files.back());
  if (files.size() == 1)
    metadata = std::move(parsed.metadata);
  for (TensorInfo &tensor : parsed.tensors) {
    tensor.file = files.size() - 1;
    addTensor(std::move(tensor));
  }
}

/// A model in parts is NAME-00001-of-00003.gguf and so on; the first has the metadata.
void GgufCheckpoint::readOtherParts() {
  constexpr int64_t most = 99999;
  int64_t parts = KeyReader(model.raw, where).integer("split.count", 0, most).value_or(1);
  if (parts <= 1)
    return;
  auto suffix = [&](int64_t part) {
    char text[32];
    std::snprintf(text, sizeof(text), "-%05d-of-%05d.gguf", int(part), int(parts));
    return std::string(text);
  };
  if (!location.ends_with(suffix(1)))
    throw Error("expected the first of " + std::to_string(parts) + " parts, a file NAME" + suffix(1) + ", found " +
                where);
  std::string name = location.substr(0, location.size() - suffix(1).size());
  for (int64_t part = 2; part <= parts; ++part)
    readFile(name + suffix(part));
}

void GgufCheckpoint::readConfig() {
  KeyReader general(model.raw, where);
  model.architecture = general.needString("general.architecture");
  model.modelName = general.string("general.name").value_or(std::filesystem::path(location).stem().string());
  KeyReader keys(model.raw, where, model.architecture + ".");
  readShape(keys);
  readRope(keys);
  readFamily(keys);
  readSpecials();
  model.tieEmbeddings = hasWeights() && !find("output.weight");
  model.attentionBias = find("blk.0.attn_q.bias") || find("blk.0.attn_qkv.bias");
  model.attentionOutputBias = find("blk.0.attn_output.bias");
  model.mlpBias = find("blk.0.ffn_up.bias");
}

/// What the format leaves to the family's name.
void GgufCheckpoint::readFamily(const KeyReader &keys) {
  const std::string &name = model.architecture;
  if (!isKnownFamily(name))
    return;
  bool gemma = name.starts_with("gemma");
  model.hiddenAct = gemma || name == "gpt2" ? "gelu_pytorch_tanh" : name == "bert" ? "gelu" : "silu";
  if (const TensorInfo *types = find("token_types.weight"))
    model.tokenTypes = types->shape.empty() ? 0 : types->shape[0];
  if (int64_t pattern = name == "gemma2" ? 2 : name == "gemma3" ? 6 : 0)
    for (int64_t n = 0; n < model.layers; ++n)
      model.slidingLayers.push_back((n + 1) % pattern != 0);
  if (name == "gemma2") {
    model.attentionSoftcap = keys.positive("attn_logit_softcapping").value_or(0);
    model.finalSoftcap = keys.positive("final_logit_softcapping").value_or(0);
  }
  if (name == "gemma3")
    model.localRopeBase = 10000;
  // The models of 27 billion weights scale by hidden size / heads, which the format does not say.
  if ((name == "gemma2" && model.layers == 46) || (name == "gemma3" && model.layers == 62))
    model.attentionScale = 1 / std::sqrt(double(model.hiddenSize) / double(model.heads));
}

/// The dimensions. Families that the reader does not know may lack a key or have one value per layer.
void GgufCheckpoint::readShape(const KeyReader &keys) {
  bool known = isKnownFamily(model.architecture);
  auto size = [&](const char *key, int64_t most) -> int64_t {
    if (known)
      return keys.needInteger(key, 1, most);
    const json *value = keys.find(key);
    return value && value->is_number_integer() ? keys.needInteger(key, 0, most) : 0;
  };
  model.hiddenSize = size("embedding_length", maxWidth);
  model.layers = size("block_count", maxLayers);
  model.heads = size("attention.head_count", maxHeads);
  model.intermediateSize = size("feed_forward_length", maxVocab);
  model.contextLength = size("context_length", maxContext);
  model.kvHeads = keys.has("attention.head_count_kv") ? size("attention.head_count_kv", maxHeads) : model.heads;
  const TensorInfo *embedding = find("token_embd.weight");
  int64_t rows = embedding && embedding->shape.size() == 2 ? embedding->shape[0] : 0;
  model.vocabSize = keys.integer("vocab_size", 1, maxVocab).value_or(rows ? rows : int64_t(tokenCount()));
  if (known && !model.vocabSize)
    keys.missing("vocab_size");
  if (known)
    checkHeads(model, where);
  if (auto headDim = keys.integer("attention.key_length", 1, maxWidth))
    model.headDim = *headDim;
  else if (known && model.hiddenSize % model.heads)
    keys.missing("attention.key_length");
  else
    model.headDim = model.heads ? model.hiddenSize / model.heads : 0;
  if (known && isRotary(model.architecture))
    model.normEps = keys.needPositive("attention.layer_norm_rms_epsilon");
  else if (known)
    model.normEps = keys.needPositive("attention.layer_norm_epsilon");
  else
    model.normEps = keys.positive("attention.layer_norm_rms_epsilon")
                        .value_or(keys.positive("attention.layer_norm_epsilon").value_or(0));
  model.experts.count = keys.integer("expert_count", 0, maxHeads).value_or(0);
  if (model.experts.count && known) {
    model.experts.perToken = keys.needInteger("expert_used_count", 1, model.experts.count);
    model.experts.intermediateSize = model.intermediateSize;
  }
  if (const json *window = keys.find("attention.sliding_window"); window && window->is_number_integer())
    model.slidingWindow = *keys.integer("attention.sliding_window", 0, maxContext);
}

void GgufCheckpoint::readRope(const KeyReader &keys) {
  // These families' q and k are stored for rotation of neighbours; every other one rotates halves, as HF does.
  constexpr std::string_view interleaved[] = {"llama",   "llama4",  "mistral3", "deci",      "internlm2", "minicpm",
                                              "granite", "smollm3", "arcee",    "command-r", "cohere2",   "chatglm"};
  model.ropeInterleaved = std::ranges::count(interleaved, model.architecture) > 0;
  model.ropeBase = keys.positive("rope.freq_base").value_or(10000);
  model.ropeDim = keys.integer("rope.dimension_count", 0, maxWidth).value_or(model.headDim);
  if (isRotary(model.architecture) && (model.ropeDim > model.headDim || model.ropeDim % 2))
    keys.wrong(keys.has("rope.dimension_count") ? "rope.dimension_count" : "attention.head_count",
               "rotary dimensions that are even and at most the head size, " + std::to_string(model.headDim) + ",");
  readScaling(keys);
}

void GgufCheckpoint::readScaling(const KeyReader &keys) {
  RopeScaling &scaling = model.ropeScaling;
  auto legacyFactor = keys.positive("rope.scale_linear");
  scaling.name = keys.string("rope.scaling.type").value_or(legacyFactor ? "linear" : "none");
  scaling.factor = keys.positive("rope.scaling.factor").value_or(legacyFactor.value_or(1));
  scaling.originalContext = keys.integer("rope.scaling.original_context_length", 0, maxContext).value_or(0);
  if (scaling.name == "linear") {
    scaling.type = RopeScaling::Type::Linear;
  } else if (scaling.name == "yarn") {
    scaling.type = RopeScaling::Type::Yarn;
    scaling.betaFast = keys.positive("rope.scaling.yarn_beta_fast").value_or(32);
    scaling.betaSlow = keys.positive("rope.scaling.yarn_beta_slow").value_or(1);
    // GGUF stores a multiplier of the default, not the factor itself.
    auto multiplier = keys.positive("rope.scaling.yarn_attn_factor");
    if (!multiplier)
      multiplier = keys.positive("rope.scaling.attn_factor");
    if (multiplier)
      scaling.attentionFactor = *multiplier * (scaling.factor > 1 ? 1 + 0.1 * std::log(scaling.factor) : 1);
  } else if (scaling.name != "none") {
    scaling.type = RopeScaling::Type::Other;
  } else if (find("rope_freqs.weight")) {
    // Llama 3's scaling, evaluated when the file was written.
    scaling.type = RopeScaling::Type::Factors;
    scaling.name = "factors";
    scaling.factorsTensor = "rope_freqs.weight";
    recogniseLlama3();
  }
}

/// Converters write Llama 3's scaling as the divisor of each frequency; its factor is the largest, and the rest is the
/// same for all of these models.
void GgufCheckpoint::recogniseLlama3() {
  const TensorInfo &tensor = *find("rope_freqs.weight");
  if (tensor.elements() != model.ropeDim / 2 || tensor.shape.size() != 1 || tensor.type != ElementType::F32)
    return;
  std::vector<float> divisors(size_t(tensor.elements()));
  readRows(tensor, 0, tensor.elements(), divisors.data());
  RopeScaling llama3;
  llama3.type = RopeScaling::Type::Llama3;
  llama3.name = "llama3";
  llama3.originalContext = 8192;
  llama3.factor = *std::max_element(divisors.begin(), divisors.end());
  for (size_t i = 0; i < divisors.size(); ++i) {
    double frequency = std::pow(model.ropeBase, -2.0 * double(i) / double(model.ropeDim));
    double turns = double(llama3.originalContext) * frequency / (2 * M_PI);
    double keep = std::clamp((turns - llama3.lowFreqFactor) / (llama3.highFreqFactor - llama3.lowFreqFactor), 0.0, 1.0);
    double expected = 1 / ((1 - keep) / llama3.factor + keep);
    if (!(std::abs(divisors[i] - expected) <= 1e-4 * expected))
      return;
  }
  model.ropeScaling = llama3;
}

void GgufCheckpoint::readSpecials() {
  KeyReader keys(model.raw, where, "tokenizer.");
  // Some files have a list of named templates; the one under this key is the default.
  model.chatTemplate = keys.string("chat_template").value_or("");
  auto tokenizer = ggufTokenizer();
  if (!tokenizer)
    return;
  model.bosId = tokenizer->bos;
  model.addBos = tokenizer->addBos;
  auto addEos = [&](int64_t id) {
    if (id >= 0 && std::ranges::count(model.eosIds, id) == 0)
      model.eosIds.push_back(id);
  };
  addEos(tokenizer->eos);
  for (const char *key : {"ggml.eot_token_id", "ggml.eom_token_id"})
    addEos(keys.integer(key).value_or(-1));
}

/// The array at `key`, null when there is none; an error when it is not an array of `element`.
const GgufValue *GgufCheckpoint::array(const std::string &key, GgufType element) const {
  auto it = metadata.find(key);
  if (it == metadata.end())
    return nullptr;
  if (it->second.type != GgufType::Array || it->second.element != element)
    throw Error("expected an array of " +
                std::string(element == GgufType::String ? "strings"
                            : element == GgufType::F32  ? "f32"
                                                        : "i32") +
                " at key " + quote(key) + ", found another type in " + where);
  if (it->second.count > uint64_t(maxVocab) / 8)
    throw Error("expected at most " + std::to_string(maxVocab / 8) + " elements at key " + quote(key) + ", found " +
                std::to_string(it->second.count) + " in " + where);
  return &it->second;
}

uint64_t GgufCheckpoint::tokenCount() const {
  const GgufValue *tokens = array("tokenizer.ggml.tokens", GgufType::String);
  return tokens ? tokens->count : 0;
}

std::optional<GgufTokenizer> GgufCheckpoint::ggufTokenizer() const {
  const std::string base = "tokenizer.ggml.";
  KeyReader keys(model.raw, where, base);
  auto kind = keys.string("model");
  const GgufValue *tokens = array(base + "tokens", GgufType::String);
  if (!kind || !tokens)
    return std::nullopt;
  GgufTokenizer result;
  result.model = *kind;
  result.pre = keys.string("pre").value_or("");
  auto strings = [](const GgufValue *from, std::vector<std::string> &to) {
    if (from)
      forEachString(*from, [&](std::string_view text) { to.emplace_back(text); });
  };
  strings(tokens, result.tokens);
  strings(array(base + "merges", GgufType::String), result.merges);
  auto numbers = [&](const std::string &key, GgufType type, auto &to) {
    const GgufValue *from = array(base + key, type);
    if (from && from->count != tokens->count)
      throw Error("expected " + std::to_string(tokens->count) + " elements, one per token, at key " +
                  quote(base + key) + ", found " + std::to_string(from->count) + " in " + where);
    to.resize(from ? from->count : 0);
    if (!to.empty())
      std::memcpy(to.data(), from->data, to.size() * sizeof(to[0]));
  };
  numbers("token_type", GgufType::I32, result.types);
  numbers("scores", GgufType::F32, result.scores);

  bool sentencePiece = result.model == "llama";
  auto id = [&](const char *key, int64_t ifAbsent) {
    return keys.integer(key, 0, int64_t(tokens->count) - 1).value_or(ifAbsent);
  };
  result.bos = id("bos_token_id", sentencePiece ? 1 : -1);
  result.eos = id("eos_token_id", sentencePiece ? 2 : -1);
  result.unk = id("unknown_token_id", sentencePiece ? 0 : -1);
  result.addBos = keys.boolean("add_bos_token").value_or(sentencePiece || result.pre == "llama-bpe");
  result.addSpacePrefix = keys.boolean("add_space_prefix").value_or(sentencePiece);
  return result;
}

} // namespace

std::unique_ptr<Checkpoint> openGguf(const std::string &path) { return std::make_unique<GgufCheckpoint>(path); }

} // namespace tp::checkpoint
