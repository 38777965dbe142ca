//===- Json.cpp - JSON files and typed access to their keys --------------------------------------------------===//
#include "Json.h"
#include "MappedFile.h"
#include "Text.h"
#include "tp/Support/Error.h"
#include <algorithm>
#include <cmath>
#include <set>

using nlohmann::json;

namespace tp::checkpoint {
namespace {

/// Watches a parse: bounds nesting, because copying and printing a value recurse, and finds repeated keys.
class ParseGuard {
public:
  ParseGuard(const std::string &where, const JsonLimits &limits) : where(where), limits(limits) {}

  bool operator()(int depth, json::parse_event_t event, json &value) {
    switch (event) {
    case json::parse_event_t::object_start:
    case json::parse_event_t::array_start:
      if (depth >= 64)
        throw Error("expected JSON nested at most 64 deep, found more in " + where);
      keys.emplace_back();
      break;
    case json::parse_event_t::object_end:
    case json::parse_event_t::array_end:
      keys.pop_back();
      break;
    case json::parse_event_t::key:
      return visitKey(depth, value.get_ref<const std::string &>());
    case json::parse_event_t::value:
      break;
    }
    return true;
  }

private:
  bool visitKey(int depth, const std::string &key) {
    if (limits.uniqueKeys && !keys.back().insert(key).second)
      throw Error("expected each key once, found " + quote(key) + " twice in " + where);
    return depth != 1 || limits.skipTopLevel.empty() || key != limits.skipTopLevel;
  }

  const std::string &where;
  const JsonLimits &limits;
  std::vector<std::set<std::string>> keys; ///< one set per open object or array
};

/// The library's message without its "[json.exception...] " and on one line.
std::string reason(const json::exception &error) {
  std::string_view text = error.what();
  if (size_t end = text.find("] "); text.starts_with('[') && end != text.npos)
    text.remove_prefix(end + 2);
  std::string line = quote(text);
  return line.substr(1, line.size() - 2);
}

/// What stands at a key, in a few words.
std::string describe(const json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return "an array of " + std::to_string(value.size());
  if (value.is_string())
    return "the string " + quote(value.get_ref<const std::string &>());
  return value.dump();
}

} // namespace

json parseObject(std::string_view text, const std::string &where, const JsonLimits &limits) {
  if (text.size() > limits.bytes)
    throw Error("expected at most " + std::to_string(limits.bytes) + " bytes of JSON, found " +
                std::to_string(text.size()) + " in " + where);
  json result;
  try {
    ParseGuard guard(where, limits);
    result = json::parse(text.begin(), text.end(),
                         [&](int depth, json::parse_event_t event, json &value) { return guard(depth, event, value); });
  } catch (const json::exception &error) {
    throw Error("expected JSON in " + where + ", found: " + reason(error));
  }
  if (!result.is_object())
    throw Error("expected a JSON object in " + where + ", found " + describe(result));
  return result;
}

json parseObjectFile(const std::string &path, const JsonLimits &limits) {
  MappedFile file(path);
  return parseObject(file.text(), quote(path), limits);
}

std::string KeyReader::spelled(const std::string &key) const {
  auto it = std::ranges::find(names, key, &std::pair<std::string_view, std::string_view>::first);
  return prefix + (it == names.end() ? key : std::string(it->second));
}

const json *KeyReader::find(const std::string &key) const {
  auto it = object.find(spelled(key));
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

void KeyReader::missing(const std::string &key) const {
  auto it = object.find(spelled(key));
  throw Error("expected key " + quote(spelled(key)) + " in " + where + ", found " +
              (it == object.end() ? "none" : "null"));
}

void KeyReader::wrong(const std::string &key, const std::string &expected) const {
  throw Error("expected " + expected + " at key " + quote(spelled(key)) + " in " + where + ", found " +
              describe(*find(key)));
}

std::optional<int64_t> KeyReader::integer(const std::string &key, int64_t least, int64_t most) const {
  const json *value = find(key);
  if (!value)
    return std::nullopt;
  bool fits = value->is_number_integer() &&
              !(value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
  if (!fits || value->get<int64_t>() < least || value->get<int64_t>() > most)
    wrong(key, least == std::numeric_limits<int64_t>::min()
                   ? "an integer"
                   : "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return value->get<int64_t>();
}

std::optional<double> KeyReader::positive(const std::string &key) const {
  const json *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>()) || value->get<double>() <= 0)
    wrong(key, "a number above 0");
  return value->get<double>();
}

std::optional<bool> KeyReader::boolean(const std::string &key) const {
  const json *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_boolean())
    wrong(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> KeyReader::string(const std::string &key) const {
  const json *value = find(key);
  if (!value)
    return std::nullopt;
  if (!value->is_string())
    wrong(key, "a string");
  return value->get<std::string>();
}

int64_t KeyReader::needInteger(const std::string &key, int64_t least, int64_t most) const {
  if (auto value = integer(key, least, most))
    return *value;
  missing(key);
}

double KeyReader::needPositive(const std::string &key) const {
  if (auto value = positive(key))
    return *value;
  missing(key);
}

std::string KeyReader::needString(const std::string &key) const {
  if (auto value = string(key))
    return std::move(*value);
  missing(key);
}

} // namespace tp::checkpoint
