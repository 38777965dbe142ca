//===- Normalizer.h - what happens to text before it is cut up ----------------===//
//
// The "normalizer" of tokenizer.json: Sequence, NFC, NFD, Prepend, Replace, Strip. Text is valid UTF-8.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_NORMALIZER_H
#define TP_RUNTIME_TOKENIZER_NORMALIZER_H

#include "JsonRead.h"
#include "Regex.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tp::rt {

/// A {"String": ...} or {"Regex": ...}.
class Pattern {
public:
  Pattern(const json::Json &node, std::string_view where);
  std::vector<Range> findAll(std::string_view text) const;
  std::string replaceAll(std::string_view text, std::string_view by) const;

private:
  std::string literal;
  std::optional<Regex> regex; // a pattern that is not literal
};

class Normalizer {
public:
  /// Changes nothing.
  Normalizer() = default;
  /// `node`: the object, or null. Throws std::runtime_error on a type it does not know.
  explicit Normalizer(const json::Json &node) { add(node, 0); }

  std::string apply(std::string_view text) const;

private:
  void add(const json::Json &node, int depth);
  std::vector<std::function<std::string(std::string_view)>> steps;
};

} // namespace tp::rt

#endif
