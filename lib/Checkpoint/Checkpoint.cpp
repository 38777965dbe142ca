//===- Checkpoint.cpp - What the two formats share -----------------------------------------------------------===//
#include "tp/Checkpoint/Checkpoint.h"
#include "Dequantize.h"
#include "Formats.h"
#include "MappedFile.h"
#include "Text.h"
#include <algorithm>
#include <filesystem>
#include <tuple>

namespace tp {
using namespace checkpoint;

int64_t TensorInfo::elements() const { return elementCount(shape); }

std::unique_ptr<Checkpoint> Checkpoint::open(const std::string &path) {
  std::error_code problem;
  auto status = std::filesystem::status(path, problem);
  if (!std::filesystem::exists(status))
    throw Error("expected a GGUF file or a directory with config.json, found nothing at " + quote(path));
  if (std::filesystem::is_directory(status))
    return openHuggingFace(path);
  return openGguf(path);
}

Checkpoint::Checkpoint(std::string path) : location(std::move(path)) {}
Checkpoint::~Checkpoint() = default;

void Checkpoint::addTensor(TensorInfo tensor) {
  if (!byName.emplace(tensor.name, infos.size()).second)
    throw Error("expected each tensor once, found " + quote(tensor.name) + " twice in " + quote(location));
  infos.push_back(std::move(tensor));
}

const TensorInfo *Checkpoint::find(std::string_view name) const {
  auto it = byName.find(std::string(name));
  return it == byName.end() ? nullptr : &infos[it->second];
}

const TensorInfo &Checkpoint::expect(std::string_view name, std::span<const int64_t> shape) const {
  const TensorInfo *tensor = find(name);
  if (!tensor)
    throw Error("expected tensor " + quote(name) + " " + shapeText(shape) + ", found none of that name in " +
                quote(location));
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end()))
    throw Error("tensor " + quote(name) + " has shape " + shapeText(tensor->shape) + "; expected " + shapeText(shape) +
                ", in " + quote(location));
  checkReadable(*tensor);
  return *tensor;
}

void Checkpoint::checkReadable(const TensorInfo &tensor) const {
  if (tensor.type == ElementType::Other)
    throw Error("tensor " + quote(tensor.name) + " has type " + tensor.typeName +
                "; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1");
}

void Checkpoint::readRows(const TensorInfo &tensor, int64_t firstRow, int64_t rows, float *out) const {
  checkReadable(tensor);
  int64_t all = tensor.shape.empty() ? 1 : tensor.shape[0];
  if (firstRow < 0 || rows < 0 || firstRow > all || rows > all - firstRow)
    throw Error("expected rows within 0.." + std::to_string(all) + " of tensor " + quote(tensor.name) + ", found " +
                std::to_string(rows) + " rows from " + std::to_string(firstRow));
  if (rows == 0)
    return;
  int64_t width = tensor.elements() / all;
  dequantize(tensor.type, files.at(tensor.file)->data() + tensor.offset, firstRow * width, rows * width, out);
}

void checkpoint::checkDisjoint(std::span<ByteRange> ranges, const std::string &where) {
  std::ranges::sort(ranges, [](const ByteRange &a, const ByteRange &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].begin < ranges[i - 1].end)
      throw Error("expected tensors that do not overlap, found " + quote(ranges[i - 1].name) + " and " +
                  quote(ranges[i].name) + " at byte " + std::to_string(ranges[i].begin) + " in " + where);
}

} // namespace tp
