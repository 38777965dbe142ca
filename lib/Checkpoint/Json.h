//===- Json.h - JSON files and typed access to their keys ----------------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_JSON_H
#define TP_LIB_CHECKPOINT_JSON_H

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tp::checkpoint {

struct JsonLimits {
  uint64_t bytes = 64u << 20;    ///< a longer text is refused before it is parsed
  bool uniqueKeys = false;       ///< refuse an object that has a key twice (JSON lets the last one win)
  std::string_view skipTopLevel; ///< the value of this top-level key is parsed but not kept
};

/// Parses `text`, which must be one JSON object; `where` names it in errors.
nlohmann::json parseObject(std::string_view text, const std::string &where, const JsonLimits &limits = {});
/// The same for a file.
nlohmann::json parseObjectFile(const std::string &path, const JsonLimits &limits = {});

/// Typed access to an object's keys. A key whose value is null counts as absent. The object must outlive the reader.
class KeyReader {
public:
  /// `prefix` comes before each key, both in look-ups and in messages ("llama." in GGUF metadata).
  KeyReader(const nlohmann::json &object, std::string where, std::string prefix = "")
      : object(object), where(std::move(where)), prefix(std::move(prefix)) {}
  /// `names`: keys that this object spells otherwise, as (key, spelling).
  using Names = std::span<const std::pair<std::string_view, std::string_view>>;
  KeyReader(const nlohmann::json &object, std::string where, Names names)
      : object(object), where(std::move(where)), names(names) {}

  /// The value, or null when the key is absent.
  const nlohmann::json *find(const std::string &key) const;
  bool has(const std::string &key) const { return find(key); }
  /// Whether the key is there with the value null, which some defaults tell from an absent key.
  bool isNull(const std::string &key) const { return object.contains(spelled(key)) && !has(key); }

  // The value when present, checked for its type and range; nothing when absent.
  std::optional<int64_t> integer(const std::string &key, int64_t least = std::numeric_limits<int64_t>::min(),
                                 int64_t most = std::numeric_limits<int64_t>::max()) const;
  std::optional<double> positive(const std::string &key) const; ///< finite and above 0
  std::optional<bool> boolean(const std::string &key) const;
  std::optional<std::string> string(const std::string &key) const;

  // The same; an error when absent.
  int64_t needInteger(const std::string &key, int64_t least, int64_t most) const;
  double needPositive(const std::string &key) const;
  std::string needString(const std::string &key) const;

  [[noreturn]] void missing(const std::string &key) const;
  [[noreturn]] void wrong(const std::string &key, const std::string &expected) const;

private:
  std::string spelled(const std::string &key) const;
  const nlohmann::json &object;
  std::string where;
  std::string prefix;
  Names names;
};

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_JSON_H
