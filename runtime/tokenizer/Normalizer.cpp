#include "Normalizer.h"
#include "Unicode.h"

#include <memory>

namespace tp::rt {

Pattern::Pattern(const json::Json &node, std::string_view where) {
  const json::Json *pattern = json::find(node, "pattern");
  if (!pattern || !pattern->is_object())
    json::fail(where, "a pattern {\"String\": ...} or {\"Regex\": ...}", json::describe(pattern));
  if (json::find(*pattern, "Regex"))
    regex.emplace(json::getString(*pattern, "Regex", where));
  else
    literal = json::getString(*pattern, "String", where);
}

std::vector<Range> Pattern::findAll(std::string_view text) const {
  if (regex)
    return regex->findAll(text);
  std::vector<Range> found;
  for (size_t at = 0; !literal.empty() && (at = text.find(literal, at)) != std::string_view::npos; at += literal.size())
    found.push_back({at, at + literal.size()});
  return found;
}

std::string Pattern::replaceAll(std::string_view text, std::string_view by) const {
  std::string out;
  size_t done = 0;
  for (Range match : findAll(text)) {
    out += text.substr(done, match.begin - done);
    out += by;
    done = match.end;
  }
  out += text.substr(done);
  return out;
}

namespace {
using Step = std::function<std::string(std::string_view)>;

Step makePrepend(const json::Json &node) {
  return [prefix = json::getString(node, "prepend", "normalizer Prepend")](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  };
}

Step makeReplace(const json::Json &node) {
  auto pattern = std::make_shared<Pattern>(node, "normalizer Replace");
  return [pattern, by = json::getString(node, "content", "normalizer Replace")](std::string_view text) {
    return pattern->replaceAll(text, by);
  };
}

Step makeStrip(const json::Json &node) {
  bool left = json::getBool(node, "strip_left", "normalizer Strip", true);
  bool right = json::getBool(node, "strip_right", "normalizer Strip", true);
  return [=](std::string_view text) {
    if (left)
      text.remove_prefix(spacesAtStart(text));
    if (right)
      text.remove_suffix(spacesAtEnd(text));
    return std::string(text);
  };
}
} // namespace

void Normalizer::add(const json::Json &node, int depth) {
  if (node.is_null())
    return;
  json::needObject(node, "normalizer");
  const std::string &type = json::getString(node, "type", "normalizer");
  if (depth > json::kMaxDepth)
    json::fail("normalizer", "at most " + std::to_string(json::kMaxDepth) + " nested sequences", "more");
  if (type == "Sequence") {
    for (const json::Json &child : json::getArray(node, "normalizers", "normalizer Sequence"))
      add(child, depth + 1);
  } else if (type == "NFC") {
    steps.push_back(toNfc);
  } else if (type == "NFD") {
    steps.push_back(toNfd);
  } else if (type == "Prepend") {
    steps.push_back(makePrepend(node));
  } else if (type == "Replace") {
    steps.push_back(makeReplace(node));
  } else if (type == "Strip") {
    steps.push_back(makeStrip(node));
  } else {
    json::fail("normalizer", "Sequence, NFC, NFD, Prepend, Replace or Strip", json::describe(json::find(node, "type")));
  }
}

std::string Normalizer::apply(std::string_view text) const {
  std::string out(text);
  for (const Step &step : steps)
    out = step(out);
  return out;
}

} // namespace tp::rt
