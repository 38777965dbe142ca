//===- Decoder.h - tokens back to text --------------------------------------------===//
//
// The "decoder" of tokenizer.json: ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip and sequences of them. It
// is held as what happens to one token, so that text can be given out token by token.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_DECODER_H
#define TP_RUNTIME_TOKENIZER_DECODER_H

#include "JsonRead.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tp::rt {

class Decoder {
public:
  /// What a token stands for: text, or bytes of a character that other tokens may complete.
  struct Output {
    std::string text;
    bool isBytes;
  };

  /// Tokens with spaces between them.
  Decoder() = default;
  /// `node`: the object, or null. Throws std::runtime_error on a type or an order it does not know.
  explicit Decoder(const json::Json &node);

  /// `first`: whether no token came before this one.
  Output render(std::string_view token, bool first) const;

  /// With ByteLevel an invalid sequence is one U+FFFD; with ByteFallback each of its bytes is one.
  bool isByteLevel() const { return byteLevel; }

  /// At most so many of these characters are dropped from the start of the whole text.
  size_t stripCount() const { return strip; }
  const std::string &stripText() const { return stripped; }

private:
  using Step = std::function<std::string(std::string_view token, bool first)>;
  void add(const json::Json &node, int depth);
  void addStrip(const json::Json &node);
  void addMetaspace(const json::Json &node);

  std::vector<Step> steps;
  bool byteLevel = false, byteFallback = false, fused = false;
  bool spaced = true; ///< no decoder at all: tokens with spaces between
  size_t strip = 0;
  std::string stripped;
};

} // namespace tp::rt

#endif
