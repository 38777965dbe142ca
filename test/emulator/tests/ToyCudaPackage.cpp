#include "ToyCudaPackage.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace tp::emu {
namespace {

using Json = nlohmann::json;
constexpr int wide = 16, maxSeq = 64, matrixAt = 256, toyNcclBytes = 1024;

float weight(int v, int j) { return float((v * 5 + j * 3 + v * j) % 7 - 3); }

Json tensor(const char *name, const char *type, std::vector<int> shape, int offset) {
  return {{"name", name}, {"type", type}, {"shape", shape}, {"offset", offset}};
}

Json entry(const std::string &name, const std::string &symbol, int rows) {
  Json inputs = {tensor("tokens", "i32", {toyBatch, rows}, 0), tensor("position", "i32", {toyBatch}, 256)};
  if (rows > 1)
    inputs.push_back(tensor("last", "i32", {toyBatch}, 512));
  const Json output = name.ends_with("_token") ? tensor("token", "i32", {toyBatch}, 768)
                                               : tensor("logits", "f32", {toyBatch, toyVocab}, 1024);
  return {{"name", name}, {"symbol", symbol}, {"rows", rows}, {"inputs", inputs}, {"outputs", Json::array({output})}};
}

Json kernel(const char *name, int params) {
  return {{"name", name}, {"params", params}, {"block", {32, 1, 1}}, {"static_shared", 0}, {"dynamic_shared", 0}};
}

Json gather(int ranks) {
  const int local = (toyVocab + ranks - 1) / ranks;
  std::vector<int> starts, lengths;
  for (int rank = 0; rank < ranks; ++rank) {
    starts.push_back(rank * local);
    lengths.push_back(std::min(local, toyVocab - rank * local));
  }
  return {{"kind", "all_gather"},
          {"axes", {"tp"}},
          {"type", "f32"},
          {"outer", toyBatch},
          {"inner", 1},
          {"global", toyVocab},
          {"local", local},
          {"starts", starts},
          {"lengths", lengths},
          {"bytes", toyBatch * toyVocab * 4},
          {"origin", "decode: toy logits"}};
}

Json target() {
  const Json module = {{"gpu_arch", "sm_80"}, {"ptx", "kernels.sm_80.ptx"}, {"cubin", nullptr}, {"ir", nullptr}};
  return {{"kind", "cuda"}, {"arch", "x86_64"}, {"features", {"sse2"}}, {"ptx", "7.0"}, {"modules", {module}}};
}

} // namespace

Json toyCudaManifest(int ranks) {
  Json files = Json::array();
  for (int rank = 0; rank < ranks; ++rank)
    files.push_back("weights/" + std::to_string(rank) + ".bin");
  const Json sum = {{"kind", "all_reduce"},
                    {"axes", {"tp"}},
                    {"type", "f32"},
                    {"reduce", "sum"},
                    {"count", 32},
                    {"bytes", 128},
                    {"origin", "layer_1: toy features"}};
  const Json gemm = {{"m", toyBatch},   {"n", toyVocab},   {"k", wide},       {"input", "f32"},
                     {"weight", "f32"}, {"output", "f32"}, {"bias", nullptr}, {"epilogue", "none"}};
  return {{"format", "tp-package"},
          {"version", 1},
          {"target", target()},
          {"program", "program.so"},
          {"model",
           {{"name", "toy"},
            {"architecture", "toy"},
            {"kind", "decoder"},
            {"vocab_size", toyVocab},
            {"hidden_size", wide},
            {"layers", 2},
            {"dtype", "f32"}}},
          {"mesh", Json::array({Json::array({"tp", ranks})})},
          {"ranks", ranks},
          {"batch", toyBatch},
          {"max_seq", maxSeq},
          {"weight_files", files},
          {"weight_bytes", matrixAt + toyVocab * wide * 4},
          {"state_bytes", toyBatch * maxSeq * 4},
          {"arena_bytes", 4096},
          {"workspace_bytes", 1024},
          {"nccl_bytes", ranks > 1 ? toyNcclBytes : 0},
          {"kernels",
           {kernel("toy_store", 5), kernel("toy_features", 7), kernel("toy_add", 4), kernel("toy_slice", 4),
            kernel("toy_best", 3)}},
          {"gemms", Json::array({gemm})},
          {"events", 2},
          {"entries",
           {entry("prefill", "toy_prefill_4", 4), entry("prefill", "toy_prefill_16", 16),
            entry("decode", "toy_decode", 1), entry("prefill_token", "toy_prefill_token_4", 4),
            entry("prefill_token", "toy_prefill_token_16", 16), entry("decode_token", "toy_decode_token", 1)}},
          {"collectives", {sum, gather(ranks)}},
          {"tokenizer", nullptr},
          {"special", {{"bos", nullptr}, {"add_bos", false}, {"eos", Json::array()}}},
          {"chat_template", nullptr},
          {"weights", Json::array()}};
}

void writeToyCudaPackage(const std::string &folder, int ranks, const Json &manifest) {
  using std::filesystem::copy_options;
  std::filesystem::create_directories(folder + "/weights");
  std::filesystem::copy_file(TP_TOY_CUDA_PROGRAM, folder + "/program.so", copy_options::overwrite_existing);
  std::filesystem::copy_file(TP_TOY_KERNELS ".ptx", folder + "/kernels.sm_80.ptx", copy_options::overwrite_existing);
  for (int32_t rank = 0; rank < ranks; ++rank) {
    std::array<char, matrixAt> head{};
    const int32_t words[] = {ranks, rank};
    std::copy_n(reinterpret_cast<const char *>(words), sizeof(words), head.begin());
    std::ofstream file(folder + "/weights/" + std::to_string(rank) + ".bin", std::ios::binary);
    file.write(head.data(), head.size());
    for (int v = 0; v < toyVocab; ++v)
      for (int j = 0; j < wide; ++j) {
        const float w = weight(v, j);
        file.write(reinterpret_cast<const char *>(&w), sizeof(w));
      }
  }
  std::ofstream(folder + "/manifest.json", std::ios::binary) << manifest.dump(1);
}

std::vector<int32_t> toyCudaTokens(std::vector<int32_t> tokens, int count) {
  std::vector<int32_t> result;
  for (int i = 0; i < count; ++i) {
    std::array<float, toyVocab> logits{};
    for (int v = 0; v < toyVocab; ++v)
      for (int j = 0; j < wide; ++j)
        for (int p = 0; p < int(tokens.size()); ++p) {
          const int token = tokens[size_t(p)];
          logits[size_t(v)] += weight(v, j) * float((token * 31 + p * 17 + j * 7 + token * j) % 13);
        }
    result.push_back(int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    tokens.push_back(result.back());
  }
  return result;
}

std::string toyKernelFiles() { return TP_TOY_KERNELS ".ll:" TP_EMU_MEET; }

} // namespace tp::emu
