//===- Gguf.cpp - The structure of a GGUF file ---------------------------------------------------------------===//
#include "Gguf.h"
#include "Dequantize.h"
#include "Formats.h"
#include "Text.h"
#include <cstring>

namespace tp::checkpoint {
namespace {

/// A tensor type of the format: its name and its block, also for the types that cannot be read.
struct TensorType {
  uint32_t id;
  const char *name;
  int64_t blockElements, blockBytes;
  ElementType type = ElementType::Other;
};

constexpr TensorType tensorTypes[] = {
    {0, "F32", 1, 4, ElementType::F32},
    {1, "F16", 1, 2, ElementType::F16},
    {2, "Q4_0", 32, 18, ElementType::Q4_0},
    {3, "Q4_1", 32, 20, ElementType::Q4_1},
    {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},
    {8, "Q8_0", 32, 34, ElementType::Q8_0},
    {9, "Q8_1", 32, 40},
    {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144},
    {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},
    {15, "Q8_K", 256, 292},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32", 1, 4},
    {27, "I64", 1, 8},
    {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2, ElementType::BF16},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {39, "MXFP4", 32, 17},
};

class Parser {
public:
  explicit Parser(const MappedFile &file) : file(file), where(quote(file.path())) {}

  GgufFile parse() {
    uint64_t tensorCount = 0, keyCount = 0;
    readHeader(tensorCount, keyCount);
    for (uint64_t i = 0; i < keyCount; ++i)
      readKey();
    for (uint64_t i = 0; i < tensorCount; ++i)
      readTensor();
    placeTensors();
    return std::move(result);
  }

private:
  uint64_t left() const { return file.size() - at; }

  /// The next `size` bytes; `what` they are, for the error when the file ends before.
  const uint8_t *take(uint64_t size, const std::string &what) {
    if (size > left())
      throw Error("expected " + std::to_string(size) + " bytes of " + what + " at byte " + std::to_string(at) +
                  ", found " + std::to_string(left()) + " in " + where + " (truncated or damaged)");
    const uint8_t *data = file.data() + at;
    at += size;
    return data;
  }

  template <typename T> T read(const char *what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  std::string_view readString(const char *what) {
    auto length = read<uint64_t>(what);
    return {reinterpret_cast<const char *>(take(length, what)), length};
  }

  void readHeader(uint64_t &tensorCount, uint64_t &keyCount);
  void checkCount(uint64_t count, uint64_t leastBytes, const char *what) const;
  GgufType readType(std::string_view key);
  void readKey();
  void readTensor();
  uint64_t alignment() const;
  void placeTensors();

  const MappedFile &file;
  std::string where;
  uint64_t at = 0;
  GgufFile result;
};

void Parser::readHeader(uint64_t &tensorCount, uint64_t &keyCount) {
  std::string_view magic = file.text().substr(0, 4);
  if (magic != "GGUF")
    throw Error("expected a GGUF file, which begins with 'GGUF', found " + quote(magic) + " in " + where);
  at = 4;
  auto version = read<uint32_t>("the version");
  if (version != 2 && version != 3)
    throw Error("expected GGUF version 2 or 3, found " + std::to_string(version) +
                (version && version % 65536 == 0 ? " (a big-endian file)" : "") + " in " + where);
  tensorCount = read<uint64_t>("the tensor count");
  keyCount = read<uint64_t>("the metadata count");
  checkCount(keyCount, 13, "metadata keys");
  checkCount(tensorCount, 24, "tensors");
}

/// Refuses a count of things of which each takes `leastBytes` or more, when the rest of the file cannot hold them.
void Parser::checkCount(uint64_t count, uint64_t leastBytes, const char *what) const {
  if (count > left() / leastBytes)
    throw Error("expected at most " + std::to_string(left() / leastBytes) + " " + what + " in " +
                std::to_string(left()) + " bytes, found a count of " + std::to_string(count) + " in " + where +
                " (truncated or damaged)");
}

GgufType Parser::readType(std::string_view key) {
  auto type = read<uint32_t>("a metadata type");
  if (type > uint32_t(GgufType::F64))
    throw Error("expected a metadata type from 0 to 12 at key " + quote(key) + ", found " + std::to_string(type) +
                " in " + where);
  return GgufType(type);
}

void Parser::readKey() {
  std::string_view key = readString("a metadata key");
  GgufType type = readType(key);
  GgufValue value{type, type, 1, nullptr};
  if (type == GgufType::Array) {
    value.element = readType(key);
    if (value.element == GgufType::Array)
      throw Error("expected an array of scalars or strings at key " + quote(key) + ", found an array of arrays in " +
                  where);
    value.count = read<uint64_t>("an array's length");
    checkCount(value.count, value.element == GgufType::String ? 8 : fixedSize(value.element), "array elements");
  }
  value.data = file.data() + at;
  if (uint64_t size = fixedSize(value.element))
    take(size * value.count, "metadata");
  else
    for (uint64_t i = 0; i < value.count; ++i)
      readString("a metadata string");
  if (!result.metadata.emplace(key, value).second)
    throw Error("expected each metadata key once, found " + quote(key) + " twice in " + where);
}

void Parser::readTensor() {
  TensorInfo tensor;
  tensor.name = readString("a tensor's name");
  std::string subject = "tensor " + quote(tensor.name);
  auto rank = read<uint32_t>("a tensor's rank");
  if (rank > 4)
    throw Error("expected at most 4 dimensions of " + subject + ", found " + std::to_string(rank) + " in " + where);
  tensor.shape.resize(rank);
  for (uint32_t i = rank; i-- > 0;) // the file has the innermost dimension first
    tensor.shape[i] = int64_t(read<uint64_t>("a tensor's dimension"));
  int64_t elements = elementCount(tensor.shape);
  if (elements < 0)
    throw Error("expected a size below 2^63 elements, found shape " + shapeText(tensor.shape) + " of " + subject +
                " in " + where);
  auto id = read<uint32_t>("a tensor's type");
  tensor.offset = read<uint64_t>("a tensor's offset");
  tensor.typeName = "number " + std::to_string(id);
  for (const TensorType &type : tensorTypes) {
    if (type.id != id)
      continue;
    tensor.type = type.type;
    tensor.typeName = type.name;
    int64_t row = rank ? tensor.shape.back() : 1;
    if (row % type.blockElements)
      throw Error("expected rows of a multiple of " + std::to_string(type.blockElements) + " elements (" + type.name +
                  "), found shape " + shapeText(tensor.shape) + " of " + subject + " in " + where);
    if (__builtin_mul_overflow(uint64_t(elements / type.blockElements), uint64_t(type.blockBytes), &tensor.bytes))
      throw Error("expected a size below 2^64 bytes, found shape " + shapeText(tensor.shape) + " of " + subject +
                  " in " + where);
  }
  result.tensors.push_back(std::move(tensor));
}

uint64_t Parser::alignment() const {
  auto it = result.metadata.find("general.alignment");
  if (it == result.metadata.end())
    return 32;
  uint32_t value = 0;
  if (it->second.type == GgufType::U32)
    std::memcpy(&value, it->second.data, sizeof(value));
  if (value == 0 || (value & (value - 1)))
    throw Error("expected a power of two (u32) at key 'general.alignment', found " +
                (it->second.type == GgufType::U32 ? std::to_string(value) : "another type") + " in " + where);
  return value;
}

/// Turns offsets, which count from the start of the tensor data, into offsets in the file, and checks them.
void Parser::placeTensors() {
  uint64_t align = alignment();
  uint64_t start = (at + align - 1) / align * align;
  std::vector<ByteRange> ranges;
  for (TensorInfo &tensor : result.tensors) {
    if (tensor.offset % align)
      throw Error("expected an offset that is a multiple of " + std::to_string(align) + ", found " +
                  std::to_string(tensor.offset) + " for tensor " + quote(tensor.name) + " in " + where);
    uint64_t space = file.size() > start ? file.size() - start : 0;
    if (tensor.offset > space || tensor.bytes > space - tensor.offset)
      throw Error("expected " + std::to_string(tensor.bytes) + " bytes of tensor " + quote(tensor.name) +
                  " at offset " + std::to_string(tensor.offset) + ", found " + std::to_string(space) +
                  " bytes of tensor data in " + where + " (truncated or damaged)");
    tensor.offset += start;
    ranges.push_back({tensor.offset, tensor.offset + tensor.bytes, tensor.name});
  }
  checkDisjoint(ranges, where);
}

template <typename T> T loadAs(const uint8_t *data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

} // namespace

GgufFile parseGguf(const MappedFile &file) { return Parser(file).parse(); }

uint64_t fixedSize(GgufType type) {
  switch (type) {
  case GgufType::U8:
  case GgufType::I8:
  case GgufType::Bool:
    return 1;
  case GgufType::U16:
  case GgufType::I16:
    return 2;
  case GgufType::U32:
  case GgufType::I32:
  case GgufType::F32:
    return 4;
  case GgufType::U64:
  case GgufType::I64:
  case GgufType::F64:
    return 8;
  case GgufType::String:
  case GgufType::Array:
    break;
  }
  return 0;
}

nlohmann::json elementAsJson(GgufType type, const uint8_t *data) {
  switch (type) {
  case GgufType::U8:
    return *data;
  case GgufType::I8:
    return loadAs<int8_t>(data);
  case GgufType::U16:
    return loadAs<uint16_t>(data);
  case GgufType::I16:
    return loadAs<int16_t>(data);
  case GgufType::U32:
    return loadAs<uint32_t>(data);
  case GgufType::I32:
    return loadAs<int32_t>(data);
  case GgufType::F32:
    return loadAs<float>(data);
  case GgufType::Bool:
    return *data != 0;
  case GgufType::U64:
    return loadAs<uint64_t>(data);
  case GgufType::I64:
    return loadAs<int64_t>(data);
  case GgufType::F64:
    return loadAs<double>(data);
  case GgufType::String:
    return validUtf8({reinterpret_cast<const char *>(data + 8), loadAs<uint64_t>(data)});
  case GgufType::Array:
    break;
  }
  return nullptr;
}

} // namespace tp::checkpoint
