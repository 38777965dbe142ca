//===- MutationTests.cpp - Damaged files end in tp::Error or are read, never anything else -------------------===//
//
// Run it under the address sanitizer too: what a wrong length reads is inside the process and would go unseen.
//
//===----------------------------------------------------------------------------------------------------------===//
#include "TestFiles.h"
#include <random>

using namespace tp;
using namespace tp::test;

namespace {

/// Opens and reads everything that the file claims to have.
void readEverything(const std::string &path) {
  auto checkpoint = Checkpoint::open(path);
  checkpoint->ggufTokenizer();
  for (const TensorInfo &tensor : checkpoint->tensors()) {
    try {
      int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
      std::vector<float> values(size_t(tensor.type == ElementType::Other ? 0 : tensor.elements()));
      checkpoint->readRows(tensor, 0, rows, values.data());
    } catch (const Error &) {
    }
  }
}

/// Flips, overwrites or cuts `bytes` in one to four places.
std::string mutate(std::string bytes, std::mt19937_64 &random) {
  auto below = [&](uint64_t n) { return size_t(random() % n); };
  for (size_t edits = 1 + below(4); edits && !bytes.empty(); --edits) {
    size_t at = below(bytes.size());
    switch (below(5)) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes[at] = char(bytes[at] ^ (1 << below(8)));
      break;
    case 2:
      bytes[at] = "\xff\x00\x7f\x80\"[]{}"[below(9)];
      break;
    case 3: // a whole field of ones or of a large power of two
      for (size_t i = at; i < std::min(at + 8, bytes.size()); ++i)
        bytes[i] = below(2) ? '\xff' : '\x40';
      break;
    case 4:
      bytes.erase(at, 1 + below(8));
      break;
    }
  }
  return bytes;
}

void fuzz(const std::string &valid, const std::string &name, const std::string &opened, const TempDir &dir,
          uint64_t seed) {
  std::mt19937_64 random(seed);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    dir.write(name, mutate(valid, random));
    try {
      readEverything(opened);
    } catch (const Error &) {
      ++refused;
    } // anything else that is thrown fails the test
  }
  EXPECT_GT(refused, 100);
  EXPECT_LT(refused, 2000);
}

TEST(Mutation, gguf) {
  TempDir dir;
  std::string valid = llamaGguf()
                          .tensor("blk.0.q", {4, 64}, 8, std::string(4 * 68, '\1'))
                          .tensor("blk.0.k", {4, 32}, 3, std::string(4 * 20, '\1'))
                          .build();
  readEverything(dir.write("valid.gguf", valid));
  fuzz(valid, "model.gguf", dir.file("model.gguf"), dir, 1);
}

TEST(Mutation, ggufHeader) {
  TempDir dir;
  GgufBuilder builder;
  builder.text("general.architecture", "x").tensor("t", {2}, 0, floats({1, 2}));
  fuzz(builder.build(), "model.gguf", dir.file("model.gguf"), dir, 2);
}

TEST(Mutation, safetensors) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  std::string header = R"({"__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "F16", "shape": [2], "data_offsets": [24, 28]}})";
  fuzz(safetensors(header, std::string(28, '\1')), "model.safetensors", dir.path(), dir, 3);
}

TEST(Mutation, configJson) {
  TempDir dir;
  nlohmann::json config = llamaConfig();
  config["eos_token_id"] = {1, 2};
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
  fuzz(config.dump(), "config.json", dir.path(), dir, 4);
}

TEST(Mutation, index) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  dir.write("s.safetensors", safetensors(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", "1234"));
  fuzz(R"({"metadata": {"total_size": 4}, "weight_map": {"a": "s.safetensors"}})", "model.safetensors.index.json",
       dir.path(), dir, 5);
}

} // namespace
