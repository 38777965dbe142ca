//===- Checkpoint.h - Reads models from GGUF files and Hugging Face directories ------------------------------===//
//
// Files are mapped, not loaded: opening reads headers and JSON alone, and readRows touches the rows asked for. All
// const members may be called from several threads at once. Every failure throws tp::Error. A file must not be
// changed while it is open.
//
//===----------------------------------------------------------------------------------------------------------===//
#ifndef TP_CHECKPOINT_CHECKPOINT_H
#define TP_CHECKPOINT_CHECKPOINT_H

#include "tp/Checkpoint/Config.h"
#include "tp/Support/Error.h"
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tp {

namespace checkpoint {
class MappedFile;
} // namespace checkpoint

/// Element types that can be read as float32; any other is Other and can be listed but not read.
enum class ElementType { F32, F16, BF16, Q8_0, Q4_0, Q4_1, Other };

struct TensorInfo {
  std::string name;
  std::vector<int64_t> shape; ///< row-major, outermost first (GGUF's reversed order is undone); empty: a scalar
  ElementType type = ElementType::Other;
  std::string typeName;               ///< as the file spells it, e.g. "Q6_K", "I64"
  size_t file = 0;                    ///< index into the checkpoint's weight files
  uint64_t offset = 0;                ///< bytes from the start of that file
  uint64_t bytes = 0;                 ///< size in the file; 0 when the size of `typeName` is not known
  std::vector<TensorInfo> parts = {}; ///< a stack: its elements are those of these, one after the other

  // Of a view (Checkpoint::find); `file`, `offset`, `bytes` and `type` are those of the tensor that it looks at.
  int64_t first = 0;  ///< element where it begins; transposed: column
  int64_t stride = 0; ///< transposed: columns of the tensor; 0: not transposed
  float addend = 0;   ///< added to every element

  int64_t elements() const;
};

class Checkpoint {
public:
  /// `path` is a GGUF file, or a directory with config.json and, optionally, model.safetensors or
  /// model.safetensors.index.json with its shards.
  static std::unique_ptr<Checkpoint> open(const std::string &path);

  virtual ~Checkpoint();
  Checkpoint(const Checkpoint &) = delete;
  Checkpoint &operator=(const Checkpoint &) = delete;

  /// "gguf" or "huggingface"
  virtual std::string format() const = 0;
  /// The tokenizer inside a GGUF file; nothing for other formats and for a GGUF file without one.
  virtual std::optional<GgufTokenizer> ggufTokenizer() const { return std::nullopt; }
  /// Path of tokenizer.json in a Hugging Face directory; empty when there is none.
  virtual std::string tokenizerJson() const { return {}; }

  const std::string &path() const { return location; }
  const ModelConfig &config() const { return model; }

  /// In the order of the file (GGUF) or by name (Hugging Face).
  const std::vector<TensorInfo> &tensors() const { return infos; }
  /// Null when there is none. Behind the name of a tensor may stand what is to be made of it when it is read, in this
  /// order: `.V` (as a vector) or `.M` (as a matrix: the first dimension by the rest), `.T` (a matrix, transposed),
  /// `[a:b]` (its rows a to b - 1; elements of a vector), `+1` (added to each element): `attn.weight.T[0:48]` are rows
  /// 0 to 47 of the transpose of `attn.weight`.
  const TensorInfo *find(std::string_view name) const;
  bool hasWeights() const { return !infos.empty(); }

  /// The tensor `name`; an error when it is missing, has another shape, or has a type that cannot be read.
  /// A name with an asterisk is a stack: "a.*.b" [2, 3] is the tensors "a.0.b" and "a.1.b", [3] each.
  const TensorInfo &expect(std::string_view name, std::span<const int64_t> shape) const;
  /// An error when the tensor's type cannot be read as float32. Call it early, for the tensors that a model uses.
  void checkReadable(const TensorInfo &tensor) const;

  /// Writes rows [firstRow, firstRow + rows) of the tensor seen as [shape[0], rest] to `out`, as float32:
  /// rows * rest values. A tensor of rank 1 has one element per row, a scalar is [1]. Values are bit-equal to those
  /// of the `gguf` Python package (quantised types) and to an exact widening (F16, BF16).
  void readRows(const TensorInfo &tensor, int64_t firstRow, int64_t rows, float *out) const;

protected:
  explicit Checkpoint(std::string path);
  /// Adds a tensor; an error when the name was used before.
  void addTensor(TensorInfo tensor);

  std::string location;
  ModelConfig model;
  std::vector<std::unique_ptr<checkpoint::MappedFile>> files;

private:
  const TensorInfo &expectStack(std::string_view name, std::span<const int64_t> shape) const;

  std::vector<TensorInfo> infos;
  std::unordered_map<std::string, size_t> byName;
  /// Views and stacks that were asked for, by name.
  mutable std::map<std::string, TensorInfo, std::less<>> views;
  mutable std::mutex viewsMutex;
};

} // namespace tp

#endif // TP_CHECKPOINT_CHECKPOINT_H
