#include "core/ManifestChecks.h"

#include <algorithm>

namespace tp::rt {
namespace {

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void checkTensor(const Tensor *tensor, const char *name, ElementType type, const std::vector<int64_t> &shape,
                 const JsonReader &where) {
  if (!tensor)
    where.fail("'" + std::string(name) + "' is missing");
  if (tensor->type != type)
    where.fail("'" + tensor->name + "': expected type " + (type == ElementType::f32 ? "f32" : "i32"));
  if (tensor->shape != shape)
    where.fail("'" + tensor->name + "': expected shape " + shapeText(shape) + ", found " + shapeText(tensor->shape));
}

// The product of the sizes, which must be countable in bytes.
void checkProduct(std::initializer_list<int64_t> sizes, const JsonReader &where) {
  int64_t product = 4;
  for (int64_t size : sizes)
    if (__builtin_mul_overflow(product, size, &product) || product > (int64_t(1) << 50))
      where.fail("the tensor is too large");
}

} // namespace

void checkFileName(const std::string &name, const JsonReader &where) {
  bool bad = name.empty() || name.front() == '/' || name.find('\0') != std::string::npos;
  for (size_t begin = 0; begin <= name.size() && !bad;) {
    size_t end = std::min(name.find('/', begin), name.size());
    bad = name.compare(begin, end - begin, "..") == 0;
    begin = end + 1;
  }
  if (bad)
    where.fail("expected a path inside the package, found '" + name.substr(0, name.find('\0')) + "'");
}

void checkAxes(const std::vector<std::string> &axes, const Manifest &manifest, const JsonReader &where) {
  for (size_t i = 0; i < axes.size(); ++i) {
    bool known =
        std::any_of(manifest.mesh.begin(), manifest.mesh.end(), [&](const Axis &axis) { return axis.name == axes[i]; });
    if (!known)
      where.fail("the mesh has no axis '" + axes[i] + "'");
    if (std::find(axes.begin(), axes.begin() + i, axes[i]) != axes.begin() + i)
      where.fail("axis '" + axes[i] + "' occurs twice");
  }
}

void checkWindows(const Windows &windows, int64_t groupSize, bool cover, const JsonReader &where) {
  for (const char *key : {"starts", "lengths"}) {
    const auto &list = key[0] == 's' ? windows.starts : windows.lengths;
    if (int64_t(list.size()) != groupSize)
      where.at(key).fail("expected one number per rank of the group, " + std::to_string(groupSize) + ", found " +
                         std::to_string(list.size()));
  }
  for (size_t i = 0; i < windows.starts.size(); ++i)
    if (windows.starts[i] + windows.lengths[i] > windows.global)
      where.at("lengths").fail("the window of position " + std::to_string(i) + " ends at " +
                               std::to_string(windows.starts[i] + windows.lengths[i]) + ", behind " +
                               std::to_string(windows.global));
  if (!cover)
    return;
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (size_t i = 0; i < windows.starts.size(); ++i)
    if (windows.lengths[i] > 0)
      spans.emplace_back(windows.starts[i], windows.lengths[i]);
  std::sort(spans.begin(), spans.end());
  int64_t end = 0;
  for (auto [start, length] : spans) {
    if (start != end)
      where.at("starts").fail("windows do not follow each other: one ends at " + std::to_string(end) +
                              ", the next starts at " + std::to_string(start));
    end = start + length;
  }
  if (end != windows.global)
    where.at("lengths").fail("windows end at " + std::to_string(end) + ", expected " + std::to_string(windows.global));
}

void checkCollective(const Collective &c, int64_t groupSize, const JsonReader &where) {
  switch (c.kind) {
  case CollectiveKind::allReduce:
    break;
  case CollectiveKind::permute:
    if (int64_t(c.source.size()) != groupSize)
      where.at("source").fail("expected one position per rank of the group, " + std::to_string(groupSize) + ", found " +
                              std::to_string(c.source.size()));
    break;
  case CollectiveKind::allGather:
  case CollectiveKind::reduceScatter:
    checkProduct({c.outer, c.inner, std::max(c.windows.global, c.windows.local)}, where);
    break;
  case CollectiveKind::allToAll: {
    if (c.splitDim == c.concatDim)
      where.at("split").fail("expected another dimension than concat's, " + std::to_string(c.concatDim));
    auto expect = [&](int64_t dim, int64_t size) {
      if (c.shape[dim] != size)
        where.at("shape").fail("expected " + std::to_string(size) + " in dimension " + std::to_string(dim) +
                               ", found " + std::to_string(c.shape[dim]));
    };
    expect(c.splitDim, c.split.global);
    expect(c.concatDim, c.concat.local);
    int64_t rest = 1;
    for (size_t i = 0; i < c.shape.size(); ++i) {
      bool moved = int64_t(i) == c.splitDim || int64_t(i) == c.concatDim;
      checkProduct({rest, moved ? 1 : c.shape[i]}, where);
      rest *= moved ? 1 : c.shape[i];
    }
    checkProduct({rest, std::max(c.split.global, c.split.local), std::max(c.concat.global, c.concat.local)}, where);
    break;
  }
  }
}

void checkEntry(const Entry &entry, const Manifest &manifest, const JsonReader &where) {
  const int64_t batch = manifest.batch, rows = entry.rows;
  const int64_t vocab = manifest.model.vocabSize;
  JsonReader inputs = where.at("inputs"), outputs = where.at("outputs");
  if (entry.name.starts_with("decode") && rows != 1)
    where.at("rows").fail("expected 1 for " + entry.name + ", found " + std::to_string(rows));
  checkTensor(entry.input("tokens"), "tokens", ElementType::i32, {batch, rows}, inputs);
  for (const char *name : {"positions", "token_types"})
    if (entry.input(name))
      checkTensor(entry.input(name), name, ElementType::i32, {batch, rows}, inputs);
  if (entry.input("token_types") && manifest.model.tokenTypes < 1)
    inputs.fail("'token_types': expected model.token_types of at least 1");
  if (entry.name == "encode") {
    if (entry.input("length"))
      checkTensor(entry.input("length"), "length", ElementType::i32, {batch}, inputs);
    checkTensor(entry.output("hidden"), "hidden", ElementType::f32, {batch, rows, manifest.model.hiddenSize}, outputs);
    return;
  }
  checkTensor(entry.input("position"), "position", ElementType::i32, {batch}, inputs);
  if (entry.name == "decode" && manifest.model.isPair())
    checkTensor(entry.input("length"), "length", ElementType::i32, {batch}, inputs);
  if (entry.name.starts_with("prefill"))
    checkTensor(entry.input("last"), "last", ElementType::i32, {batch}, inputs);
  bool draws = entry.name.ends_with("_sample");
  if (draws)
    checkTensor(entry.input("sampling"), "sampling", ElementType::i32, {batch, 4}, inputs);
  if (draws || entry.name.ends_with("_token"))
    return checkTensor(entry.output("token"), "token", ElementType::i32, {batch}, outputs);
  auto shape = entry.name == "score" ? std::vector<int64_t>{batch, rows, vocab} : std::vector<int64_t>{batch, vocab};
  checkTensor(entry.output("logits"), "logits", ElementType::f32, shape, outputs);
}

void checkEntries(const Manifest &manifest, const JsonReader &where) {
  auto needs = [&](const char *name) {
    for (const Entry &entry : manifest.entries)
      if (entry.name == name)
        return;
    where.fail("the " + manifest.model.kind + " has no entry '" + name + "'");
  };
  if (manifest.model.hasEncoder())
    needs("encode");
  if (manifest.model.isEncoder())
    return;
  needs("decode");
  if (!manifest.model.isPair())
    needs("prefill");
  for (const char *name : {"prefill", "score"}) {
    int64_t largest = 1;
    for (const Entry &entry : manifest.entries)
      if (entry.name == name)
        largest = std::max(largest, entry.rows);
    if (manifest.maxSeq % largest != 0)
      where.fail("max_seq " + std::to_string(manifest.maxSeq) + " is not a multiple of the largest " + name +
                 " chunk, " + std::to_string(largest));
  }
}

} // namespace tp::rt
