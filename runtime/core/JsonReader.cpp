#include "core/JsonReader.h"

namespace tp::rt {

void JsonReader::fail(const std::string &message) const {
  throw Error(file + ": " + (path.empty() ? "" : "key '" + path + "': ") + message);
}

// The value as a message shows it: short, whatever its size.
std::string JsonReader::found() const {
  if (value.is_object() || value.is_array())
    return value.is_object() ? "an object" : "an array";
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

JsonReader JsonReader::at(const std::string &key) const {
  if (!value.is_object())
    fail("expected an object, found " + found());
  auto it = value.find(key);
  std::string inner = path.empty() ? key : path + "." + key;
  if (it == value.end())
    JsonReader(value, file, inner).fail("missing");
  return JsonReader(*it, file, inner);
}

std::string JsonReader::string() const {
  if (!value.is_string())
    fail("expected a string, found " + found());
  return value.get<std::string>();
}

bool JsonReader::boolean() const {
  if (!value.is_boolean())
    fail("expected true or false, found " + found());
  return value.get<bool>();
}

int64_t JsonReader::integer(int64_t low, int64_t high) const {
  auto range = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value.is_number_integer())
    fail("expected " + range + ", found " + found());
  bool tooLarge = value.is_number_unsigned() && value.get<uint64_t>() > uint64_t(INT64_MAX);
  if (tooLarge || value.get<int64_t>() < low || value.get<int64_t>() > high)
    fail("expected " + range + ", found " + found());
  return value.get<int64_t>();
}

std::string JsonReader::oneOf(const std::vector<std::string> &choices) const {
  std::string text = string(), list;
  for (const auto &choice : choices) {
    if (text == choice)
      return text;
    list += (list.empty() ? "'" : " or '") + choice + "'";
  }
  fail("expected " + list + ", found " + found());
}

std::vector<std::string> JsonReader::strings() const {
  std::vector<std::string> result;
  forEach([&](const JsonReader &element) { result.push_back(element.string()); });
  return result;
}

std::vector<int64_t> JsonReader::integers(int64_t low, int64_t high) const {
  std::vector<int64_t> result;
  forEach([&](const JsonReader &element) { result.push_back(element.integer(low, high)); });
  return result;
}

size_t JsonReader::forEach(const std::function<void(const JsonReader &)> &visit) const {
  if (!value.is_array())
    fail("expected an array, found " + found());
  size_t i = 0;
  for (const auto &element : value)
    visit(JsonReader(element, file, path + "[" + std::to_string(i++) + "]"));
  return i;
}

} // namespace tp::rt
