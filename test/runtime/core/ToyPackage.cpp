#include "core/ToyPackage.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tp::rt::test {
namespace {

using Json = nlohmann::json;
constexpr int scale = 3;

std::string makeFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "tp-runtime-test-XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw std::runtime_error("no scratch folder");
  return name;
}

Json tensor(const char *name, const char *type, std::vector<int> shape, int offset) {
  return {{"name", name}, {"type", type}, {"shape", shape}, {"offset", offset}};
}

Json entry(const char *name, const char *symbol, int rows) {
  Json inputs = {tensor("tokens", "i32", {toyBatch, rows}, 0), tensor("position", "i32", {toyBatch}, 128)};
  if (std::string(name) == "prefill")
    inputs.push_back(tensor("last", "i32", {toyBatch}, 192));
  std::vector<int> shape{toyBatch, toyVocab};
  if (std::string(name) == "score")
    shape = {toyBatch, rows, toyVocab};
  Json outputs = Json::array({tensor("logits", "f32", shape, 256)});
  return {{"name", name}, {"symbol", symbol}, {"rows", rows}, {"inputs", inputs}, {"outputs", outputs}};
}

Json allReduce(int count, const char *origin) {
  return {{"kind", "all_reduce"}, {"axes", {"tp"}},     {"type", "f32"},   {"reduce", "sum"},
          {"count", count},       {"bytes", count * 4}, {"origin", origin}};
}

} // namespace

ScratchFolder::ScratchFolder() : path(makeFolder()) {}
ScratchFolder::~ScratchFolder() { std::filesystem::remove_all(path); }

Json toyManifest(int ranks) {
  Json files = Json::array();
  for (int rank = 0; rank < ranks; ++rank)
    files.push_back("weights/" + std::to_string(rank) + ".bin");
  return {{"format", "tp-package"},
          {"version", 1},
          {"target", {{"kind", "cpu"}, {"arch", "x86_64"}, {"features", {"sse2"}}}},
          {"program", "program.so"},
          {"model",
           {{"name", "toy"},
            {"architecture", "toy"},
            {"kind", "decoder"},
            {"vocab_size", toyVocab},
            {"hidden_size", 8},
            {"layers", 1},
            {"dtype", "f32"}}},
          {"mesh", Json::array({Json::array({"tp", ranks})})},
          {"ranks", ranks},
          {"batch", toyBatch},
          {"max_seq", toyMaxSeq},
          {"weight_files", files},
          {"weight_bytes", 12},
          {"state_bytes", toyBatch * toyMaxSeq * 4},
          {"arena_bytes", 16384},
          {"entries",
           {entry("prefill", "toy_prefill_4", 4), entry("prefill", "toy_prefill_16", 16),
            entry("decode", "toy_decode", 1), entry("score", "toy_score_8", 8)}},
          {"collectives", {allReduce(toyBatch * toyVocab, "logits"), allReduce(toyBatch * 8 * toyVocab, "scores")}},
          {"tokenizer", nullptr},
          {"special", {{"bos", nullptr}, {"add_bos", false}, {"eos", {eosToken}}}},
          {"chat_template", nullptr},
          {"weights", Json::array()}};
}

Json toyEncoderManifest(int ranks, bool withLength) {
  Json manifest = toyManifest(ranks);
  Json inputs = Json::array({tensor("tokens", "i32", {toyBatch, 16}, 0)});
  if (withLength)
    inputs.push_back(tensor("length", "i32", {toyBatch}, 128));
  Json outputs = Json::array({tensor("hidden", "f32", {toyBatch, 16, 8}, 256)});
  manifest["model"]["kind"] = "encoder";
  manifest["entries"] = Json::array(
      {{{"name", "encode"}, {"symbol", "toy_encode_16"}, {"rows", 16}, {"inputs", inputs}, {"outputs", outputs}}});
  return manifest;
}

void writeManifest(const std::string &folder, const std::string &text) {
  std::ofstream(folder + "/manifest.json", std::ios::binary) << text;
}

void writeToyPackage(const std::string &folder, int ranks) {
  std::filesystem::create_directories(folder + "/weights");
  std::filesystem::copy_file(TP_TOY_PROGRAM, folder + "/program.so", std::filesystem::copy_options::overwrite_existing);
  for (int32_t rank = 0; rank < ranks; ++rank) {
    const int32_t weights[] = {ranks, scale, rank};
    std::ofstream file(folder + "/weights/" + std::to_string(rank) + ".bin", std::ios::binary);
    file.write(reinterpret_cast<const char *>(weights), sizeof(weights));
  }
  writeManifest(folder, toyManifest(ranks).dump(1));
}

std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<float> toyLogits(const std::vector<int32_t> &tokens) {
  std::vector<float> logits(toyVocab);
  for (int64_t v = 0; v < toyVocab; ++v)
    for (int64_t p = 0; p < int64_t(tokens.size()); ++p) {
      int64_t token = tokens[size_t(p)];
      logits[size_t(v)] += float((token * 31 + p * 17 + v * 7 + token * v) % 13 * scale);
    }
  return logits;
}

std::vector<int32_t> toyGreedy(std::vector<int32_t> tokens, int count) {
  std::vector<int32_t> result;
  for (int i = 0; i < count; ++i) {
    auto logits = toyLogits(tokens);
    result.push_back(int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    tokens.push_back(result.back());
  }
  return result;
}

std::vector<int32_t> toyPrompt(int length, int seed) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < length; ++i)
    tokens.push_back((i * 7 + seed * 5 + i * i % 11) % 30);
  return tokens;
}

} // namespace tp::rt::test
