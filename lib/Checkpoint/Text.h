//===- Text.h - Text for error messages ----------------------------------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_TEXT_H
#define TP_LIB_CHECKPOINT_TEXT_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tp::checkpoint {

/// `text` in single quotes on one line: bytes that are not printable ASCII are escaped, and long text is cut. Names in
/// a damaged file may hold anything, and an error stays one readable line.
std::string quote(std::string_view text);

/// "[576, 1536]"
std::string shapeText(std::span<const int64_t> shape);

/// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD, so that it can be written as JSON.
std::string validUtf8(std::string_view text);

/// The product of the dimensions, or -1 when one is negative or when the product of those above 0 passes int64.
int64_t elementCount(std::span<const int64_t> shape);

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_TEXT_H
