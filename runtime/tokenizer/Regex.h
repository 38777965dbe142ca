//===- Regex.h - the regular expressions of tokenizer.json ------------------===//
//
// tokenizer.json has patterns in Oniguruma's dialect; PCRE2 runs them here. Where both read a pattern differently (what
// \s and
// \w hold, classes inside classes) the pattern is rewritten to PCRE2's dialect, or refused. All text is valid UTF-8.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_REGEX_H
#define TP_RUNTIME_TOKENIZER_REGEX_H

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tp::rt {

/// Bytes [begin, end) of a text.
struct Range {
  size_t begin, end;
  bool operator==(const Range &) const = default;
};

class Regex {
public:
  /// Throws std::runtime_error naming the pattern when it cannot be compiled.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex &&) noexcept;
  Regex &operator=(Regex &&) noexcept;

  /// All matches that do not overlap, in order; a match may be empty. Throws std::runtime_error when the pattern needs
  /// more steps or memory than the limits allow.
  std::vector<Range> findAll(std::string_view text) const;

private:
  struct Code;
  std::unique_ptr<Code> code;
};

/// The rewriting itself (for tests): Oniguruma's dialect -> PCRE2's.
std::string toPcre2(std::string_view pattern);

} // namespace tp::rt

#endif
