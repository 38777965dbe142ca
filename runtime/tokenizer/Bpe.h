//===- Bpe.h - byte-pair encoding ------------------------------------------------===//
//
// The "model" of tokenizer.json: a word starts as its characters; the neighbours whose merge comes first in the list
// are joined, leftmost first, until no listed pair is left. A word of n characters costs O(n log n).
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_BPE_H
#define TP_RUNTIME_TOKENIZER_BPE_H

#include "JsonRead.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tp::rt {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <typename Value> using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

class Bpe {
public:
  Bpe() = default;
  /// `node`: the object "model". Throws std::runtime_error on anything that is not a BPE model as expected.
  explicit Bpe(const json::Json &node);

  /// Appends the ids of a word (valid UTF-8). A character that the vocabulary lacks becomes its bytes' tokens, or the
  /// unknown token, or nothing where the model has neither.
  void encode(std::string_view word, std::vector<int32_t> &ids) const;

  std::optional<int32_t> find(std::string_view token) const;
  const StringMap<int32_t> &vocab() const { return tokens; }

private:
  struct Merge {
    int32_t rank, result;
  };

  void readVocab(const json::Json &node);
  void readMerges(const json::Json &node);
  void addMerge(std::string_view left, std::string_view right, int32_t rank);
  void split(std::string_view word, std::vector<int32_t> &symbols) const;
  bool splitToBytes(std::string_view character, std::vector<int32_t> &symbols) const;
  const Merge *mergeOf(int32_t left, int32_t right) const;
  void merge(std::vector<int32_t> &symbols) const;

  StringMap<int32_t> tokens;
  std::unordered_map<uint64_t, Merge> merges; // by both ids
  std::vector<int32_t> byteTokens;            // 256 ids of <0x00>..<0xFF> (-1: none), or empty without byte fallback
  std::optional<int32_t> unknown;
  bool fuseUnknown = false;
  bool ignoreMerges = false; // a word that is a token is that token, whatever the merges make of it
};

} // namespace tp::rt

#endif
