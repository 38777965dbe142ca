#include "Bpe.h"
#include "Utf8.h"

#include <queue>

namespace tp::rt {

namespace {
constexpr std::string_view kWhere = "model";

uint64_t pairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

void refuseAffix(const json::Json &node, const char *key) {
  std::string affix = json::getString(node, key, kWhere, "");
  if (!affix.empty())
    json::fail(kWhere, "no '" + std::string(key) + "'", "'" + affix + "'");
}
} // namespace

Bpe::Bpe(const json::Json &node) {
  json::needObject(node, kWhere);
  // Files from before the types had names carry none; they have merges.
  std::string type = json::getString(node, "type", kWhere, node.contains("merges") ? "BPE" : "a model without a type");
  if (type != "BPE")
    json::fail(kWhere, "type 'BPE'", "'" + type + "'");
  refuseAffix(node, "continuing_subword_prefix");
  refuseAffix(node, "end_of_word_suffix");
  const json::Json *dropout = json::find(node, "dropout");
  if (dropout && !(dropout->is_number() && dropout->get<double>() == 0))
    json::fail(kWhere, "no 'dropout'", dropout->dump());
  readVocab(node);
  if (json::find(node, "unk_token")) {
    const std::string &token = json::getString(node, "unk_token", kWhere);
    unknown = find(token);
    if (!unknown)
      json::fail(kWhere, "the unknown token '" + token + "' in the vocabulary", "none");
  }
  fuseUnknown = json::getBool(node, "fuse_unk", kWhere, false);
  ignoreMerges = json::getBool(node, "ignore_merges", kWhere, false);
  if (json::getBool(node, "byte_fallback", kWhere, false)) {
    constexpr char kHex[] = "0123456789ABCDEF";
    for (int byte = 0; byte < 256; ++byte)
      byteTokens.push_back(find(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">").value_or(-1));
  }
  readMerges(node);
}

void Bpe::readVocab(const json::Json &node) {
  const json::Json *vocab = json::find(node, "vocab");
  if (!vocab || !vocab->is_object())
    json::fail(kWhere, "an object 'vocab'", json::describe(vocab));
  tokens.reserve(vocab->size());
  for (const auto &[token, id] : vocab->items())
    tokens.emplace(token, json::toId(id, "model vocab"));
}

void Bpe::readMerges(const json::Json &node) {
  constexpr std::string_view where = "model merges";
  int32_t rank = 0;
  const json::Json &list = json::getArray(node, "merges", kWhere);
  merges.reserve(list.size());
  for (const json::Json &entry : list) {
    bool isPair = entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string();
    if (isPair) {
      addMerge(entry[0].get_ref<const std::string &>(), entry[1].get_ref<const std::string &>(), rank++);
      continue;
    }
    if (!entry.is_string())
      json::fail(where, "\"left right\" or [\"left\", \"right\"]", json::describe(&entry));
    const std::string &text = entry.get_ref<const std::string &>();
    size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      json::fail(where, "two tokens with one space between", json::describe(&entry));
    addMerge(std::string_view(text).substr(0, space), std::string_view(text).substr(space + 1), rank++);
  }
}

void Bpe::addMerge(std::string_view left, std::string_view right, int32_t rank) {
  auto idOf = [&](std::string_view token) {
    std::optional<int32_t> id = find(token);
    if (!id)
      json::fail("model merges", "tokens of the vocabulary",
                 "'" + std::string(token) + "' in merge " + std::to_string(rank));
    return *id;
  };
  int32_t result = idOf(std::string(left) + std::string(right));
  merges.insert_or_assign(pairKey(idOf(left), idOf(right)), Merge{rank, result});
}

std::optional<int32_t> Bpe::find(std::string_view token) const {
  auto it = tokens.find(token);
  return it == tokens.end() ? std::nullopt : std::optional(it->second);
}

void Bpe::encode(std::string_view word, std::vector<int32_t> &ids) const {
  if (ignoreMerges) {
    if (std::optional<int32_t> id = find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  std::vector<int32_t> symbols;
  split(word, symbols);
  merge(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void Bpe::split(std::string_view word, std::vector<int32_t> &symbols) const {
  bool afterUnknown = false;
  for (size_t at = 0; at < word.size();) {
    std::string_view character = word.substr(at, utf8::next(word.substr(at)).length);
    at += character.size();
    if (std::optional<int32_t> id = find(character)) {
      symbols.push_back(*id);
      afterUnknown = false;
    } else if (splitToBytes(character, symbols)) {
      afterUnknown = false;
    } else if (unknown) {
      if (!afterUnknown || !fuseUnknown)
        symbols.push_back(*unknown);
      afterUnknown = true;
    }
  }
}

bool Bpe::splitToBytes(std::string_view character, std::vector<int32_t> &symbols) const {
  if (byteTokens.empty())
    return false;
  for (unsigned char byte : character)
    if (byteTokens[byte] < 0)
      return false;
  for (unsigned char byte : character)
    symbols.push_back(byteTokens[byte]);
  return true;
}

const Bpe::Merge *Bpe::mergeOf(int32_t left, int32_t right) const {
  auto it = merges.find(pairKey(left, right));
  return it == merges.end() ? nullptr : &it->second;
}

void Bpe::merge(std::vector<int32_t> &symbols) const {
  // The symbols are a linked list in which a merge takes the place of its left symbol; the right one becomes dead (-1).
  // A candidate whose symbols have changed since it was queued is recognised by its result and dropped.
  struct Candidate {
    int32_t rank, result;
    size_t at;
    bool operator>(const Candidate &other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  constexpr size_t kEnd = static_cast<size_t>(-1);
  size_t count = symbols.size();
  std::vector<size_t> previous(count), next(count);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  auto offer = [&](size_t at) {
    if (at == kEnd || next[at] == kEnd)
      return;
    if (const Merge *found = mergeOf(symbols[at], symbols[next[at]]))
      queue.push({found->rank, found->result, at});
  };
  for (size_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 == count ? kEnd : i + 1;
  }
  for (size_t i = 0; i < count; ++i)
    offer(i);
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    size_t right = symbols[top.at] < 0 ? kEnd : next[top.at];
    const Merge *found = right == kEnd ? nullptr : mergeOf(symbols[top.at], symbols[right]);
    if (!found || found->result != top.result)
      continue;
    symbols[top.at] = top.result;
    symbols[right] = -1;
    next[top.at] = next[right];
    if (next[right] != kEnd)
      previous[next[right]] = top.at;
    offer(previous[top.at]);
    offer(top.at);
  }
  std::erase(symbols, -1);
}

} // namespace tp::rt
