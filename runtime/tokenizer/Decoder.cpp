#include "Decoder.h"
#include "ByteLevel.h"
#include "Normalizer.h"

#include <memory>
#include <optional>

namespace tp::rt {

namespace {
/// The byte that "<0xE2>" stands for.
std::optional<char> byteOf(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
    return std::nullopt;
  int value = 0;
  for (char c : token.substr(3, 2)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
    if (digit < 0)
      return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

size_t getCount(const json::Json &node, const char *key) {
  const json::Json *value = json::find(node, key);
  if (!value || !value->is_number_unsigned())
    json::fail("decoder Strip", "a count '" + std::string(key) + "'", json::describe(value));
  return value->get<size_t>();
}
} // namespace

Decoder::Decoder(const json::Json &node) {
  if (node.is_null())
    return;
  spaced = false;
  add(node, 0);
}

void Decoder::add(const json::Json &node, int depth) {
  json::needObject(node, "decoder");
  const std::string &type = json::getString(node, "type", "decoder");
  if (depth > json::kMaxDepth)
    json::fail("decoder", "at most " + std::to_string(json::kMaxDepth) + " nested sequences", "more");
  bool ends = type == "Strip" || type == "Fuse" || type == "Sequence";
  if ((fused || byteLevel) && !ends)
    json::fail("decoder", "nothing but Strip after Fuse or ByteLevel", "'" + type + "'");
  if (type == "Sequence") {
    for (const json::Json &child : json::getArray(node, "decoders", "decoder Sequence"))
      add(child, depth + 1);
  } else if (type == "ByteLevel") {
    byteLevel = fused = true; // it joins all tokens
  } else if (type == "ByteFallback") {
    byteFallback = true;
  } else if (type == "Fuse") {
    fused = true;
  } else if (type == "Replace") {
    auto pattern = std::make_shared<Pattern>(node, "decoder Replace");
    steps.push_back([pattern, by = json::getString(node, "content", "decoder Replace")](std::string_view token, bool) {
      return pattern->replaceAll(token, by);
    });
  } else if (type == "Metaspace") {
    addMetaspace(node);
  } else if (type == "Strip") {
    addStrip(node);
  } else {
    json::fail("decoder", "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Metaspace or Strip",
               json::describe(json::find(node, "type")));
  }
}

void Decoder::addStrip(const json::Json &node) {
  size_t start = getCount(node, "start"), stop = getCount(node, "stop");
  std::string content = json::getString(node, "content", "decoder Strip");
  if (content.empty())
    json::fail("decoder Strip", "a character 'content'", "''");
  if (stop != 0)
    json::fail("decoder Strip", "'stop' 0", std::to_string(stop));
  if (fused) {
    if (strip != 0)
      json::fail("decoder", "one Strip after Fuse", "two");
    strip = start;
    stripped = content;
    return;
  }
  steps.push_back([=](std::string_view token, bool) {
    for (size_t i = 0; i < start && token.starts_with(content); ++i)
      token.remove_prefix(content.size());
    return std::string(token);
  });
}

void Decoder::addMetaspace(const json::Json &node) {
  constexpr std::string_view where = "decoder Metaspace";
  std::string mark = json::getString(node, "replacement", where, "\u2581");
  bool addSpace = json::getBool(node, "add_prefix_space", where, true);
  bool dropsFirst = json::getString(node, "prepend_scheme", where, addSpace ? "always" : "never") != "never";
  auto pattern = std::make_shared<Pattern>(json::Json{{"pattern", {{"String", mark}}}}, where);
  steps.push_back(
      [=](std::string_view token, bool first) { return pattern->replaceAll(token, first && dropsFirst ? "" : " "); });
}

Decoder::Output Decoder::render(std::string_view token, bool first) const {
  if (spaced)
    return {(first ? "" : " ") + std::string(token), false};
  std::string text(token);
  for (const Step &step : steps)
    text = step(text, first);
  if (byteLevel)
    return {charsToBytes(text), true};
  std::optional<char> byte = byteFallback ? byteOf(text) : std::nullopt;
  return byte ? Output{std::string(1, *byte), true} : Output{std::move(text), false};
}

} // namespace tp::rt
