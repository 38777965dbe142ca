//===- JsonRead.h - typed reads with one clear error --------------------------===//
//
// Each reader takes the name of the object that it reads from ("model", "pre_tokenizer"), for the message, and throws
// std::runtime_error: what was expected and what was found.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_JSONREAD_H
#define TP_RUNTIME_TOKENIZER_JSONREAD_H

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace tp::rt::json {

using Json = nlohmann::json;

/// The largest id that a tokenizer file may use, so that a bad file cannot ask for all memory.
inline constexpr int64_t kMaxId = (1 << 22) - 1;

/// Sequences inside sequences; real files have two levels.
inline constexpr int kMaxDepth = 16;

[[noreturn]] inline void fail(std::string_view where, std::string_view expected, std::string_view found) {
  throw std::runtime_error(std::string(where) + ": expected " + std::string(expected) + ", found " +
                           std::string(found));
}

/// A value for a message: strings in quotes, others by their type.
inline std::string describe(const Json *value) {
  if (!value)
    return "nothing";
  if (value->is_string() && value->get_ref<const std::string &>().size() > 60)
    return "a long string";
  if (value->is_string())
    return "'" + value->get_ref<const std::string &>() + "'";
  return value->type_name();
}

/// The member `key`, or nullptr when it is absent or null. `object` must be an object.
inline const Json *find(const Json &object, const char *key) {
  auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

inline void needObject(const Json &value, std::string_view where) {
  if (!value.is_object())
    fail(where, "an object", describe(&value));
}

inline const std::string &getString(const Json &object, const char *key, std::string_view where) {
  const Json *value = find(object, key);
  if (!value || !value->is_string())
    fail(where, "a string '" + std::string(key) + "'", describe(value));
  return value->get_ref<const std::string &>();
}

inline std::string getString(const Json &object, const char *key, std::string_view where, std::string fallback) {
  return find(object, key) ? getString(object, key, where) : fallback;
}

inline bool getBool(const Json &object, const char *key, std::string_view where, bool fallback) {
  const Json *value = find(object, key);
  if (value && !value->is_boolean())
    fail(where, "true or false for '" + std::string(key) + "'", describe(value));
  return value ? value->get<bool>() : fallback;
}

inline const Json &getArray(const Json &object, const char *key, std::string_view where) {
  const Json *value = find(object, key);
  if (!value || !value->is_array())
    fail(where, "an array '" + std::string(key) + "'", describe(value));
  return *value;
}

/// A token id: an integer in 0..kMaxId.
inline int32_t toId(const Json &value, std::string_view where) {
  bool fits = value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(kMaxId);
  if (!fits)
    fail(where, "a token id in 0.." + std::to_string(kMaxId), value.is_number() ? value.dump() : describe(&value));
  return value.get<int32_t>();
}

} // namespace tp::rt::json

#endif
