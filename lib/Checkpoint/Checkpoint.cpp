//===- Checkpoint.cpp - What the two formats share -----------------------------------------------------------===//
#include "tp/Checkpoint/Checkpoint.h"
#include "Dequantize.h"
#include "Formats.h"
#include "MappedFile.h"
#include "Text.h"
#include <algorithm>
#include <charconv>
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

namespace {

/// A name with what is to be made of its tensor.
struct View {
  std::string_view base;
  bool vector = false, matrix = false, transposed = false;
  std::optional<std::pair<int64_t, int64_t>> rows;
  float addend = 0;
};

bool takeSuffix(std::string_view &text, std::string_view suffix) {
  if (!text.ends_with(suffix))
    return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// Nothing when the name has none of the suffixes, or one that is not well formed.
std::optional<View> parseView(std::string_view name) {
  View view{name, false, false, false, std::nullopt, 0};
  view.addend = takeSuffix(view.base, "+1") ? 1 : 0;
  if (view.base.ends_with(']')) {
    size_t open = view.base.rfind('[');
    if (open == view.base.npos)
      return std::nullopt;
    std::pair<int64_t, int64_t> rows;
    const char *end = view.base.data() + view.base.size() - 1;
    auto [colon, code] = std::from_chars(view.base.data() + open + 1, end, rows.first);
    if (code != std::errc() || *colon != ':')
      return std::nullopt;
    auto [rest, endCode] = std::from_chars(colon + 1, end, rows.second);
    if (endCode != std::errc() || rest != end)
      return std::nullopt;
    view.rows = rows;
    view.base = view.base.substr(0, open);
  }
  view.transposed = takeSuffix(view.base, ".T");
  view.matrix = takeSuffix(view.base, ".M");
  view.vector = takeSuffix(view.base, ".V");
  if (view.base.size() == name.size())
    return std::nullopt;
  return view;
}

TensorInfo viewOf(const TensorInfo &tensor, const View &view, const std::string &name) {
  TensorInfo result = tensor;
  result.name = name;
  result.addend = view.addend;
  if (view.vector)
    result.shape = {tensor.elements()};
  if (view.matrix && !tensor.shape.empty() && tensor.shape[0])
    result.shape = {tensor.shape[0], tensor.elements() / tensor.shape[0]};
  if (view.transposed) {
    if (result.shape.size() != 2)
      throw Error("expected a matrix, of which " + quote(name) + " is the transpose, found shape " +
                  shapeText(result.shape));
    result.stride = result.shape[1];
    std::swap(result.shape[0], result.shape[1]);
  }
  if (view.rows) {
    auto [begin, end] = *view.rows;
    int64_t all = result.shape.empty() ? 0 : result.shape[0];
    if (begin < 0 || begin >= end || end > all)
      throw Error("expected at least " + std::to_string(end) + " rows for " + quote(name) + ", found shape " +
                  shapeText(result.shape));
    result.first = view.transposed ? begin : begin * (result.elements() / all);
    result.shape[0] = end - begin;
  }
  return result;
}

} // namespace

Checkpoint::Checkpoint(std::string path) : location(std::move(path)) {}
Checkpoint::~Checkpoint() = default;

void Checkpoint::addTensor(TensorInfo tensor) {
  if (!byName.emplace(tensor.name, infos.size()).second)
    throw Error("expected each tensor once, found " + quote(tensor.name) + " twice in " + quote(location));
  infos.push_back(std::move(tensor));
}

const TensorInfo *Checkpoint::find(std::string_view name) const {
  if (auto it = byName.find(std::string(name)); it != byName.end())
    return &infos[it->second];
  std::lock_guard<std::mutex> lock(viewsMutex);
  if (auto it = views.find(name); it != views.end())
    return &it->second;
  std::optional<View> view = parseView(name);
  auto it = view ? byName.find(std::string(view->base)) : byName.end();
  if (it == byName.end())
    return nullptr;
  return &views.emplace(name, viewOf(infos[it->second], *view, std::string(name))).first->second;
}

const TensorInfo &Checkpoint::expect(std::string_view name, std::span<const int64_t> shape) const {
  if (name.find('*') != name.npos)
    return expectStack(name, shape);
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

const TensorInfo &Checkpoint::expectStack(std::string_view name, std::span<const int64_t> shape) const {
  TensorInfo stack;
  stack.name = name;
  stack.shape.assign(shape.begin(), shape.end());
  for (int64_t i = 0; i < shape[0]; ++i) {
    std::string part(name);
    part.replace(part.find('*'), 1, std::to_string(i));
    stack.parts.push_back(expect(part, shape.subspan(1)));
  }
  stack.type = stack.parts.front().type;
  std::lock_guard<std::mutex> lock(viewsMutex);
  return views.insert_or_assign(stack.name, std::move(stack)).first->second;
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
  const uint8_t *data = files.at(tensor.file)->data() + tensor.offset;
  int64_t width = tensor.elements() / all;
  int64_t first = firstRow * width, end = first + rows * width;
  if (!tensor.parts.empty()) {
    float *to = out;
    for (const TensorInfo &part : tensor.parts) {
      int64_t size = part.elements(), a = std::clamp<int64_t>(first, 0, size), z = std::clamp<int64_t>(end, 0, size);
      dequantize(part.type, files.at(part.file)->data() + part.offset, a, z - a, to);
      to += z - a, first -= size, end -= size;
    }
  } else if (tensor.stride == 0) {
    dequantize(tensor.type, data, tensor.first + firstRow * width, rows * width, out);
  } else {
    std::vector<float> column(static_cast<size_t>(rows));
    for (int64_t i = 0; i < width; ++i) {
      dequantize(tensor.type, data, i * tensor.stride + tensor.first + firstRow, rows, column.data());
      for (int64_t row = 0; row < rows; ++row)
        out[row * width + i] = column[static_cast<size_t>(row)];
    }
  }
  if (tensor.addend != 0)
    for (int64_t i = 0; i < rows * width; ++i)
      out[i] += tensor.addend;
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
