//===- ByteLevel.h - bytes written as printable characters ------------------===//
//
// GPT-2's alphabet: each of the 256 bytes is one printable character, so that a vocabulary of byte strings is a
// vocabulary of text. Printable Latin-1 bytes stand for themselves; the others are U+0100, U+0101, ... in byte order.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_BYTELEVEL_H
#define TP_RUNTIME_TOKENIZER_BYTELEVEL_H

#include <string>
#include <string_view>

namespace tp::rt {

/// GPT-2's pattern of words, the one that a ByteLevel pre-tokenizer uses.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Any bytes -> valid UTF-8, one character per byte.
std::string bytesToChars(std::string_view bytes);

/// The inverse. A text with a character outside the alphabet (an added token, for instance) stands for its own bytes.
std::string charsToBytes(std::string_view text);

} // namespace tp::rt

#endif
