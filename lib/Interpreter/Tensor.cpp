#include "tp/Interpreter/Tensor.h"

#include "llvm/Support/ErrorHandling.h"
#include <bit>
#include <numeric>

using namespace mlir;
using namespace tp;

std::optional<ElementKind> tp::elementKindOf(Type type) {
  if (type.isF32())
    return ElementKind::F32;
  if (type.isF64())
    return ElementKind::F64;
  if (type.isBF16())
    return ElementKind::BF16;
  if (type.isF16())
    return ElementKind::F16;
  if (type.isInteger(1))
    return ElementKind::I1;
  if (type.isInteger(8))
    return ElementKind::I8;
  if (type.isInteger(32))
    return ElementKind::I32;
  if (type.isInteger(64))
    return ElementKind::I64;
  if (type.isIndex())
    return ElementKind::Index;
  return std::nullopt;
}

bool tp::isFloat(ElementKind kind) { return kind <= ElementKind::F16; }

int64_t tp::bytesOf(ElementKind kind) {
  switch (kind) {
  case ElementKind::F32:
  case ElementKind::I32:
    return 4;
  case ElementKind::F64:
  case ElementKind::I64:
  case ElementKind::Index:
    return 8;
  case ElementKind::BF16:
  case ElementKind::F16:
    return 2;
  case ElementKind::I1:
  case ElementKind::I8:
    return 1;
  }
  llvm_unreachable("unknown element kind");
}

float tp::roundTo(ElementKind kind, float value) {
  if (kind == ElementKind::F16)
    return static_cast<float>(static_cast<_Float16>(value));
  if (kind != ElementKind::BF16 || value != value)
    return value;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bits += 0x7fff + ((bits >> 16) & 1);
  return std::bit_cast<float>(bits & 0xffff0000u);
}

int64_t tp::wrapTo(ElementKind kind, int64_t value) {
  switch (kind) {
  case ElementKind::I1:
    return value & 1;
  case ElementKind::I8:
    return static_cast<int8_t>(value);
  case ElementKind::I32:
    return static_cast<int32_t>(value);
  default:
    return value;
  }
}

static int64_t product(ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

Tensor::Tensor(ArrayRef<int64_t> shape, ElementKind kind)
    : dims(shape), elementKind(kind), storage(std::make_shared<Storage>()) {
  if (isFloat())
    storage->floats.resize(product(shape));
  else
    storage->ints.resize(product(shape));
}

int64_t Tensor::size() const { return product(dims); }

void Tensor::own() {
  if (storage.use_count() > 1)
    storage = std::make_shared<Storage>(*storage);
}

float *Tensor::writeFloats() {
  own();
  return storage->floats.data();
}

int64_t *Tensor::writeInts() {
  own();
  return storage->ints.data();
}

static thread_local bool isUnrounded = false;

UnroundedScope::UnroundedScope(bool unrounded) : before(isUnrounded) { isUnrounded = unrounded; }
UnroundedScope::~UnroundedScope() { isUnrounded = before; }

void tp::roundAll(ElementKind kind, float *data, int64_t n) {
  if (isUnrounded || (kind != ElementKind::BF16 && kind != ElementKind::F16))
    return;
  for (int64_t i = 0; i < n; ++i)
    data[i] = roundTo(kind, data[i]);
}

void Tensor::round() { roundAll(elementKind, writeFloats(), size()); }

Tensor Tensor::reshaped(ArrayRef<int64_t> shape) const {
  assert(product(shape) == size() && "a reshape keeps the number of elements");
  Tensor result = *this;
  result.dims.assign(shape.begin(), shape.end());
  return result;
}

template <typename T>
static void copyBlocks(const T *from, int64_t fromStride, T *to, int64_t toStride, int64_t blocks, int64_t length) {
  for (int64_t i = 0; i < blocks; ++i)
    std::copy_n(from + i * fromStride, length, to + i * toStride);
}

void tp::copyWindow(const Tensor &from, int64_t fromStart, Tensor &to, int64_t toStart, unsigned dim, int64_t count) {
  if (count <= 0)
    return;
  int64_t outer = product(from.shape().take_front(dim)), inner = product(from.shape().drop_front(dim + 1));
  int64_t fromStride = from.dim(dim) * inner, toStride = to.dim(dim) * inner;
  if (from.isFloat())
    copyBlocks(from.floats() + fromStart * inner, fromStride, to.writeFloats() + toStart * inner, toStride, outer,
               count * inner);
  else
    copyBlocks(from.ints() + fromStart * inner, fromStride, to.writeInts() + toStart * inner, toStride, outer,
               count * inner);
}
