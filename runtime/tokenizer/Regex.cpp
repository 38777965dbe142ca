#include "Regex.h"
#include "Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdexcept>

namespace tp::rt {

namespace {
constexpr std::string_view kSpaces =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kWord = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9})";

constexpr size_t kStackBytes = 64 << 20;
constexpr uint32_t kMatchLimit = 10'000'000; // steps; a pattern that needs more would seem to hang

[[noreturn]] void refuse(std::string_view pattern, const std::string &why) {
  throw std::runtime_error("regular expression '" + std::string(pattern) + "': " + why);
}

/// Walks over a pattern once. Onig's \s is Unicode's White_Space, PCRE2's has U+180E too; Onig's \w has marks.
class Translator {
public:
  explicit Translator(std::string_view pattern) : pattern(pattern) {}

  std::string run() {
    for (at = 0; at < pattern.size(); ++at) {
      if (pattern[at] == '\\')
        escape();
      else if (depth > 0)
        inClass();
      else if (pattern[at] == '[')
        openClass();
      else
        out += pattern[at];
    }
    if (depth > 0)
      refuse(pattern, "expected ']', found the end");
    return std::move(out);
  }

private:
  void escape() {
    if (at + 1 == pattern.size())
      refuse(pattern, "expected a character after '\\', found the end");
    char c = pattern[++at];
    bool inside = depth > 0;
    if (c == 's' || c == 'w') {
      std::string set(c == 's' ? kSpaces : kWord);
      out += inside ? set : "[" + set + "]";
    } else if ((c == 'S' || c == 'W') && !inside) {
      out += "[^" + std::string(c == 'S' ? kSpaces : kWord) + "]";
    } else if (c == 'h' || c == 'H' || c == 'W' || ((c == 'b' || c == 'B') && !inside)) {
      refuse(pattern, std::string("'\\") + c + "' is not supported here");
    } else {
      (out += '\\') += c;
    }
  }

  void openClass() {
    ++depth;
    out += '[';
    if (at + 1 < pattern.size() && pattern[at + 1] == '^')
      out += pattern[++at];
    if (at + 1 < pattern.size() && pattern[at + 1] == ']') {
      out += "\\]"; // a ']' that comes first is a character
      ++at;
    }
  }

  void inClass() {
    std::string_view rest = pattern.substr(at);
    if (rest.starts_with("[:")) {
      size_t end = rest.find(":]");
      if (end == std::string_view::npos)
        refuse(pattern, "expected ':]' after '[:'");
      out += rest.substr(0, end + 2);
      at += end + 1;
    } else if (rest.starts_with("[^") || rest.starts_with("&&")) {
      refuse(pattern, "a class that excludes or intersects inside a class is not supported");
    } else if (rest[0] == '[') {
      ++depth; // a union inside a class: its brackets mean nothing
    } else if (rest[0] == ']') {
      if (--depth == 0)
        out += ']';
    } else {
      out += rest[0];
    }
  }

  std::string_view pattern;
  std::string out;
  size_t at = 0;
  int depth = 0;
};

std::string messageOf(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}
} // namespace

std::string toPcre2(std::string_view pattern) { return Translator(pattern).run(); }

struct Regex::Code {
  std::string pattern;
  pcre2_code *code = nullptr;
  pcre2_match_context *context = nullptr;

  ~Code() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }

  /// One match from `at` on; a pattern that backtracks far gets a larger stack than the 32 KiB that PCRE2 starts with.
  /// The stack is made for the one match, so that several threads can use the same pattern.
  int match(std::string_view text, size_t at, pcre2_match_data *data) const {
    auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    // The text was checked once, at the door; PCRE2 would check all of it for each match.
    int count = pcre2_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data, context);
    if (count != PCRE2_ERROR_JIT_STACKLIMIT)
      return count;
    std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> own(pcre2_match_context_copy(context),
                                                                                  pcre2_match_context_free);
    std::unique_ptr<pcre2_jit_stack, decltype(&pcre2_jit_stack_free)> stack(
        pcre2_jit_stack_create(1 << 20, kStackBytes, nullptr), pcre2_jit_stack_free);
    pcre2_jit_stack_assign(own.get(), nullptr, stack.get());
    return pcre2_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data, own.get());
  }
};

Regex::Regex(std::string_view pattern) : code(std::make_unique<Code>()) {
  code->pattern = pattern;
  std::string translated = toPcre2(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (!code->code)
    refuse(pattern, messageOf(error));
  code->context = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(code->context, kMatchLimit);
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE); // where this fails the interpreter runs the pattern
}

Regex::~Regex() = default;
Regex::Regex(Regex &&) noexcept = default;
Regex &Regex::operator=(Regex &&) noexcept = default;

std::vector<Range> Regex::findAll(std::string_view text) const {
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code->code, nullptr), pcre2_match_data_free);
  std::vector<Range> matches;
  for (size_t at = 0; at <= text.size();) {
    int count = code->match(text, at, data.get());
    if (count == PCRE2_ERROR_NOMATCH)
      break;
    if (count < 0)
      refuse(code->pattern, messageOf(count));
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(data.get());
    Range match{found[0], found[1]};
    if (match.end < match.begin || match.end < at)
      refuse(code->pattern, "a match that ends before it begins");
    bool repeated = match.begin == match.end && !matches.empty() && matches.back().end == match.begin;
    if (!repeated) // an empty match right after another is not one
      matches.push_back(match);
    at = match.end;
    if (match.begin == match.end)
      at += at < text.size() ? utf8::next(text.substr(at)).length : 1;
  }
  return matches;
}

} // namespace tp::rt
