#include "FromGguf.h"
#include "JsonRead.h"
#include "Utf8.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

namespace tp::rt {

namespace {
using json::Json;
using Metadata = GgufTokenizerMetadata;

enum TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

constexpr const char *kMark = "\u2581"; // stands for a space in SentencePiece's tokens

[[noreturn]] void fail(const std::string &key, const std::string &expected, const std::string &found) {
  json::fail("tokenizer.ggml." + key, expected, found);
}

//===--- Pre-tokenizers, by name ---===//

/// How words are cut: with GPT-2's pattern where `pattern` is empty.
struct PreStyle {
  std::string_view name;
  std::string_view pattern;
  bool digits = false;       // every digit is a word
  bool nfc = false;          // text is normalized to NFC first
  bool ignoreMerges = false; // a word that is a token is that token
  bool bos = false;          // a text starts with bos unless the file says otherwise
};

constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                                     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                                     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// "default" is what files have whose writer knew no name; GPT-2's way is the most common among them.
constexpr auto kStyles = std::to_array<PreStyle>({
    {.name = "default", .pattern = ""},
    {.name = "gpt-2", .pattern = ""},
    {.name = "phi-2", .pattern = ""},
    {.name = "olmo", .pattern = "", .nfc = true},
    {.name = "mpt", .pattern = "", .nfc = true},
    {.name = "smollm", .pattern = "", .digits = true},
    {.name = "starcoder", .pattern = "", .digits = true},
    {.name = "refact", .pattern = "", .digits = true},
    {.name = "codeshell", .pattern = "", .digits = true},
    {.name = "command-r", .pattern = "", .digits = true, .nfc = true, .bos = true},
    {.name = "llama-bpe", .pattern = kLlama3, .ignoreMerges = true, .bos = true},
    {.name = "llama3", .pattern = kLlama3, .ignoreMerges = true, .bos = true},
    {.name = "llama-v3", .pattern = kLlama3, .ignoreMerges = true, .bos = true},
    {.name = "qwen2", .pattern = kQwen2, .nfc = true},
    {.name = "deepseek-r1-qwen", .pattern = kQwen2, .nfc = true},
    {.name = "tekken", .pattern = kTekken, .ignoreMerges = true, .bos = true},
    {.name = "gpt-4o", .pattern = kGpt4o},
});

const PreStyle &styleOf(const std::string &pre) {
  std::string name = pre.empty() ? "default" : pre;
  std::string known;
  for (const PreStyle &style : kStyles) {
    if (style.name == name)
      return style;
    known += (known.empty() ? "" : ", ") + std::string(style.name);
  }
  fail("pre", "one of " + known, "'" + pre + "'");
}

//===--- Checks ---===//

void checkId(const Metadata &m, const char *key, std::optional<int32_t> id) {
  if (id && (*id < 0 || static_cast<size_t>(*id) >= m.tokens.size()))
    fail(key, "an id in 0.." + std::to_string(m.tokens.size() - 1), std::to_string(*id));
}

void checkLength(const Metadata &m, const char *key, size_t length) {
  if (length != 0 && length != m.tokens.size())
    fail(key, std::to_string(m.tokens.size()) + " entries, one for each token", std::to_string(length));
}

void check(const Metadata &m) {
  if (m.model != "gpt2" && m.model != "llama")
    fail("model", "'gpt2' or 'llama'", "'" + m.model + "'");
  if (m.tokens.empty() || m.tokens.size() > static_cast<size_t>(json::kMaxId))
    fail("tokens", "1.." + std::to_string(json::kMaxId) + " tokens", std::to_string(m.tokens.size()));
  checkLength(m, "token_type", m.tokenTypes.size());
  checkLength(m, "scores", m.scores.size());
  checkId(m, "bos_token_id", m.bosId);
  checkId(m, "eos_token_id", m.eosId);
  checkId(m, "unknown_token_id", m.unknownId);
  for (size_t id = 0; id < m.tokens.size(); ++id)
    if (utf8::findInvalid(m.tokens[id]))
      fail("tokens", "UTF-8", "other bytes in token " + std::to_string(id));
}

int32_t typeOf(const Metadata &m, size_t id) { return m.tokenTypes.empty() ? int32_t(kNormal) : m.tokenTypes[id]; }

//===--- Parts that both kinds share ---===//

Json vocabOf(const Metadata &m) {
  Json vocab = Json::object();
  for (size_t id = 0; id < m.tokens.size(); ++id) {
    auto [it, isNew] = vocab.emplace(m.tokens[id], id);
    if (!isNew)
      fail("tokens", "each token once", "token " + std::to_string(id) + " like token " + it->dump());
  }
  return vocab;
}

Json addedTokensOf(const Metadata &m) {
  Json added = Json::array();
  for (size_t id = 0; id < m.tokens.size(); ++id) {
    int32_t type = typeOf(m, id);
    bool special = type == kControl || type == kUnknown;
    if (!special && type != kUserDefined)
      continue;
    added.push_back({{"id", id},
                     {"content", m.tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

/// bos before and eos after a text, where the model wants them.
Json postProcessorOf(const Metadata &m) {
  Json single = Json::array(), tokens = Json::object();
  auto add = [&](int32_t id) {
    const std::string &token = m.tokens[id];
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    tokens[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  };
  if (addsBos(m))
    add(*m.bosId);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (m.addEos.value_or(false) && m.eosId)
    add(*m.eosId);
  if (tokens.empty())
    return nullptr;
  Json pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

Json bpeModel(const Metadata &m, Json merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", vocabOf(m)},
          {"merges", std::move(merges)}};
}

Json sequence(const char *key, Json parts) { return {{"type", "Sequence"}, {key, std::move(parts)}}; }

Json replace(const char *from, const char *to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

//===--- gpt2: byte-level ---===//

Json byteLevel(bool useRegex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", useRegex}};
}

void fillByteLevel(const Metadata &m, Json &file) {
  const PreStyle &style = styleOf(m.pre);
  if (m.merges.empty() && m.tokens.size() > 1)
    fail("merges", "a list of merges", "none");
  file["model"] = bpeModel(m, Json(m.merges));
  file["model"]["ignore_merges"] = style.ignoreMerges;
  Json parts = Json::array();
  if (style.digits)
    parts.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (!style.pattern.empty())
    parts.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", style.pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  parts.push_back(byteLevel(style.pattern.empty()));
  file["pre_tokenizer"] = sequence("pretokenizers", parts);
  if (style.nfc)
    file["normalizer"] = {{"type", "NFC"}};
  file["decoder"] = byteLevel(true);
}

//===--- llama: SentencePiece ---===//

/// SentencePiece joins the neighbours whose joint token has the best score. Written as merges: each way to cut a token
/// into two tokens, best score first; between ways of one score, the longer left part first.
struct Candidate {
  float score;
  size_t leftLength, rightLength; // code points
  int32_t id, left, right;
};

void addCandidates(const Metadata &m, const std::unordered_map<std::string_view, int32_t> &idOf, int32_t id,
                   std::vector<Candidate> &out) {
  constexpr size_t kLongest = 4096; // bytes; the cuts of a token take its length squared
  std::string_view token = m.tokens[id];
  if (token.size() > kLongest)
    fail("tokens", "at most " + std::to_string(kLongest) + " bytes in a token", std::to_string(token.size()));
  for (size_t at = 1; at < token.size(); ++at) {
    auto left = idOf.find(token.substr(0, at));
    auto right = left == idOf.end() ? left : idOf.find(token.substr(at));
    if (right != idOf.end())
      out.push_back(
          {m.scores[id], utf8::length(left->first), utf8::length(right->first), id, left->second, right->second});
  }
}

Json mergesFromScores(const Metadata &m) {
  if (m.scores.empty())
    fail("scores", "a score for each token", "none");
  std::unordered_map<std::string_view, int32_t> idOf;
  for (size_t id = 0; id < m.tokens.size(); ++id)
    idOf.emplace(m.tokens[id], static_cast<int32_t>(id));
  std::vector<Candidate> candidates;
  for (size_t id = 0; id < m.tokens.size(); ++id)
    if (typeOf(m, id) == kNormal)
      addCandidates(m, idOf, static_cast<int32_t>(id), candidates);
  if (std::any_of(m.scores.begin(), m.scores.end(), [](float score) { return score != score; }))
    fail("scores", "numbers", "nan");
  auto key = [](const Candidate &c) {
    return std::tuple(-c.score, -int64_t(c.leftLength), -int64_t(c.rightLength), c.id, c.left, c.right);
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Candidate &a, const Candidate &b) { return key(a) < key(b); });
  Json merges = Json::array();
  for (const Candidate &c : candidates)
    merges.push_back({m.tokens[c.left], m.tokens[c.right]});
  return merges;
}

void fillSentencePiece(const Metadata &m, Json &file) {
  bool prefix = m.addSpacePrefix.value_or(true);
  file["model"] = bpeModel(m, mergesFromScores(m));
  file["model"]["byte_fallback"] = true;
  file["model"]["fuse_unk"] = true;
  if (m.unknownId)
    file["model"]["unk_token"] = m.tokens[*m.unknownId];
  Json normalizers = Json::array();
  if (prefix)
    normalizers.push_back({{"type", "Prepend"}, {"prepend", kMark}});
  normalizers.push_back(replace(" ", kMark));
  file["normalizer"] = sequence("normalizers", normalizers);
  Json decoders = {replace(kMark, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (prefix)
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  file["decoder"] = sequence("decoders", decoders);
}
} // namespace

bool addsBos(const Metadata &m) {
  if (!m.bosId)
    return false;
  return m.addBos.value_or(m.model == "llama" || (m.model == "gpt2" && styleOf(m.pre).bos));
}

nlohmann::json tokenizerJsonFromGguf(const Metadata &m) {
  check(m);
  Json file = {
      {"version", "1.0"},      {"truncation", nullptr},    {"padding", nullptr}, {"added_tokens", addedTokensOf(m)},
      {"normalizer", nullptr}, {"pre_tokenizer", nullptr}, {"decoder", nullptr}};
  if (m.model == "gpt2")
    fillByteLevel(m, file);
  else
    fillSentencePiece(m, file);
  file["post_processor"] = postProcessorOf(m);
  return file;
}

} // namespace tp::rt
