#include "core/Manifest.h"

#include "core/JsonReader.h"
#include "core/ManifestChecks.h"

#include <algorithm>
#include <cstdlib>

namespace tp::rt {
namespace {

// No size in a manifest comes near this; what is below it can be multiplied by an element size without overflow.
constexpr int64_t maxBytes = int64_t(1) << 50;
constexpr int64_t maxRanks = 4096;

ElementType parseType(const JsonReader &reader, const std::vector<std::string> &choices) {
  std::string name = reader.oneOf(choices);
  return name == "f32" ? ElementType::f32 : name == "bf16" ? ElementType::bf16 : ElementType::i32;
}

Model parseModel(const JsonReader &reader) {
  Model model;
  model.name = reader.at("name").string();
  model.architecture = reader.at("architecture").string();
  model.kind = reader.at("kind").oneOf({"decoder", "encoder", "encoder_decoder"});
  model.dtype = reader.at("dtype").oneOf({"f32", "bf16"});
  model.vocabSize = reader.at("vocab_size").integer(1, INT32_MAX);
  model.hiddenSize = reader.at("hidden_size").integer(1, INT32_MAX);
  model.layers = reader.at("layers").integer(0, INT32_MAX);
  if (reader.has("token_types"))
    model.tokenTypes = reader.at("token_types").integer(0, INT32_MAX);
  return model;
}

std::vector<Axis> parseMesh(const JsonReader &reader) {
  std::vector<Axis> mesh;
  reader.forEach([&](const JsonReader &pair) {
    Axis axis;
    size_t i = 0;
    size_t n = pair.forEach([&](const JsonReader &part) {
      if (i++ == 0)
        axis.name = part.string();
      else
        axis.size = part.integer(1, maxRanks);
    });
    if (n != 2)
      pair.fail("expected [name, size], found " + std::to_string(n) + " elements");
    for (const Axis &other : mesh)
      if (other.name == axis.name)
        pair.fail("axis '" + axis.name + "' occurs twice");
    mesh.push_back(axis);
  });
  return mesh;
}

Tensor parseTensor(const JsonReader &reader, int64_t arenaBytes) {
  Tensor tensor;
  tensor.name = reader.at("name").string();
  tensor.type = parseType(reader.at("type"), {"i32", "f32"});
  tensor.shape = reader.at("shape").integers(1, INT32_MAX);
  tensor.offset = reader.at("offset").integer(0, maxBytes);
  int64_t bytes = bytesOf(tensor.type);
  for (int64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > maxBytes)
      reader.at("shape").fail("tensor is too large");
  if (tensor.offset % 4 != 0)
    reader.at("offset").fail("expected a multiple of 4, found " + std::to_string(tensor.offset));
  if (tensor.offset + bytes > arenaBytes)
    reader.at("offset").fail("tensor '" + tensor.name + "' ends at byte " + std::to_string(tensor.offset + bytes) +
                             ", behind the arena's " + std::to_string(arenaBytes));
  return tensor;
}

Entry parseEntry(const JsonReader &reader, const Manifest &manifest) {
  Entry entry;
  entry.name = reader.at("name").oneOf(
      {"prefill", "decode", "score", "encode", "prefill_token", "decode_token", "prefill_sample", "decode_sample"});
  entry.symbol = reader.at("symbol").string();
  entry.rows = reader.at("rows").integer(1, manifest.maxSeq);
  auto tensors = [&](const char *key, std::vector<Tensor> &list) {
    reader.at(key).forEach([&](const JsonReader &t) { list.push_back(parseTensor(t, manifest.arenaBytes)); });
  };
  tensors("inputs", entry.inputs);
  tensors("outputs", entry.outputs);
  checkEntry(entry, manifest, reader);
  return entry;
}

// What is gathered must cover the whole; what is scattered may overlap (a kv head that two ranks need).
Windows parseWindows(const JsonReader &reader, int64_t groupSize, bool cover) {
  Windows windows;
  windows.global = reader.at("global").integer(0, maxBytes);
  windows.local = reader.at("local").integer(0, maxBytes);
  windows.starts = reader.at("starts").integers(0, windows.global);
  windows.lengths = reader.at("lengths").integers(0, windows.local);
  checkWindows(windows, groupSize, cover, reader);
  return windows;
}

void parseSizes(const JsonReader &reader, Collective &c, int64_t groupSize) {
  switch (c.kind) {
  case CollectiveKind::allReduce:
  case CollectiveKind::permute:
    c.count = reader.at("count").integer(0, maxBytes);
    if (c.kind == CollectiveKind::permute)
      c.source = reader.at("source").integers(-1, groupSize - 1);
    break;
  case CollectiveKind::allGather:
  case CollectiveKind::reduceScatter:
    c.outer = reader.at("outer").integer(0, maxBytes);
    c.inner = reader.at("inner").integer(0, maxBytes);
    c.windows = parseWindows(reader, groupSize, c.kind == CollectiveKind::allGather);
    break;
  case CollectiveKind::allToAll:
    c.shape = reader.at("shape").integers(0, maxBytes);
    c.splitDim = reader.at("split").at("dim").integer(0, int64_t(c.shape.size()) - 1);
    c.concatDim = reader.at("concat").at("dim").integer(0, int64_t(c.shape.size()) - 1);
    c.split = parseWindows(reader.at("split"), groupSize, false);
    c.concat = parseWindows(reader.at("concat"), groupSize, true);
    break;
  }
}

Collective parseCollective(const JsonReader &reader, const Manifest &manifest) {
  Collective c;
  std::string kind = reader.at("kind").oneOf({"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "permute"});
  for (auto k : {CollectiveKind::allReduce, CollectiveKind::allGather, CollectiveKind::reduceScatter,
                 CollectiveKind::allToAll, CollectiveKind::permute})
    if (kind == nameOf(k))
      c.kind = k;
  c.axes = reader.at("axes").strings();
  checkAxes(c.axes, manifest, reader.at("axes"));
  c.type = parseType(reader.at("type"), {"f32", "bf16", "i32"});
  if (c.kind == CollectiveKind::allReduce || c.kind == CollectiveKind::reduceScatter)
    c.reduction = reader.at("reduce").oneOf({"sum", "max"}) == "sum" ? Reduction::sum : Reduction::max;
  parseSizes(reader, c, manifest.groupSize(c.axes));
  c.bytes = reader.at("bytes").integer(0, maxBytes);
  c.origin = reader.at("origin").string();
  checkCollective(c, manifest.groupSize(c.axes), reader);
  return c;
}

CudaModule parseCudaModule(const JsonReader &reader) {
  CudaModule module;
  std::string arch = reader.at("gpu_arch").string();
  char *end = nullptr;
  module.arch = arch.rfind("sm_", 0) == 0 ? int(std::strtol(arch.c_str() + 3, &end, 10)) : 0;
  if (module.arch < 10 || module.arch > 999 || (*end != 0 && std::string(end) != "a"))
    reader.at("gpu_arch").fail("expected sm_ and a number, found '" + arch + "'");
  module.ptx = reader.at("ptx").string();
  checkFileName(module.ptx, reader.at("ptx"));
  if (!reader.at("cubin").isNull()) {
    module.cubin = reader.at("cubin").string();
    checkFileName(*module.cubin, reader.at("cubin"));
  }
  return module;
}

void parseTarget(const JsonReader &reader, Manifest &manifest) {
  const bool cuda = reader.at("kind").oneOf({"cpu", "cuda"}) == "cuda";
  manifest.arch = reader.at("arch").string();
  manifest.features = reader.at("features").strings();
  if (!cuda)
    return;
  CudaTarget &target = manifest.cuda.emplace();
  target.ptxVersion = reader.at("ptx").string();
  reader.at("modules").forEach([&](const JsonReader &m) { target.modules.push_back(parseCudaModule(m)); });
  if (target.modules.empty())
    reader.at("modules").fail("expected at least one");
}

CudaKernel parseCudaKernel(const JsonReader &reader) {
  CudaKernel kernel;
  kernel.name = reader.at("name").string();
  kernel.params = reader.at("params").integer(1, 500); // 4 KiB in all
  kernel.dynamicShared = reader.at("dynamic_shared").integer(0, 1 << 20);
  return kernel;
}

CudaGemm parseCudaGemm(const JsonReader &reader) {
  CudaGemm gemm;
  gemm.m = reader.at("m").integer(1, INT32_MAX);
  gemm.n = reader.at("n").integer(1, INT32_MAX);
  gemm.k = reader.at("k").integer(1, INT32_MAX);
  gemm.input = parseType(reader.at("input"), {"f32", "bf16"});
  if (parseType(reader.at("weight"), {"f32", "bf16"}) != gemm.input)
    reader.at("weight").fail("expected the type of 'input'");
  gemm.output = parseType(reader.at("output"), {"f32", "bf16"});
  if (!reader.at("bias").isNull())
    gemm.bias = parseType(reader.at("bias"), {"f32", "bf16"});
  gemm.epilogue = reader.at("epilogue").oneOf({"none", "relu", "gelu_tanh"});
  return gemm;
}

void parseCuda(const JsonReader &top, CudaTarget &target) {
  top.at("kernels").forEach([&](const JsonReader &k) { target.kernels.push_back(parseCudaKernel(k)); });
  top.at("gemms").forEach([&](const JsonReader &g) { target.gemms.push_back(parseCudaGemm(g)); });
  target.events = top.at("events").integer(0, 1 << 16);
  target.workspaceBytes = top.at("workspace_bytes").integer(0, maxBytes);
  target.ncclBytes = top.at("nccl_bytes").integer(0, maxBytes);
}

void parseSpecial(const JsonReader &reader, Manifest &manifest) {
  int64_t last = manifest.model.vocabSize - 1;
  if (!reader.at("bos").isNull())
    manifest.bos = reader.at("bos").integer(0, last);
  manifest.addBos = reader.at("add_bos").boolean();
  manifest.eos = reader.at("eos").integers(0, last);
  if (manifest.model.isPair())
    manifest.decoderStart = int32_t(reader.at("decoder_start").integer(0, last));
}

std::optional<std::string> parseOptionalString(const JsonReader &reader) {
  if (reader.isNull())
    return std::nullopt;
  return reader.string();
}

void parseSizesAndFiles(const JsonReader &top, Manifest &manifest) {
  manifest.program = top.at("program").string();
  checkFileName(manifest.program, top.at("program"));
  manifest.ranks = top.at("ranks").integer(1, maxRanks);
  int64_t product = 1;
  for (const Axis &axis : manifest.mesh)
    product = std::min(product * axis.size, maxRanks + 1);
  if (product != manifest.ranks)
    top.at("ranks").fail("expected the product of the mesh, " + std::to_string(product) + ", found " +
                         std::to_string(manifest.ranks));
  manifest.batch = top.at("batch").integer(1, 1 << 20);
  manifest.maxSeq = top.at("max_seq").integer(1, INT32_MAX);
  manifest.weightFiles = top.at("weight_files").strings();
  if (int64_t(manifest.weightFiles.size()) != manifest.ranks)
    top.at("weight_files")
        .fail("expected one file per rank, " + std::to_string(manifest.ranks) + ", found " +
              std::to_string(manifest.weightFiles.size()));
  for (const std::string &name : manifest.weightFiles)
    checkFileName(name, top.at("weight_files"));
  manifest.weightBytes = top.at("weight_bytes").integer(0, maxBytes);
  manifest.stateBytes = top.at("state_bytes").integer(0, maxBytes);
  manifest.arenaBytes = top.at("arena_bytes").integer(0, maxBytes);
  if (manifest.cuda)
    parseCuda(top, *manifest.cuda);
}

} // namespace

Manifest Manifest::parse(const std::string &text, const std::string &file) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception &e) {
    throw Error(file + ": not JSON: " + e.what());
  }
  JsonReader top(json, file, "");
  top.at("format").oneOf({"tp-package"});
  int64_t version = top.at("version").integer(0, INT32_MAX);
  if (version != 1)
    top.at("version").fail("expected version 1, found " + std::to_string(version));
  Manifest manifest;
  parseTarget(top.at("target"), manifest);
  manifest.model = parseModel(top.at("model"));
  manifest.mesh = parseMesh(top.at("mesh"));
  parseSizesAndFiles(top, manifest);
  top.at("entries").forEach([&](const JsonReader &e) { manifest.entries.push_back(parseEntry(e, manifest)); });
  checkEntries(manifest, top.at("entries"));
  top.at("collectives").forEach([&](const JsonReader &c) {
    manifest.collectives.push_back(parseCollective(c, manifest));
  });
  manifest.tokenizer = parseOptionalString(top.at("tokenizer"));
  if (manifest.tokenizer)
    checkFileName(*manifest.tokenizer, top.at("tokenizer"));
  parseSpecial(top.at("special"), manifest);
  manifest.chatTemplate = parseOptionalString(top.at("chat_template"));
  return manifest;
}

int64_t bytesOf(ElementType type) { return type == ElementType::bf16 ? 2 : 4; }

const char *nameOf(CollectiveKind kind) {
  switch (kind) {
  case CollectiveKind::allReduce:
    return "all_reduce";
  case CollectiveKind::allGather:
    return "all_gather";
  case CollectiveKind::reduceScatter:
    return "reduce_scatter";
  case CollectiveKind::allToAll:
    return "all_to_all";
  case CollectiveKind::permute:
    return "permute";
  }
  return "?";
}

std::string Collective::describe() const { return std::string(nameOf(kind)) + " (" + origin + ")"; }

int64_t Tensor::elements() const {
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  return n;
}

static const Tensor *findTensor(const std::vector<Tensor> &list, const std::string &name) {
  for (const Tensor &tensor : list)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

const Tensor *Entry::input(const std::string &name) const { return findTensor(inputs, name); }
const Tensor *Entry::output(const std::string &name) const { return findTensor(outputs, name); }

int64_t Manifest::groupSize(const std::vector<std::string> &axes) const {
  int64_t size = 1;
  for (const std::string &name : axes)
    for (const Axis &axis : mesh)
      if (axis.name == name)
        size *= axis.size;
  return size;
}

std::vector<int> Manifest::group(const std::vector<std::string> &axes, int rank) const {
  // base: the rank with coordinate 0 on every axis of the group; each axis then contributes index * stride.
  std::vector<int> members{rank};
  for (const std::string &name : axes) {
    int64_t stride = 1;
    size_t i = mesh.size();
    while (i > 0 && mesh[i - 1].name != name)
      stride *= mesh[--i].size;
    int64_t size = mesh[i - 1].size;
    std::vector<int> next;
    for (int member : members)
      for (int64_t k = 0; k < size; ++k)
        next.push_back(int(member + (k - member / stride % size) * stride));
    members = std::move(next);
  }
  return members;
}

} // namespace tp::rt
