//===- Utf8.h - UTF-8 in small steps ------------------------------------===//
//
// Lengths and offsets are bytes; a code point is a char32_t. Only well-formed UTF-8 counts as valid: no overlong forms,
// no surrogates, nothing above U+10FFFF.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_UTF8_H
#define TP_RUNTIME_TOKENIZER_UTF8_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tp::rt::utf8 {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD

enum class Status { Complete, Incomplete, Invalid };

/// What stands at the start of a byte sequence.
struct Unit {
  Status status;
  size_t length;      ///< bytes of the character, or of the longest prefix of one (at least 1)
  char32_t codePoint; ///< when Complete
};

/// Looks at the first character of `bytes`, which must not be empty.
Unit next(std::string_view bytes);

/// Offset of the first byte that belongs to no valid character; nothing when all of `text` is valid.
std::optional<size_t> findInvalid(std::string_view text);

void append(std::string &out, char32_t codePoint);

/// The code points of valid UTF-8.
std::u32string decode(std::string_view text);
std::string encode(std::u32string_view codePoints);

/// Where the last character of valid UTF-8 starts; `text` must not be empty.
size_t lastStart(std::string_view text);

/// Number of code points in valid UTF-8.
size_t length(std::string_view text);

} // namespace tp::rt::utf8

#endif
