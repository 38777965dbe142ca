//===- TestFiles.h - Small checkpoint files for the tests ----------------------------------------------------===//
#ifndef TP_TEST_UNIT_CHECKPOINT_TESTFILES_H
#define TP_TEST_UNIT_CHECKPOINT_TESTFILES_H

#include "tp/Checkpoint/Checkpoint.h"
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tp::test {

/// A folder of its own that goes when the test ends.
class TempDir {
public:
  TempDir();
  ~TempDir();
  std::string file(const std::string &name) const { return (root / name).string(); }
  std::string path() const { return root.string(); }
  /// Writes `bytes` as `name` and returns its path.
  std::string write(const std::string &name, const std::string &bytes) const;

private:
  std::filesystem::path root;
};

template <typename T> std::string rawBytes(const T &value) {
  std::string result(sizeof(T), '\0');
  std::memcpy(result.data(), &value, sizeof(T));
  return result;
}

/// Writes GGUF files, also wrong ones: every count, type and offset can be set.
class GgufBuilder {
public:
  enum Type : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

  GgufBuilder &key(const std::string &name, uint32_t type, const std::string &value);
  GgufBuilder &u32(const std::string &name, uint32_t value) { return key(name, U32, rawBytes(value)); }
  GgufBuilder &f32(const std::string &name, float value) { return key(name, F32, rawBytes(value)); }
  GgufBuilder &boolean(const std::string &name, bool value) { return key(name, Bool, rawBytes(value)); }
  GgufBuilder &text(const std::string &name, const std::string &value) { return key(name, String, string(value)); }
  GgufBuilder &strings(const std::string &name, const std::vector<std::string> &values);
  /// `shape` outermost first; `offset` -1: after the tensors before.
  GgufBuilder &tensor(const std::string &name, std::vector<uint64_t> shape, uint32_t type, const std::string &data,
                      int64_t offset = -1);
  std::string build() const;

  static std::string string(const std::string &text) { return rawBytes(uint64_t(text.size())) + text; }

  std::string magic = "GGUF";
  uint32_t version = 3;
  uint32_t alignment = 32;                  ///< of the start of the data; set the key too
  uint64_t extraKeys = 0, extraTensors = 0; ///< added to the counts in the header

private:
  uint64_t keys = 0, tensors = 0;
  std::string metadata, infos, data;
};

/// A Llama of 2 layers without weights' data but token_embd.weight [8, 32] (f32, values 0, 1, 2, ...).
GgufBuilder llamaGguf();

/// A safetensors file: the header's JSON, then the data.
std::string safetensors(const std::string &header, const std::string &data);

/// A config.json of the family llama with every required key.
nlohmann::json llamaConfig();

/// Floats as bytes.
std::string floats(const std::vector<float> &values);

/// All of a tensor as float32.
std::vector<float> readAll(const Checkpoint &checkpoint, const std::string &name);

/// The message of the tp::Error that opening `path` throws; a failure of the test when it throws none.
std::string openError(const std::string &path);

/// Expects that `text` contains `part`.
void expectContains(const std::string &text, const std::string &part);

} // namespace tp::test

#endif // TP_TEST_UNIT_CHECKPOINT_TESTFILES_H
