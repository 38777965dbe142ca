// Typed access to a JSON value that knows its own path, so that every complaint names the file and the key.
#ifndef TP_RT_JSONREADER_H
#define TP_RT_JSONREADER_H

#include "core/Error.h"

#include <nlohmann/json.hpp>

#include <functional>

namespace tp::rt {

class JsonReader {
public:
  JsonReader(const nlohmann::json &value, std::string file, std::string path)
      : value(value), file(std::move(file)), path(std::move(path)) {}

  // Members; an absent key is an error that names it.
  JsonReader at(const std::string &key) const;
  bool has(const std::string &key) const { return value.is_object() && value.contains(key); }
  bool isNull() const { return value.is_null(); }

  // Values; another type is an error that says what was found.
  std::string string() const;
  bool boolean() const;
  int64_t integer(int64_t low, int64_t high) const; // low <= value <= high
  std::string oneOf(const std::vector<std::string> &choices) const;
  std::vector<std::string> strings() const;
  std::vector<int64_t> integers(int64_t low, int64_t high) const;
  size_t
  forEach(const std::function<void(const JsonReader &)> &visit) const; // an array's elements; returns their number

  // "FILE: key 'a.b': message".
  [[noreturn]] void fail(const std::string &message) const;

private:
  std::string found() const;
  const nlohmann::json &value;
  std::string file, path;
};

} // namespace tp::rt

#endif
