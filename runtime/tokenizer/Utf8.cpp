#include "Utf8.h"

namespace tp::rt::utf8 {

namespace {
/// The length of a character by its first byte and the bounds of its second byte (0 bytes: no character starts so).
struct Lead {
  size_t length;
  unsigned char low, high;
};

Lead leadOf(unsigned char byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xC2)
    return {0, 0, 0};
  if (byte < 0xE0)
    return {2, 0x80, 0xBF};
  if (byte < 0xF0)
    return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
  if (byte < 0xF5)
    return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}
} // namespace

Unit next(std::string_view bytes) {
  unsigned char first = bytes[0];
  Lead lead = leadOf(first);
  if (lead.length == 0)
    return {Status::Invalid, 1, 0};
  if (lead.length == 1)
    return {Status::Complete, 1, first};
  char32_t value = first & (0x7F >> lead.length);
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size())
      return {Status::Incomplete, i, 0};
    unsigned char byte = bytes[i];
    unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high)
      return {Status::Invalid, i, 0};
    value = (value << 6) | (byte & 0x3F);
  }
  return {Status::Complete, lead.length, value};
}

std::optional<size_t> findInvalid(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Unit unit = next(text.substr(at));
    if (unit.status != Status::Complete)
      return at;
    at += unit.length;
  }
  return std::nullopt;
}

void append(std::string &out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    Unit unit = next(text.substr(at));
    out += unit.codePoint;
    at += unit.length;
  }
  return out;
}

std::string encode(std::u32string_view codePoints) {
  std::string out;
  for (char32_t c : codePoints)
    append(out, c);
  return out;
}

size_t lastStart(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
    --at;
  return at;
}

size_t length(std::string_view text) {
  size_t count = 0;
  for (unsigned char byte : text)
    count += (byte & 0xC0) != 0x80;
  return count;
}

} // namespace tp::rt::utf8
