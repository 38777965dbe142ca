#include "Tokenizer.h"
#include "AddedTokens.h"
#include "Bpe.h"
#include "Decoder.h"
#include "Normalizer.h"
#include "PreTokenizer.h"
#include "Utf8.h"

#include <fstream>
#include <unordered_set>

namespace tp::rt {

struct Tokenizer::Data {
  Bpe model;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  Decoder decoder;
  AddedTokenFinder rawTokens, normalizedTokens;
  std::vector<int32_t> before, after; // what the post-processor puts around a text
  StringMap<int32_t> added;
  std::unordered_set<int32_t> special;
  std::vector<std::string> tokenOf; // by id
  std::vector<bool> used;           // by id: whether there is such a token

  explicit Data(const json::Json &file);
  void setToken(int32_t id, const std::string &token);
  void addTokens(const json::Json &list);
  void addPostProcessor(const json::Json &node, int depth);
  void addTemplate(const json::Json &node);
  void addClassifier(const json::Json &node, const std::string &type);
};

namespace {
const json::Json &member(const json::Json &file, const char *key) {
  static const json::Json null;
  const json::Json *found = json::find(file, key);
  return found ? *found : null;
}
} // namespace

Tokenizer::Data::Data(const json::Json &file) {
  json::needObject(file, "the file");
  model = Bpe(member(file, "model"));
  normalizer = Normalizer(member(file, "normalizer"));
  preTokenizer = PreTokenizer(member(file, "pre_tokenizer"));
  decoder = Decoder(member(file, "decoder"));
  for (const auto &[token, id] : model.vocab())
    setToken(id, token);
  if (json::find(file, "added_tokens"))
    addTokens(json::getArray(file, "added_tokens", "the file"));
  addPostProcessor(member(file, "post_processor"), 0);
}

void Tokenizer::Data::setToken(int32_t id, const std::string &token) {
  if (static_cast<size_t>(id) >= tokenOf.size()) {
    tokenOf.resize(id + 1);
    used.resize(id + 1);
  }
  if (used[id] && tokenOf[id] != token)
    throw std::runtime_error("expected one token for id " + std::to_string(id) + ", found '" +
                             std::min(token, tokenOf[id]) + "' and '" + std::max(token, tokenOf[id]) + "'");
  tokenOf[id] = token;
  used[id] = true;
}

void Tokenizer::Data::addTokens(const json::Json &list) {
  for (const json::Json &node : list) {
    AddedToken token = parseAddedToken(node);
    // A token that the model has too keeps the model's id.
    token.id = model.find(token.content).value_or(token.id);
    setToken(token.id, token.content);
    added.insert_or_assign(token.content, token.id);
    if (token.special)
      special.insert(token.id);
    if (token.normalized)
      normalizedTokens.add(token, normalizer.apply(token.content));
    else
      rawTokens.add(token, token.content);
  }
}

void Tokenizer::Data::addPostProcessor(const json::Json &node, int depth) {
  if (node.is_null())
    return;
  json::needObject(node, "post_processor");
  const std::string &type = json::getString(node, "type", "post_processor");
  if (depth > json::kMaxDepth)
    json::fail("post_processor", "at most " + std::to_string(json::kMaxDepth) + " nested sequences", "more");
  if (type == "Sequence") {
    for (const json::Json &child : json::getArray(node, "processors", "post_processor Sequence"))
      addPostProcessor(child, depth + 1);
  } else if (type == "TemplateProcessing") {
    addTemplate(node);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    addClassifier(node, type);
  } else if (type != "ByteLevel") { // ByteLevel moves offsets, which are not kept here
    json::fail("post_processor", "Sequence, TemplateProcessing, RobertaProcessing, BertProcessing or ByteLevel",
               json::describe(json::find(node, "type")));
  }
}

void Tokenizer::Data::addTemplate(const json::Json &node) {
  constexpr std::string_view where = "post_processor TemplateProcessing";
  std::vector<int32_t> left, right;
  bool afterText = false;
  for (const json::Json &item : json::getArray(node, "single", where)) {
    json::needObject(item, where);
    if (item.contains("Sequence")) {
      if (afterText)
        json::fail(where, "the text once in 'single'", "it twice");
      afterText = true;
      continue;
    }
    const json::Json &token = member(item, "SpecialToken");
    json::needObject(token, where);
    const std::string &name = json::getString(token, "id", where);
    const json::Json &known = member(node, "special_tokens");
    json::needObject(known, where);
    const json::Json &entry = member(known, name.c_str());
    if (!entry.is_object())
      json::fail(where, "'" + name + "' in 'special_tokens'", "nothing");
    for (const json::Json &id : json::getArray(entry, "ids", where))
      (afterText ? right : left).push_back(json::toId(id, where));
  }
  if (!afterText)
    json::fail(where, "the text in 'single'", "none");
  before.insert(before.begin(), left.begin(), left.end());
  after.insert(after.end(), right.begin(), right.end());
}

void Tokenizer::Data::addClassifier(const json::Json &node, const std::string &type) {
  auto idOf = [&](const char *key) {
    const json::Json &pair = member(node, key);
    if (!pair.is_array() || pair.size() != 2)
      json::fail("post_processor " + type, "[token, id] for '" + std::string(key) + "'", json::describe(&pair));
    return json::toId(pair[1], "post_processor " + type);
  };
  before.insert(before.begin(), idOf("cls"));
  after.push_back(idOf("sep"));
}

Tokenizer Tokenizer::parse(std::string_view text) {
  try {
    return Tokenizer(std::make_shared<const Data>(json::Json::parse(text)));
  } catch (const json::Json::parse_error &error) {
    throw std::runtime_error("expected JSON, found an error at byte " + std::to_string(error.byte));
  } catch (const json::Json::exception &error) { // a number that fits no type
    throw std::runtime_error(std::string("expected JSON, found ") + error.what());
  }
}

Tokenizer Tokenizer::load(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in)
    throw std::runtime_error(path + ": cannot read the file");
  try {
    return parse(text);
  } catch (const std::runtime_error &error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

namespace {
/// The ids of words, each word's remembered: text repeats itself.
class WordEncoder {
public:
  explicit WordEncoder(const Bpe &model) : model(model) {}

  void encode(const std::string &word, std::vector<int32_t> &ids) {
    constexpr size_t kLongest = 64, kMost = 1 << 16; // bytes of a word, words
    if (word.size() > kLongest)
      return model.encode(word, ids);
    auto it = known.find(word);
    if (it == known.end()) {
      std::vector<int32_t> own;
      model.encode(word, own);
      if (known.size() == kMost)
        known.clear();
      it = known.emplace(word, std::move(own)).first;
    }
    ids.insert(ids.end(), it->second.begin(), it->second.end());
  }

private:
  const Bpe &model;
  StringMap<std::vector<int32_t>> known;
};
} // namespace

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool addSpecial, bool parseSpecial) const {
  if (std::optional<size_t> at = utf8::findInvalid(text))
    throw std::runtime_error("expected text in UTF-8, found byte " +
                             std::to_string(static_cast<unsigned char>(text[*at])) + " at offset " +
                             std::to_string(*at));
  WordEncoder words(data->model);
  std::vector<int32_t> ids;
  if (addSpecial)
    ids = data->before;
  for (const auto &part : data->rawTokens.split(text, parseSpecial)) {
    if (part.id) {
      ids.push_back(*part.id);
      continue;
    }
    std::string normal = data->normalizer.apply(text.substr(part.range.begin, part.range.end - part.range.begin));
    for (const auto &[range, id] : data->normalizedTokens.split(normal, parseSpecial)) {
      if (id) {
        ids.push_back(*id);
        continue;
      }
      Piece piece{normal.substr(range.begin, range.end - range.begin), part.range.begin == 0 && range.begin == 0};
      for (const Piece &word : data->preTokenizer.apply(std::move(piece)))
        words.encode(word.text, ids);
    }
  }
  if (addSpecial)
    ids.insert(ids.end(), data->after.begin(), data->after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skipSpecial) const {
  StreamDecoder stream(*this, skipSpecial);
  stream.wholeRuns = true;
  std::string text;
  for (int32_t id : ids)
    text += stream.push(id);
  return text + stream.finish();
}

int32_t Tokenizer::vocabSize() const { return static_cast<int32_t>(data->tokenOf.size()); }

std::optional<int32_t> Tokenizer::tokenToId(std::string_view token) const {
  auto it = data->added.find(token);
  return it != data->added.end() ? std::optional(it->second) : data->model.find(token);
}

std::optional<std::string_view> Tokenizer::idToToken(int32_t id) const {
  if (id < 0 || id >= vocabSize() || !data->used[id])
    return std::nullopt;
  return data->tokenOf[id];
}

bool Tokenizer::isSpecial(int32_t id) const { return data->special.contains(id); }

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool skipSpecial)
    : data(tokenizer.data), skipSpecial(skipSpecial), stripsLeft(data->decoder.stripCount()) {}

std::string StreamDecoder::push(int32_t id) {
  bool known = id >= 0 && static_cast<size_t>(id) < data->tokenOf.size() && data->used[id];
  if (!known || (skipSpecial && data->special.contains(id)))
    return "";
  Decoder::Output output = data->decoder.render(data->tokenOf[id], first);
  first = false;
  if (output.isBytes) {
    pending += output.text;
    return wholeRuns ? "" : stripStart(drain(false));
  }
  std::string held = drain(true);
  return stripStart(held + output.text);
}

std::string StreamDecoder::finish() {
  std::string text = stripStart(drain(true));
  first = true;
  stripsLeft = data->decoder.stripCount();
  return text;
}

/// Takes the characters out of `pending`; what may yet become a character stays unless this is the end of the bytes.
std::string StreamDecoder::drain(bool final) {
  std::string text;
  bool byteLevel = data->decoder.isByteLevel();
  bool spoilt = wholeRuns && !byteLevel && utf8::findInvalid(pending); // then no byte of the run is a character
  size_t at = 0;
  while (at < pending.size()) {
    utf8::Unit unit = utf8::next(std::string_view(pending).substr(at));
    if (unit.status == utf8::Status::Incomplete && !final)
      break;
    if (unit.status == utf8::Status::Complete && !spoilt) {
      text.append(pending, at, unit.length);
      at += unit.length;
    } else {
      text += utf8::kReplacement;
      at += byteLevel ? unit.length : 1;
    }
  }
  pending.erase(0, at);
  return text;
}

std::string StreamDecoder::stripStart(std::string text) {
  const std::string &content = data->decoder.stripText();
  size_t at = 0;
  while (stripsLeft > 0 && at < text.size()) {
    bool drop = std::string_view(text).substr(at).starts_with(content);
    stripsLeft = drop ? stripsLeft - 1 : 0;
    at += drop ? content.size() : 0;
  }
  return text.substr(at);
}

} // namespace tp::rt
