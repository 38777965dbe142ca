//===- PreTokenizer.h - cuts text into words ------------------------------------===//
//
// The "pre_tokenizer" of tokenizer.json: Sequence, Split, Digits, Punctuation, WhitespaceSplit, ByteLevel, Metaspace.
// Merges never cross the border of a word.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_PRETOKENIZER_H
#define TP_RUNTIME_TOKENIZER_PRETOKENIZER_H

#include "JsonRead.h"
#include "Regex.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tp::rt {

/// What becomes of the matches that cut a text.
enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

/// The pieces of `text`, none empty, given its matches; `invert` swaps matches and the rest.
std::vector<Range> splitAt(std::string_view text, const std::vector<Range> &matches, SplitBehavior behavior,
                           bool invert = false);

/// A part of the input on its way to become a word.
struct Piece {
  std::string text;
  bool atStart; ///< whether the input's first byte is in it
};

class PreTokenizer {
public:
  /// One word: all of the text.
  PreTokenizer() = default;
  /// `node`: the object, or null. Throws std::runtime_error on a type it does not know.
  explicit PreTokenizer(const json::Json &node) { add(node, 0); }

  /// The words of a piece, none empty.
  std::vector<Piece> apply(Piece piece) const;

private:
  void add(const json::Json &node, int depth);
  std::vector<std::function<void(Piece, std::vector<Piece> &)>> steps;
};

} // namespace tp::rt

#endif
