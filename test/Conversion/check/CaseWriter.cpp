#include "CaseWriter.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <fstream>

namespace tp::check {

namespace json = llvm::json;

int64_t CaseWriter::put(const void *bytes, size_t count) {
  const auto at = int64_t(data.size());
  data.append(static_cast<const char *>(bytes), count);
  return program.host.weightBytes + at;
}

void CaseWriter::add(const cpu::Entry &entry, int64_t rank, const char *arena, llvm::ArrayRef<RankValue> expected) {
  json::Array inputs, outputs;
  for (const cpu::Slot &slot : entry.inputs) {
    int64_t bytes = slot.type == cpu::ElementType::bf16 ? 2 : 4;
    for (int64_t size : slot.shape)
      bytes *= size;
    inputs.push_back(
        json::Object{{"offset", slot.offset}, {"bytes", bytes}, {"at", put(arena + slot.offset, size_t(bytes))}});
  }
  for (auto [slot, values] : llvm::zip_equal(entry.outputs, expected)) {
    const Tensor &tensor = values[rank];
    std::vector<float> floats;
    std::vector<int32_t> ints;
    for (int64_t i = 0; i < tensor.size(); ++i)
      slot.type == cpu::ElementType::i32 ? ints.push_back(int32_t(tensor.at(i)))
                                         : floats.push_back(float(tensor.at(i)));
    const int64_t at = floats.empty() ? put(ints.data(), 4 * ints.size()) : put(floats.data(), 4 * floats.size());
    outputs.push_back(json::Object{{"name", slot.name},
                                   {"type", cpu::nameOf(slot.type)},
                                   {"offset", slot.offset},
                                   {"count", tensor.size()},
                                   {"at", at}});
  }
  calls.push_back(json::Object{{"entry", entry.name},
                               {"symbol", entry.symbol},
                               {"rank", rank},
                               {"inputs", std::move(inputs)},
                               {"outputs", std::move(outputs)}});
}

json::Array CaseWriter::modules() const {
  json::Array all;
  for (const cuda::GpuModule &module : program.modules)
    all.push_back(
        json::Object{{"gpu_arch", std::stoi(module.arch.substr(3))}, {"ptx", "kernels." + module.arch + ".ptx"}});
  return all;
}

json::Array CaseWriter::kernels() const {
  json::Array all;
  for (const cuda::GpuKernelInfo &kernel : program.kernels)
    all.push_back(
        json::Object{{"name", kernel.name}, {"params", kernel.parameters}, {"dynamic_shared", kernel.dynamicShared}});
  return all;
}

json::Array CaseWriter::gemms() const {
  json::Array all;
  for (const cuda::Gemm &gemm : program.gemms)
    all.push_back(json::Object{{"m", gemm.m},
                               {"n", gemm.n},
                               {"k", gemm.k},
                               {"input", gemm.input},
                               {"output", gemm.output},
                               {"bias", gemm.bias},
                               {"epilogue", gemm.epilogue}});
  return all;
}

bool CaseWriter::write(llvm::StringRef folder, const char *weights, double tolerance) {
  if (llvm::sys::fs::create_directories(folder))
    return false;
  auto save = [&](const std::string &name, const std::string &bytes) {
    std::ofstream out((folder + "/" + name).str(), std::ios::binary);
    out << bytes;
    out.close();
    return bool(out);
  };
  json::Object top{{"tolerance", tolerance},
                   {"weight_bytes", program.host.weightBytes},
                   {"state_bytes", program.host.stateBytes},
                   {"arena_bytes", program.host.arenaBytes},
                   {"workspace_bytes", program.workspaceBytes},
                   {"events", program.events},
                   {"modules", modules()},
                   {"kernels", kernels()},
                   {"gemms", gemms()},
                   {"calls", std::move(calls)}};
  bool saved = save("case.json", llvm::formatv("{0:1}\n", json::Value(std::move(top)))) &&
               save("program.so", program.host.sharedObject) &&
               save("data.bin", std::string(weights, size_t(program.host.weightBytes)) + data);
  for (const cuda::GpuModule &module : program.modules)
    saved &= save("kernels." + module.arch + ".ptx", module.ptx) && save("kernels." + module.arch + ".ll", module.ir);
  return saved;
}

} // namespace tp::check
