// Dense tensors on the host: the interpreter's values.
#ifndef TP_INTERPRETER_TENSOR_H
#define TP_INTERPRETER_TENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace tp {

enum class ElementKind { F32, F64, BF16, F16, I1, I8, I32, I64, Index };

// The kind of an element type; std::nullopt for types that the interpreter has no values of.
std::optional<ElementKind> elementKindOf(mlir::Type type);
bool isFloat(ElementKind kind);
// Size of an element in bytes, as a device holds it.
int64_t bytesOf(ElementKind kind);
// `value` rounded once, to nearest even. An f64 holds f32 values: every op computes in f32.
float roundTo(ElementKind kind, float value);
// Rounds `n` floats unless an UnroundedScope lives.
void roundAll(ElementKind kind, float *data, int64_t n);
// `value` wrapped to the width of an integer kind.
int64_t wrapTo(ElementKind kind, int64_t value);

// A row-major tensor. Floats are kept as f32 rounded to the element type, integers exactly. Copies share their elements
// until one is written; a scalar has no dimensions. A null tensor (default-constructed) is a value that does not exist,
// an absent optional operand.
class Tensor {
public:
  Tensor() = default;
  // Zeros.
  Tensor(llvm::ArrayRef<int64_t> shape, ElementKind kind);

  explicit operator bool() const { return storage != nullptr; }
  llvm::ArrayRef<int64_t> shape() const { return dims; }
  int64_t dim(unsigned i) const { return dims[i]; }
  unsigned rank() const { return dims.size(); }
  int64_t size() const;
  ElementKind kind() const { return elementKind; }
  bool isFloat() const { return tp::isFloat(elementKind); }
  int64_t bytes() const { return size() * bytesOf(elementKind); }

  const float *floats() const { return storage->floats.data(); }
  const int64_t *ints() const { return storage->ints.data(); }
  // Writable elements; the tensor has them to itself afterwards.
  float *writeFloats();
  int64_t *writeInts();
  // Element `i` as a number, whatever the kind.
  double at(int64_t i) const { return isFloat() ? storage->floats[i] : static_cast<double>(storage->ints[i]); }
  // Rounds every float to the element type, after a kernel wrote f32.
  void round();
  // Same elements, another shape of the same size.
  Tensor reshaped(llvm::ArrayRef<int64_t> shape) const;
  // Tells whether two tensors share elements: then they are equal.
  const void *identity() const { return storage.get(); }

private:
  struct Storage {
    std::vector<float> floats;
    std::vector<int64_t> ints;
  };
  void own();

  llvm::SmallVector<int64_t, 4> dims;
  ElementKind elementKind = ElementKind::F32;
  std::shared_ptr<Storage> storage;
};

// While one lives, Tensor::round() does nothing on its thread: values keep f32's precision whatever their element type.
class UnroundedScope {
public:
  explicit UnroundedScope(bool unrounded);
  ~UnroundedScope();
  UnroundedScope(const UnroundedScope &) = delete;
  UnroundedScope &operator=(const UnroundedScope &) = delete;

private:
  bool before;
};

// Copies `count` slices along dimension `dim` from `from` (beginning at `fromStart`) into `to` (beginning at
// `toStart`); the other dimensions agree.
void copyWindow(const Tensor &from, int64_t fromStart, Tensor &to, int64_t toStart, unsigned dim, int64_t count);

} // namespace tp

#endif
