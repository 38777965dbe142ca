//===- Tokenizer.h - text to token ids and back --------------------------------------===//
//
// Reads a Hugging Face `tokenizer.json` with a byte-pair model: byte-level (GPT-2, Llama 3, Qwen 2, SmolLM) or with
// marked spaces and byte fallback (Llama 2, Mistral, Gemma). What the file asks for and this library does not know is
// an error at load; nothing is left out in silence, but for "truncation" and "padding", which are a caller's matter.
//
// A Tokenizer does not change after it is made: copies share it, and several threads can use it.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_TOKENIZER_H
#define TP_RUNTIME_TOKENIZER_TOKENIZER_H

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tp::rt {

class Tokenizer {
public:
  /// Throws std::runtime_error, one line that starts with `path`: the file cannot be read, is not JSON, or holds
  /// something that is not understood.
  static Tokenizer load(const std::string &path);

  /// The same from the text of a tokenizer.json.
  static Tokenizer parse(std::string_view json);

  /// Token ids of `text`. `addSpecial`: with what the file's post-processor puts around a text (usually bos).
  /// `parseSpecial`: special tokens written in the text (<|im_end|>) become their ids, otherwise they are text like any
  /// other. Throws std::runtime_error when `text` is not valid UTF-8.
  std::vector<int32_t> encode(std::string_view text, bool addSpecial, bool parseSpecial) const;

  /// Text of `ids`, always valid UTF-8: bytes that form no character become U+FFFD. Ids that the vocabulary lacks stand
  /// for nothing. `skipSpecial`: leaves special tokens out.
  std::string decode(std::span<const int32_t> ids, bool skipSpecial) const;

  /// One more than the largest id. (A model's embedding may have more rows.)
  int32_t vocabSize() const;

  std::optional<int32_t> tokenToId(std::string_view token) const;

  /// The token as the file writes it (not decoded).
  std::optional<std::string_view> idToToken(int32_t id) const;

  /// Whether `id` is an added token that is marked special.
  bool isSpecial(int32_t id) const;

private:
  friend class StreamDecoder;
  struct Data;
  explicit Tokenizer(std::shared_ptr<const Data> data) : data(std::move(data)) {}
  std::shared_ptr<const Data> data;
};

/// Decodes token by token. The texts given out, joined, are what decode() gives, except that a run of byte-fallback
/// tokens that is no valid UTF-8 keeps the characters at its start that are valid (they have been given out).
class StreamDecoder {
public:
  explicit StreamDecoder(const Tokenizer &tokenizer, bool skipSpecial = true);

  /// The text that `id` completes: empty while a character lacks bytes.
  std::string push(int32_t id);

  /// What is held back, as U+FFFD. The decoder can then start another text.
  std::string finish();

private:
  friend class Tokenizer;
  std::string drain(bool final);
  std::string stripStart(std::string text);

  std::shared_ptr<const Tokenizer::Data> data;
  bool skipSpecial;
  bool wholeRuns = false; ///< decode(): waits for the end of a run of bytes before it judges it
  bool first = true;
  size_t stripsLeft;
  std::string pending; ///< bytes that no character has taken yet
};

} // namespace tp::rt

#endif
