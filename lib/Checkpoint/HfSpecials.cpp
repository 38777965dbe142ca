//===- HfSpecials.cpp - Special tokens and chat template of a Hugging Face directory -------------------------===//
#include "Formats.h"
#include "Json.h"
#include "MappedFile.h"
#include "Text.h"
#include <algorithm>
#include <filesystem>

namespace fs = std::filesystem;
using nlohmann::json;

namespace tp::checkpoint {
namespace {

json parseIfPresent(const fs::path &path, const JsonLimits &limits = {}) {
  return fs::exists(path) ? parseObjectFile(path.string(), limits) : json::object();
}

/// tokenizer.json without its vocabulary.
json parseTokenizer(const fs::path &root) {
  return parseIfPresent(root / "tokenizer.json", {.bytes = 256u << 20, .skipTopLevel = "model"});
}

/// Adds the id, or ids, at `key`; negative ones, which some files use for none, are left out.
void addIds(const KeyReader &keys, const std::string &key, std::vector<int64_t> &ids) {
  const json *value = keys.find(key);
  if (!value)
    return;
  for (const json &id : value->is_array() ? *value : json::array({*value})) {
    if (!id.is_number_integer())
      keys.wrong(key, "a token id or an array of ids");
    auto number = id.get<int64_t>();
    if (number >= 0 && std::ranges::count(ids, number) == 0)
      ids.push_back(number);
  }
}

/// The string at `key`, empty when there is none.
std::string textAt(const json &object, const char *key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/// The text of a special token: "eos_token" is a string, or an object with "content".
std::string tokenText(const json &config, const char *key) {
  auto it = config.find(key);
  return it != config.end() && it->is_object() ? textAt(*it, "content") : textAt(config, key);
}

/// The id of the added token `text`, -1 when there is none: tokenizer_config.json has a table by id.
int64_t addedTokenId(const json &tokenizerConfig, const std::string &text) {
  auto table = tokenizerConfig.find("added_tokens_decoder");
  if (text.empty() || table == tokenizerConfig.end() || !table->is_object())
    return -1;
  for (const auto &[id, token] : table->items())
    if (token.is_object() && textAt(token, "content") == text && !id.empty() && id.size() < 10 &&
        std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; }))
      return std::stoll(id);
  return -1;
}

/// Whether a post-processor of tokenizer.json puts a special token before a single sequence.
bool postProcessorAddsBos(const json &processor) {
  if (!processor.is_object())
    return false;
  if (auto list = processor.find("processors"); list != processor.end() && list->is_array())
    return std::ranges::any_of(*list, postProcessorAddsBos);
  auto single = processor.find("single");
  return single != processor.end() && single->is_array() && !single->empty() && single->front().is_object() &&
         single->front().contains("SpecialToken");
}

bool addsBos(const fs::path &root, const KeyReader &keys) {
  if (auto stated = keys.boolean("add_bos_token"))
    return *stated;
  json tokenizer = parseTokenizer(root);
  if (auto it = tokenizer.find("post_processor"); it != tokenizer.end() && !it->is_null())
    return postProcessorAddsBos(*it);
  return keys.string("tokenizer_class").value_or("").starts_with("LlamaTokenizer");
}

/// chat_template.jinja, else the template in tokenizer_config.json: a string, or a list of which one is "default".
std::string readTemplate(const fs::path &root, const KeyReader &keys) {
  if (fs::path path = root / "chat_template.jinja"; fs::exists(path)) {
    MappedFile file(path.string());
    if (file.size() > (1u << 20))
      throw Error("expected a chat template of at most 1048576 bytes, found " + std::to_string(file.size()) + " in " +
                  quote(path.string()));
    return validUtf8(file.text());
  }
  const json *value = keys.find("chat_template");
  if (!value || !value->is_array())
    return keys.string("chat_template").value_or("");
  for (const json &entry : *value)
    if (entry.is_object() && textAt(entry, "name") == "default")
      return textAt(entry, "template");
  return "";
}

} // namespace

void readHfSpecials(const std::string &directory, ModelConfig &model) {
  fs::path root(directory);
  fs::path generationPath = root / "generation_config.json", tokenizerPath = root / "tokenizer_config.json";
  json generation = parseIfPresent(generationPath);
  json tokenizer = parseIfPresent(tokenizerPath);
  KeyReader modelKeys(model.raw, quote((root / "config.json").string()));
  KeyReader generationKeys(generation, quote(generationPath.string()));
  KeyReader tokenizerKeys(tokenizer, quote(tokenizerPath.string()));

  // Every id that one of the files calls an end is one: chat models often state theirs in one file alone.
  addIds(generationKeys, "eos_token_id", model.eosIds);
  addIds(modelKeys, "eos_token_id", model.eosIds);
  int64_t eos = addedTokenId(tokenizer, tokenText(tokenizer, "eos_token"));
  if (eos >= 0 && std::ranges::count(model.eosIds, eos) == 0)
    model.eosIds.push_back(eos);

  std::vector<int64_t> bos;
  addIds(modelKeys, "bos_token_id", bos);
  addIds(generationKeys, "bos_token_id", bos);
  model.bosId = bos.empty() ? addedTokenId(tokenizer, tokenText(tokenizer, "bos_token")) : bos.front();
  model.addBos = model.bosId >= 0 && addsBos(root, tokenizerKeys);
  model.chatTemplate = readTemplate(root, tokenizerKeys);
}

} // namespace tp::checkpoint
