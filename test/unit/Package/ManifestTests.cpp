// manifest.json as docs/package-format.md describes it, and the tokenizer.
#include "TestPackage.h"

using namespace tp;
using namespace tp::test;
using nlohmann::json;

namespace {

cpu::Entry decodeEntry() {
  return {"decode",
          "tp_decode",
          1,
          {{"tokens", cpu::ElementType::i32, {1, 1}, 0}, {"position", cpu::ElementType::i32, {1}, 64}},
          {{"logits", cpu::ElementType::f32, {1, 8}, 128}}};
}

cpu::Collective collective(const std::string &kind) {
  cpu::Collective result;
  result.kind = kind;
  result.axes = {"tp"};
  result.reduce = "sum";
  result.count = 40;
  result.outer = 2;
  result.inner = 3;
  result.windows = {1, 5, 3, {0, 3}, {3, 2}};
  result.shape = {3, 4};
  result.split = {1, 4, 2, {0, 2}, {2, 2}};
  result.concat = {0, 6, 3, {0, 3}, {3, 3}};
  result.source = {1, -1};
  result.bytes = 160;
  result.origin = "layer: tp.linear";
  return result;
}

TEST(Manifest, saysWhatIsInThePackage) {
  TestModel model({{"dp", 1}, {"tp", 2}},
                  {{"k", {96, 40}, {{{"tp"}, 32, 3}}, cpu::ElementType::bf16, cpu::Layout::panel}});
  model.program.entries = {decodeEntry()};
  model.program.features = {"avx2", "fma"};
  model.program.arenaBytes = 256;
  model.program.stateBytes = 4096;
  model.tokenizer = "{}";
  model.write(model.dir.file("package"));
  json manifest = readManifest(model.dir.file("package"));
  json expected = json::parse(R"({
    "format": "tp-package", "version": 1, "target": {"kind": "cpu", "arch": "x86_64", "features": ["avx2", "fma"]},
    "program": "program.so",
    "model": {"name": "small", "architecture": "llama", "kind": "decoder", "vocab_size": 8, "hidden_size": 32, "layers": 2, "token_types": 0, "dtype": "f32"},
    "mesh": [["dp", 1], ["tp", 2]], "ranks": 2, "batch": 1, "max_seq": 64, "weight_files": ["weights/0.bin", "weights/1.bin"],
    "weight_bytes": 5120, "state_bytes": 4096, "arena_bytes": 256,
    "entries": [{"name": "decode", "symbol": "tp_decode", "rows": 1,
      "inputs": [{"name": "tokens", "type": "i32", "shape": [1, 1], "offset": 0}, {"name": "position", "type": "i32", "shape": [1], "offset": 64}],
      "outputs": [{"name": "logits", "type": "f32", "shape": [1, 8], "offset": 128}]}],
    "collectives": [], "tokenizer": "tokenizer.json", "special": {"bos": 0, "add_bos": false, "eos": [1, 7]},
    "chat_template": "{{ messages }}",
    "weights": [{"name": "k", "shape": [96, 40], "local_shape": [64, 40], "sharding": "[{\"tp\", unit = 32, repeat = 3}, {}]",
      "offset": 0, "bytes": 5120}]})");
  EXPECT_EQ(manifest, expected) << json::diff(manifest, expected);
}

TEST(Manifest, describesEachKindOfCollective) {
  TestModel model({{"tp", 2}}, {});
  for (const char *kind : {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "permute"})
    model.program.collectives.push_back(collective(kind));
  model.write(model.dir.file("package"));
  json found = readManifest(model.dir.file("package"))["collectives"];
  json expected = json::parse(R"([
    {"kind": "all_reduce", "reduce": "sum", "count": 40},
    {"kind": "all_gather", "outer": 2, "inner": 3, "global": 5, "local": 3, "starts": [0, 3], "lengths": [3, 2]},
    {"kind": "reduce_scatter", "reduce": "sum", "outer": 2, "inner": 3, "global": 5, "local": 3, "starts": [0, 3], "lengths": [3, 2]},
    {"kind": "all_to_all", "shape": [3, 4],
     "split": {"dim": 1, "global": 4, "local": 2, "starts": [0, 2], "lengths": [2, 2]},
     "concat": {"dim": 0, "global": 6, "local": 3, "starts": [0, 3], "lengths": [3, 3]}},
    {"kind": "permute", "count": 40, "source": [1, -1]}])");
  for (json &each : expected)
    each.update({{"axes", {"tp"}}, {"type", "f32"}, {"bytes", 160}, {"origin", "layer: tp.linear"}});
  EXPECT_EQ(found, expected) << json::diff(found, expected);
}

TEST(Manifest, leavesOutWhatTheModelLacks) {
  TestModel model({{"tp", 1}}, {});
  PackageInputs inputs = model.inputs();
  inputs.model.bos.reset();
  inputs.model.addBos = true;
  inputs.model.eos = {3, 8, -1};
  inputs.model.chatTemplate.clear();
  inputs.model.name = "not UTF-8: \xff";
  writePackage(inputs, model.dir.file("package"));
  json manifest = readManifest(model.dir.file("package"));
  EXPECT_TRUE(manifest["tokenizer"].is_null());
  EXPECT_TRUE(manifest["chat_template"].is_null());
  EXPECT_EQ(manifest["special"], json({{"bos", nullptr}, {"add_bos", false}, {"eos", {3}}}));
  EXPECT_EQ(manifest["weights"], json::array());
  EXPECT_FALSE(std::filesystem::exists(model.dir.file("package/tokenizer.json")));
}

TEST(Tokenizer, comesFromGguf) {
  TempDir dir;
  GgufBuilder builder = llamaGguf();
  auto checkpoint = Checkpoint::open(dir.write("model.gguf", builder.build()));
  std::string warning;
  std::string text = tokenizerText(*checkpoint, [&](const std::string &message) { warning = message; });
  if (text.empty())
    expectContains(warning, "the package gets no tokenizer: ");
  else
    EXPECT_EQ(json::parse(text)["model"]["type"], "BPE");
}

TEST(Tokenizer, isCopiedFromADirectoryAndLeftOutWhenItCannotBeRead) {
  TempDir dir;
  dir.write("config.json", llamaConfig().dump());
  EXPECT_EQ(tokenizerText(*Checkpoint::open(dir.path()), [](const std::string &) { ADD_FAILURE(); }), "");
  std::string good = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";
  dir.write("tokenizer.json", good);
  std::string warning;
  auto warn = [&](const std::string &message) { warning = message; };
  EXPECT_EQ(tokenizerText(*Checkpoint::open(dir.path()), warn), good) << warning;
  dir.write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  EXPECT_EQ(tokenizerText(*Checkpoint::open(dir.path()), warn), "");
  expectContains(warning, "the package gets no tokenizer: ");
  expectContains(warning, "Unigram");
}

} // namespace
