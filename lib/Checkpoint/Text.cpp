//===- Text.cpp - Text for error messages --------------------------------------------------------------------===//
#include "Text.h"
#include <algorithm>

namespace tp::checkpoint {

std::string quote(std::string_view text) {
  constexpr size_t longest = 120;
  constexpr char hex[] = "0123456789abcdef";
  std::string result = "'";
  for (char c : text.substr(0, longest)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      result += c;
    else
      result += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
  }
  return result + (text.size() > longest ? "...'" : "'");
}

std::string shapeText(std::span<const int64_t> shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    result += (i ? ", " : "") + std::to_string(shape[i]);
  return result + "]";
}

/// Bytes of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
static size_t utf8Length(std::string_view text) {
  auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto isTail = [&](size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  unsigned lead = at(0);
  if (lead < 0x80)
    return 1;
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if (!isTail(i))
      return 0;
  // Overlong forms, surrogates, and code points past U+10FFFF are told by the second byte.
  bool bad = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) >= 0xa0) || (lead == 0xf0 && at(1) < 0x90) ||
             (lead == 0xf4 && at(1) >= 0x90);
  return bad ? 0 : length;
}

std::string validUtf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t length = utf8Length(text);
    if (length)
      result += text.substr(0, length);
    else
      result += "\xef\xbf\xbd";
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

int64_t elementCount(std::span<const int64_t> shape) {
  int64_t product = 1;
  bool empty = false;
  for (int64_t size : shape) {
    empty |= size == 0;
    if (size < 0 || __builtin_mul_overflow(product, size ? size : 1, &product))
      return -1;
  }
  return empty ? 0 : product;
}

} // namespace tp::checkpoint
