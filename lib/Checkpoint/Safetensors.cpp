//===- Safetensors.cpp - The structure of a .safetensors file ------------------------------------------------===//
#include "Safetensors.h"
#include "Formats.h"
#include "Json.h"
#include "Text.h"
#include <cstring>

using nlohmann::json;

namespace tp::checkpoint {
namespace {

struct DataType {
  const char *name;
  uint64_t bits;
  ElementType type = ElementType::Other;
};

constexpr DataType dataTypes[] = {
    {"F32", 32, ElementType::F32},
    {"F16", 16, ElementType::F16},
    {"BF16", 16, ElementType::BF16},
    {"F64", 64},
    {"I64", 64},
    {"U64", 64},
    {"I32", 32},
    {"U32", 32},
    {"I16", 16},
    {"U16", 16},
    {"I8", 8},
    {"U8", 8},
    {"BOOL", 8},
    {"F8_E4M3", 8},
    {"F8_E5M2", 8},
};

struct Data {
  uint64_t start; ///< of the tensor data, in the file
  uint64_t size;
  std::string where;
};

std::vector<int64_t> readShape(const json &entry, const std::string &subject) {
  auto bad = [&](const std::string &found) {
    throw Error("expected \"shape\", an array of sizes, for " + subject + ", found " + found);
  };
  auto it = entry.find("shape");
  if (it == entry.end() || !it->is_array() || it->size() > 16)
    bad(it == entry.end() ? "none" : "another value");
  std::vector<int64_t> shape;
  for (const json &size : *it) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
      bad("the size " + (size.is_number() ? size.dump() : "that is not a number"));
    shape.push_back(size.get<int64_t>());
  }
  if (elementCount(shape) < 0)
    bad(shapeText(shape) + ", 2^63 elements or more");
  return shape;
}

ByteRange readOffsets(const json &entry, const Data &data, const std::string &subject) {
  auto it = entry.find("data_offsets");
  if (it == entry.end() || !it->is_array() || it->size() != 2 || !(*it)[0].is_number_unsigned() ||
      !(*it)[1].is_number_unsigned())
    throw Error("expected \"data_offsets\", two offsets, for " + subject + ", found " +
                (it == entry.end() ? "none" : "another value"));
  ByteRange range{(*it)[0].get<uint64_t>(), (*it)[1].get<uint64_t>(), {}};
  if (range.begin > range.end || range.end > data.size)
    throw Error("expected data_offsets within the " + std::to_string(data.size) + " bytes of data for " + subject +
                ", found [" + std::to_string(range.begin) + ", " + std::to_string(range.end) +
                "] (truncated or damaged)");
  return range;
}

TensorInfo readTensor(const std::string &name, const json &entry, const Data &data) {
  std::string subject = "tensor " + quote(name) + " in " + data.where;
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string())
    throw Error("expected an object with \"dtype\", \"shape\" and \"data_offsets\" for " + subject +
                ", found another value");
  TensorInfo tensor;
  tensor.name = name;
  tensor.shape = readShape(entry, subject);
  ByteRange range = readOffsets(entry, data, subject);
  tensor.offset = data.start + range.begin;
  tensor.bytes = range.end - range.begin;
  const auto &typeName = entry["dtype"].get_ref<const std::string &>();
  tensor.typeName = quote(typeName); // a name that is not in the table may be anything
  for (const DataType &type : dataTypes) {
    if (typeName != type.name)
      continue;
    tensor.type = type.type;
    tensor.typeName = type.name;
    uint64_t expected = 0;
    if (__builtin_mul_overflow(uint64_t(tensor.elements()), type.bits / 8, &expected) || expected != tensor.bytes)
      throw Error("expected " + shapeText(tensor.shape) + " elements of " + type.name + " for " + subject +
                  ", found data_offsets of " + std::to_string(tensor.bytes) + " bytes");
  }
  return tensor;
}

} // namespace

std::vector<TensorInfo> parseSafetensors(const MappedFile &file, size_t fileIndex) {
  constexpr uint64_t longestHeader = 100'000'000; // the format's own limit
  Data data{0, 0, quote(file.path())};
  uint64_t header = 0;
  if (file.size() < sizeof(header))
    throw Error("expected a safetensors file, found " + std::to_string(file.size()) + " bytes in " + data.where +
                " (truncated or damaged)");
  std::memcpy(&header, file.data(), sizeof(header));
  if (header > file.size() - 8 || header > longestHeader)
    throw Error("expected a safetensors header of at most " + std::to_string(std::min(file.size() - 8, longestHeader)) +
                " bytes, found a length of " + std::to_string(header) + " in " + data.where +
                " (truncated or damaged)");
  data.start = 8 + header;
  data.size = file.size() - data.start;
  json entries = parseObject(file.text().substr(8, header), data.where, {longestHeader, true, "__metadata__"});
  std::vector<TensorInfo> tensors;
  for (const auto &[name, entry] : entries.items())
    if (name != "__metadata__")
      tensors.push_back(readTensor(name, entry, data));
  std::vector<ByteRange> ranges;
  for (TensorInfo &tensor : tensors) {
    tensor.file = fileIndex;
    ranges.push_back({tensor.offset, tensor.offset + tensor.bytes, tensor.name});
  }
  checkDisjoint(ranges, data.where);
  return tensors;
}

} // namespace tp::checkpoint
