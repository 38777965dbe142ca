#include "PreTokenizer.h"
#include "ByteLevel.h"
#include "Normalizer.h"

#include <memory>

namespace tp::rt {

namespace {
using Step = std::function<void(Piece, std::vector<Piece> &)>;

struct Part {
  Range range;
  bool match;
};

/// The text as an unbroken row of matches and what lies between them; parts may be empty.
std::vector<Part> partsOf(size_t size, const std::vector<Range> &matches, bool invert) {
  std::vector<Part> parts;
  size_t done = 0;
  for (Range match : matches) {
    if (done < match.begin)
      parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done < size)
    parts.push_back({{done, size}, invert});
  return parts;
}

void cut(const Piece &piece, const std::vector<Range> &ranges, std::vector<Piece> &out) {
  for (Range range : ranges)
    out.push_back({piece.text.substr(range.begin, range.end - range.begin), piece.atStart && range.begin == 0});
}

SplitBehavior behaviorOf(const std::string &name, std::string_view where) {
  if (name == "Removed")
    return SplitBehavior::Removed;
  if (name == "Isolated")
    return SplitBehavior::Isolated;
  if (name == "MergedWithPrevious")
    return SplitBehavior::MergedWithPrevious;
  if (name == "MergedWithNext")
    return SplitBehavior::MergedWithNext;
  if (name == "Contiguous")
    return SplitBehavior::Contiguous;
  json::fail(where, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", "'" + name + "'");
}

Step splitBy(std::string_view pattern, SplitBehavior behavior) {
  auto regex = std::make_shared<Regex>(pattern);
  return [=](Piece piece, std::vector<Piece> &out) {
    cut(piece, splitAt(piece.text, regex->findAll(piece.text), behavior), out);
  };
}

Step makeSplit(const json::Json &node) {
  constexpr std::string_view where = "pre_tokenizer Split";
  auto pattern = std::make_shared<Pattern>(node, where);
  SplitBehavior behavior = behaviorOf(json::getString(node, "behavior", where), where);
  bool invert = json::getBool(node, "invert", where, false);
  return [=](Piece piece, std::vector<Piece> &out) {
    cut(piece, splitAt(piece.text, pattern->findAll(piece.text), behavior, invert), out);
  };
}

Step makeByteLevel(const json::Json &node) {
  constexpr std::string_view where = "pre_tokenizer ByteLevel";
  bool addSpace = json::getBool(node, "add_prefix_space", where, true);
  bool split = json::getBool(node, "use_regex", where, true);
  auto regex = std::make_shared<Regex>(kGpt2Pattern);
  return [=](Piece piece, std::vector<Piece> &out) {
    if (addSpace && !piece.text.starts_with(' '))
      piece.text.insert(0, 1, ' ');
    size_t first = out.size();
    if (split)
      cut(piece, splitAt(piece.text, regex->findAll(piece.text), SplitBehavior::Isolated), out);
    else
      out.push_back(std::move(piece));
    for (size_t i = first; i < out.size(); ++i)
      out[i].text = bytesToChars(out[i].text);
  };
}

enum class Prepend { Always, First, Never };

Prepend prependOf(const json::Json &node) {
  constexpr std::string_view where = "pre_tokenizer Metaspace";
  bool addSpace = json::getBool(node, "add_prefix_space", where, true); // the name in older files
  std::string scheme = json::getString(node, "prepend_scheme", where, addSpace ? "always" : "never");
  if (scheme == "always")
    return Prepend::Always;
  if (scheme == "first")
    return Prepend::First;
  if (scheme == "never")
    return Prepend::Never;
  json::fail(where, "always, first or never for 'prepend_scheme'", "'" + scheme + "'");
}

Step makeMetaspace(const json::Json &node) {
  constexpr std::string_view where = "pre_tokenizer Metaspace";
  std::string mark = json::getString(node, "replacement", where, "\u2581");
  if (mark.empty())
    json::fail(where, "a character for 'replacement'", "''");
  Prepend prepend = prependOf(node);
  bool split = json::getBool(node, "split", where, true);
  auto spaces = std::make_shared<Pattern>(json::Json{{"pattern", {{"String", " "}}}}, where);
  auto marks = std::make_shared<Pattern>(json::Json{{"pattern", {{"String", mark}}}}, where);
  return [=](Piece piece, std::vector<Piece> &out) {
    piece.text = spaces->replaceAll(piece.text, mark);
    bool wanted = prepend == Prepend::Always || (prepend == Prepend::First && piece.atStart);
    if (wanted && !piece.text.starts_with(mark))
      piece.text.insert(0, mark);
    if (split)
      cut(piece, splitAt(piece.text, marks->findAll(piece.text), SplitBehavior::MergedWithNext), out);
    else
      out.push_back(std::move(piece));
  };
}
} // namespace

std::vector<Range> splitAt(std::string_view text, const std::vector<Range> &matches, SplitBehavior behavior,
                           bool invert) {
  std::vector<Part> parts = partsOf(text.size(), matches, invert);
  std::vector<Range> out;
  for (size_t i = 0; i < parts.size(); ++i) {
    bool match = parts[i].match;
    bool before = i > 0 && parts[i - 1].match;
    bool join = false; // whether this part belongs to the piece before it
    if (behavior == SplitBehavior::MergedWithPrevious)
      join = match && !before;
    else if (behavior == SplitBehavior::MergedWithNext)
      join = before && !match;
    else if (behavior == SplitBehavior::Contiguous)
      join = match == before;
    if (behavior == SplitBehavior::Removed && match)
      continue;
    if (join && !out.empty())
      out.back().end = parts[i].range.end;
    else
      out.push_back(parts[i].range);
  }
  std::erase_if(out, [](Range range) { return range.begin == range.end; });
  return out;
}

void PreTokenizer::add(const json::Json &node, int depth) {
  if (node.is_null())
    return;
  json::needObject(node, "pre_tokenizer");
  const std::string &type = json::getString(node, "type", "pre_tokenizer");
  if (depth > json::kMaxDepth)
    json::fail("pre_tokenizer", "at most " + std::to_string(json::kMaxDepth) + " nested sequences", "more");
  if (type == "Sequence") {
    for (const json::Json &child : json::getArray(node, "pretokenizers", "pre_tokenizer Sequence"))
      add(child, depth + 1);
  } else if (type == "Split") {
    steps.push_back(makeSplit(node));
  } else if (type == "Digits") {
    bool each = json::getBool(node, "individual_digits", "pre_tokenizer Digits", false);
    steps.push_back(splitBy(each ? R"(\p{N})" : R"(\p{N}+)", SplitBehavior::Isolated));
  } else if (type == "Punctuation") {
    std::string behavior = json::getString(node, "behavior", "pre_tokenizer Punctuation", "Isolated");
    steps.push_back(splitBy(R"([!-/:-@\[-`{-~\p{P}])", behaviorOf(behavior, "pre_tokenizer Punctuation")));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(splitBy(R"(\s)", SplitBehavior::Removed));
  } else if (type == "ByteLevel") {
    steps.push_back(makeByteLevel(node));
  } else if (type == "Metaspace") {
    steps.push_back(makeMetaspace(node));
  } else {
    json::fail("pre_tokenizer", "Sequence, Split, Digits, Punctuation, WhitespaceSplit, ByteLevel or Metaspace",
               json::describe(json::find(node, "type")));
  }
}

std::vector<Piece> PreTokenizer::apply(Piece piece) const {
  std::vector<Piece> pieces;
  pieces.push_back(std::move(piece));
  for (const Step &step : steps) {
    std::vector<Piece> next;
    for (Piece &each : pieces)
      step(std::move(each), next);
    pieces = std::move(next);
  }
  return pieces;
}

} // namespace tp::rt
