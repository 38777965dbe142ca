//===- Gguf.h - The structure of a GGUF file -----------------------------------------------------------------===//
//
// A GGUF file is: magic, version, counts; key-value metadata; tensor infos; padding; tensor data. Parsing checks every
// length against the file before it is used and keeps arrays where they are, in the mapping.
//
//===----------------------------------------------------------------------------------------------------------===//
#ifndef TP_LIB_CHECKPOINT_GGUF_H
#define TP_LIB_CHECKPOINT_GGUF_H

#include "MappedFile.h"
#include "tp/Checkpoint/Checkpoint.h"
#include <map>

namespace tp::checkpoint {

enum class GgufType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// A metadata value. For an array, `element` and `count` say what `data` holds; else one element of `type`.
struct GgufValue {
  GgufType type;
  GgufType element;
  uint64_t count;
  const uint8_t *data; ///< into the mapping; strings are a u64 length and bytes
};

struct GgufFile {
  std::map<std::string, GgufValue> metadata;
  std::vector<TensorInfo> tensors;
};

/// Parses `file`, which must outlive the result.
GgufFile parseGguf(const MappedFile &file);

/// Bytes of one element, 0 for strings and arrays.
uint64_t fixedSize(GgufType type);

/// One element as JSON; strings are made valid UTF-8.
nlohmann::json elementAsJson(GgufType type, const uint8_t *data);

/// Calls `visit(bytes)` for each string of an array of strings that was parsed before.
template <typename Visit> void forEachString(const GgufValue &array, Visit visit) {
  const uint8_t *at = array.data;
  for (uint64_t i = 0; i < array.count; ++i) {
    uint64_t length;
    __builtin_memcpy(&length, at, sizeof(length));
    visit(std::string_view(reinterpret_cast<const char *>(at + 8), length));
    at += 8 + length;
  }
}

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_GGUF_H
