//===- AddedTokens.h - tokens that are found in text whole ---------------------===//
//
// The "added_tokens" of tokenizer.json: special ones (<s>, <|im_end|>) and plain ones. At each place the longest one is
// taken, before any word is cut. Those that are not `normalized` are looked for in the text as it came, the others
// after the normalizer.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_ADDEDTOKENS_H
#define TP_RUNTIME_TOKENIZER_ADDEDTOKENS_H

#include "JsonRead.h"
#include "Normalizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tp::rt {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;
  bool normalized = false;
  bool leftStrip = false, rightStrip = false; ///< takes the white space beside it
  bool singleWord = false;                    ///< only where no word goes on beside it
};

/// One entry of "added_tokens".
AddedToken parseAddedToken(const json::Json &node);

/// A set of tokens to look for.
class AddedTokenFinder {
public:
  struct Part {
    Range range;
    std::optional<int32_t> id; ///< the token, or nothing for text between tokens
  };

  /// `key`: the text that stands for the token, its content or its normalized content; empty keys are never found.
  void add(const AddedToken &token, std::string_view key);

  /// Cuts `text` at the tokens in it, all of it in order. `parseSpecial` false: special tokens are left in the text.
  std::vector<Part> split(std::string_view text, bool parseSpecial) const;

private:
  struct Match {
    size_t length;
    const AddedToken *token;
  };
  std::optional<Match> longestAt(std::string_view text) const;
  bool standsAlone(std::string_view text, Range range) const;

  std::vector<AddedToken> tokens;
  // A tree of bytes: (node, byte) -> node; the root is 0.
  std::unordered_map<uint64_t, uint32_t> children;
  std::vector<int32_t> tokenAt{-1}; // by node: index in `tokens`
};

} // namespace tp::rt

#endif
