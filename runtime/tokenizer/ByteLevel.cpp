#include "ByteLevel.h"
#include "Utf8.h"

#include <array>

namespace tp::rt {

namespace {
struct Alphabet {
  std::array<char32_t, 256> charOf{};
  std::array<int, 0x200> byteOf{}; // -1: not in the alphabet

  Alphabet() {
    byteOf.fill(-1);
    char32_t free = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      charOf[byte] = printable ? static_cast<char32_t>(byte) : free++;
      byteOf[charOf[byte]] = byte;
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}
} // namespace

std::string bytesToChars(std::string_view bytes) {
  std::string out;
  for (unsigned char byte : bytes)
    utf8::append(out, alphabet().charOf[byte]);
  return out;
}

std::string charsToBytes(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    utf8::Unit unit = utf8::next(text.substr(at));
    int byte = unit.codePoint < alphabet().byteOf.size() ? alphabet().byteOf[unit.codePoint] : -1;
    if (byte < 0)
      return std::string(text);
    out += static_cast<char>(byte);
    at += unit.length;
  }
  return out;
}

} // namespace tp::rt
