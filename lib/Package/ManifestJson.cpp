#include "ManifestJson.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

namespace tp::package {
namespace {

using Json = nlohmann::ordered_json;

Json modelJson(const PackageModel &model) {
  return {{"name", model.name},
          {"architecture", model.architecture},
          {"kind", model.kind},
          {"vocab_size", model.vocabSize},
          {"hidden_size", model.hiddenSize},
          {"layers", model.layers},
          {"token_types", model.tokenTypes},
          {"dtype", model.dtype}};
}

Json slotsJson(llvm::ArrayRef<cpu::Slot> slots) {
  Json json = Json::array();
  for (const cpu::Slot &slot : slots)
    json.push_back(
        {{"name", slot.name}, {"type", cpu::nameOf(slot.type)}, {"shape", slot.shape}, {"offset", slot.offset}});
  return json;
}

Json entryJson(const cpu::Entry &entry) {
  return {{"name", entry.name},
          {"symbol", entry.symbol},
          {"rows", entry.rows},
          {"inputs", slotsJson(entry.inputs)},
          {"outputs", slotsJson(entry.outputs)}};
}

void addWindows(Json &json, const cpu::Windows &windows) {
  json["global"] = windows.global;
  json["local"] = windows.local;
  json["starts"] = windows.starts;
  json["lengths"] = windows.lengths;
}

Json dimensionJson(const cpu::Windows &windows) {
  Json json = {{"dim", windows.dim}};
  addWindows(json, windows);
  return json;
}

Json collectiveJson(const cpu::Collective &collective) {
  Json json = {{"kind", collective.kind}, {"axes", collective.axes}, {"type", cpu::nameOf(collective.type)}};
  if (collective.kind == "all_reduce" || collective.kind == "reduce_scatter")
    json["reduce"] = collective.reduce;
  if (collective.kind == "all_reduce" || collective.kind == "permute")
    json["count"] = collective.count;
  if (collective.kind == "permute")
    json["source"] = collective.source;
  if (collective.kind == "all_gather" || collective.kind == "reduce_scatter") {
    json["outer"] = collective.outer;
    json["inner"] = collective.inner;
    addWindows(json, collective.windows);
  }
  if (collective.kind == "all_to_all") {
    json["shape"] = collective.shape;
    json["split"] = dimensionJson(collective.split);
    json["concat"] = dimensionJson(collective.concat);
  }
  json["bytes"] = collective.bytes;
  json["origin"] = collective.origin;
  return json;
}

// As in the IR, without the mesh's name and what only propagation reads: [{"tp", unit = 64, repeat = 3}, {}].
std::string shardingText(Sharding sharding, MeshAttr mesh) {
  for (Split &split : sharding.dims) {
    split.closed = true;
    split.priority = 0;
  }
  mlir::MLIRContext *context = mesh.getContext();
  std::string text;
  llvm::raw_string_ostream(text) << sharding.toAttribute(mlir::FlatSymbolRefAttr::get(context, "mesh"), context);
  size_t begin = text.find('['), end = text.rfind('>');
  return text.substr(begin, end - begin);
}

Json weightJson(const WeightPlan &plan, MeshAttr mesh) {
  return {{"name", plan.weight->name},         {"shape", plan.shard->shape},
          {"local_shape", plan.weight->shape}, {"sharding", shardingText(plan.shard->sharding, mesh)},
          {"offset", plan.weight->offset},     {"bytes", plan.weight->bytes}};
}

// Ids that the model cannot make are left out: a runtime refuses them.
Json specialJson(const PackageModel &model) {
  auto known = [&](int64_t id) { return id >= 0 && id < model.vocabSize; };
  bool bos = model.bos && known(*model.bos);
  Json eos = Json::array();
  for (int64_t id : model.eos)
    if (known(id))
      eos.push_back(id);
  Json special = {{"bos", bos ? Json(*model.bos) : Json()}, {"add_bos", bos && model.addBos}, {"eos", eos}};
  if (model.kind == "encoder_decoder")
    special["decoder_start"] = model.decoderStart;
  return special;
}

void addSizes(Json &json, const PackageInputs &inputs, const FilePlan &plan) {
  Json &mesh = json["mesh"] = Json::array();
  for (auto [axis, size] : llvm::zip_equal(inputs.mesh.getAxes(), inputs.mesh.getSizes()))
    mesh.push_back(Json::array({axis.str(), size}));
  json["ranks"] = inputs.mesh.devices();
  json["batch"] = inputs.batch;
  json["max_seq"] = inputs.maxSeq;
  Json &files = json["weight_files"] = Json::array();
  for (size_t file : plan.fileOfRank)
    files.push_back("weights/" + std::to_string(file) + ".bin");
  json["weight_bytes"] = inputs.program.weightBytes;
  json["state_bytes"] = inputs.program.stateBytes;
  json["arena_bytes"] = inputs.program.arenaBytes;
}

Json kernelJson(const cuda::GpuKernelInfo &kernel) {
  return {{"name", kernel.name},
          {"params", kernel.parameters},
          {"block", kernel.block},
          {"static_shared", kernel.staticShared},
          {"dynamic_shared", kernel.dynamicShared},
          {"memory_bytes", kernel.memoryBytes}};
}

Json gemmJson(const cuda::Gemm &gemm) {
  return {{"m", gemm.m},
          {"n", gemm.n},
          {"k", gemm.k},
          {"input", gemm.input},
          {"weight", gemm.weight},
          {"output", gemm.output},
          {"bias", gemm.bias.empty() ? Json() : Json(gemm.bias)},
          {"epilogue", gemm.epilogue}};
}

Json moduleJson(const cuda::GpuModule &module) {
  auto file = [&](const char *kind, const std::string &text) {
    return text.empty() ? Json() : Json(kernelFile(module, kind));
  };
  return {{"gpu_arch", module.arch},
          {"ptx", file("ptx", module.ptx)},
          {"cubin", file("cubin", module.cubin)},
          {"ir", file("ll", module.ir)}};
}

template <typename List, typename Function> Json arrayOf(const List &list, Function function) {
  Json json = Json::array();
  for (const auto &element : list)
    json.push_back(function(element));
  return json;
}

Json targetJson(const PackageInputs &inputs) {
  Json json = {{"kind", inputs.cuda ? "cuda" : "cpu"}, {"arch", "x86_64"}, {"features", inputs.program.features}};
  if (inputs.cuda) {
    json["ptx"] = inputs.cuda->ptxVersion;
    json["modules"] = arrayOf(inputs.cuda->modules, moduleJson);
  }
  return json;
}

void addCuda(Json &json, const cuda::CudaProgram &program) {
  json["workspace_bytes"] = program.workspaceBytes;
  json["nccl_bytes"] = program.ncclBytes;
  json["events"] = program.events;
  json["kernels"] = arrayOf(program.kernels, kernelJson);
  json["gemms"] = arrayOf(program.gemms, gemmJson);
}

} // namespace

std::string kernelFile(const cuda::GpuModule &module, const std::string &kind) {
  return "kernels." + module.arch + "." + kind;
}

std::string manifestText(const PackageInputs &inputs, const FilePlan &plan) {
  Json json = {{"format", "tp-package"}, {"version", 1}};
  json["target"] = targetJson(inputs);
  json["program"] = "program.so";
  json["model"] = modelJson(inputs.model);
  addSizes(json, inputs, plan);
  if (inputs.cuda)
    addCuda(json, *inputs.cuda);
  json["entries"] = arrayOf(inputs.program.entries, entryJson);
  json["collectives"] = arrayOf(inputs.program.collectives, collectiveJson);
  json["tokenizer"] = inputs.tokenizer.empty() ? Json() : Json("tokenizer.json");
  json["special"] = specialJson(inputs.model);
  json["chat_template"] = inputs.model.chatTemplate.empty() ? Json() : Json(inputs.model.chatTemplate);
  json["weights"] = arrayOf(plan.weights, [&](const WeightPlan &weight) { return weightJson(weight, inputs.mesh); });
  // A name that is not valid UTF-8 does not stop a package.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace tp::package
