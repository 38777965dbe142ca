#include "Unicode.h"
#include "Utf8.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

namespace tp::rt {

namespace {
struct ClassRange {
  char32_t first, last;
  uint8_t combiningClass;
};
struct Decomposition {
  char32_t whole, first, second; // second 0: the character stands for one other
};
struct Composition {
  char32_t first, second, whole;
};

#include "UnicodeTables.inc"

// Hangul syllables are made of their parts by arithmetic.
constexpr char32_t kSyllable = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28, kSyllables = kLeads * kVowels * kTails;

uint8_t combiningClass(char32_t c) {
  auto it = std::upper_bound(std::begin(kClasses), std::end(kClasses), c,
                             [](char32_t value, const ClassRange &range) { return value < range.first; });
  return it != std::begin(kClasses) && c <= std::prev(it)->last ? std::prev(it)->combiningClass : 0;
}

void decompose(char32_t c, std::u32string &out) {
  if (c >= kSyllable && c < kSyllable + kSyllables) {
    char32_t index = c - kSyllable;
    out += kLead + index / (kVowels * kTails);
    out += kVowel + index % (kVowels * kTails) / kTails;
    if (index % kTails)
      out += kTail + index % kTails;
    return;
  }
  auto it = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                             [](const Decomposition &row, char32_t value) { return row.whole < value; });
  if (it == std::end(kDecompositions) || it->whole != c) {
    out += c;
    return;
  }
  decompose(it->first, out);
  if (it->second)
    decompose(it->second, out);
}

/// The one character that stands for both, or 0.
char32_t compose(char32_t first, char32_t second) {
  if (first >= kLead && first < kLead + kLeads && second >= kVowel && second < kVowel + kVowels)
    return kSyllable + ((first - kLead) * kVowels + (second - kVowel)) * kTails;
  bool noTail = first >= kSyllable && first < kSyllable + kSyllables && (first - kSyllable) % kTails == 0;
  if (noTail && second > kTail && second < kTail + kTails)
    return first + (second - kTail);
  auto it =
      std::lower_bound(std::begin(kCompositions), std::end(kCompositions), std::tie(first, second),
                       [](const Composition &row, const auto &pair) { return std::tie(row.first, row.second) < pair; });
  bool found = it != std::end(kCompositions) && it->first == first && it->second == second;
  return found ? it->whole : 0;
}

/// By class; marks of one class keep their order.
void sortMarks(std::u32string::iterator begin, std::u32string::iterator end) {
  std::vector<std::tuple<uint8_t, size_t, char32_t>> marks;
  for (auto it = begin; it != end; ++it)
    marks.emplace_back(combiningClass(*it), marks.size(), *it);
  std::sort(marks.begin(), marks.end());
  for (const auto &mark : marks)
    *begin++ = std::get<2>(mark);
}

std::u32string decomposed(std::string_view text) {
  std::u32string out;
  for (char32_t c : utf8::decode(text))
    decompose(c, out);
  for (auto begin = out.begin(); begin != out.end();) { // each run of marks in the order of their classes
    if (combiningClass(*begin) == 0) {
      ++begin;
      continue;
    }
    auto end = std::find_if(begin, out.end(), [](char32_t c) { return combiningClass(c) == 0; });
    sortMarks(begin, end);
    begin = end;
  }
  return out;
}

/// No character below U+0300 changes in NFC, none below U+00C0 in NFD.
bool allBelow(std::string_view text, unsigned char leadByte) {
  return std::all_of(text.begin(), text.end(), [&](unsigned char byte) { return byte < leadByte; });
}
} // namespace

std::string toNfd(std::string_view text) {
  return allBelow(text, 0xC3) ? std::string(text) : utf8::encode(decomposed(text));
}

std::string toNfc(std::string_view text) {
  if (allBelow(text, 0xCC)) // 0xCC starts U+0300
    return std::string(text);
  std::u32string in = decomposed(text), out;
  constexpr size_t kNone = static_cast<size_t>(-1);
  size_t starter = kNone; // where in `out` the last character of class 0 stands
  uint8_t before = 0;     // class of the last character that stayed after it
  for (char32_t c : in) {
    uint8_t own = combiningClass(c);
    bool adjacent = starter != kNone && starter + 1 == out.size();
    bool blocked = starter == kNone || (!adjacent && (before == 0 || before >= own));
    if (char32_t whole = blocked ? 0 : compose(out[starter], c)) {
      out[starter] = whole;
      continue;
    }
    if (own == 0)
      starter = out.size();
    before = own;
    out += c;
  }
  return utf8::encode(out);
}

bool isSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t spacesAtStart(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    utf8::Unit unit = utf8::next(text.substr(at));
    if (!isSpace(unit.codePoint))
      break;
    at += unit.length;
  }
  return at;
}

size_t spacesAtEnd(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t at = utf8::lastStart(text.substr(0, end));
    if (!isSpace(utf8::next(text.substr(at)).codePoint))
      break;
    end = at;
  }
  return text.size() - end;
}

} // namespace tp::rt
