//===- Unicode.h - canonical normalization, white space ----------------------===//
//
// NFD and NFC of valid UTF-8 (Unicode 14, the version of PCRE2 10.42). The compatibility forms NFKC and NFKD are not
// here: no byte-pair model that the compiler imports uses them.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_UNICODE_H
#define TP_RUNTIME_TOKENIZER_UNICODE_H

#include <string>
#include <string_view>

namespace tp::rt {

std::string toNfd(std::string_view text);
std::string toNfc(std::string_view text);

/// Unicode's White_Space.
bool isSpace(char32_t c);

/// How many bytes of white space `text` starts, or ends, with.
size_t spacesAtStart(std::string_view text);
size_t spacesAtEnd(std::string_view text);

} // namespace tp::rt

#endif
