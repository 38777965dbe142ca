// Manifests that are wrong in one place, and the line that says so.
#include "core/Manifest.h"

#include "core/Error.h"
#include "core/Package.h"
#include "core/ToyPackage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace tp::rt::test {
namespace {

using Json = nlohmann::json;

std::string errorOf(const std::function<void()> &body) {
  try {
    body();
  } catch (const Error &e) {
    return e.what();
  }
  return "no error";
}

std::string parseError(const std::function<void(Json &)> &change) {
  Json json = toyManifest(2);
  change(json);
  return errorOf([&] { Manifest::parse(json.dump(), "m"); });
}

TEST(Manifest, TheToyParses) {
  Manifest manifest = Manifest::parse(toyManifest(2).dump(), "m");
  EXPECT_EQ(manifest.ranks, 2);
  EXPECT_EQ(manifest.entries.size(), 4u);
  EXPECT_EQ(manifest.collectives[0].describe(), "all_reduce (logits)");
}

TEST(Manifest, EveryKeyIsNeededAndNamed) {
  Json whole = toyManifest(2);
  for (auto &[key, value] : whole.items()) {
    if (key == "weights")
      continue; // for people
    std::string name = key;
    EXPECT_EQ(parseError([&](Json &json) { json.erase(name); }), "m: key '" + name + "': missing");
  }
  EXPECT_EQ(parseError([](Json &json) { json["model"].erase("kind"); }), "m: key 'model.kind': missing");
  EXPECT_EQ(parseError([](Json &json) { json["entries"][1]["inputs"][0].erase("shape"); }),
            "m: key 'entries[1].inputs[0].shape': missing");
  EXPECT_EQ(parseError([](Json &json) { json["collectives"][1].erase("count"); }),
            "m: key 'collectives[1].count': missing");
}

TEST(Manifest, WrongValuesAreNamedWithWhatWasFound) {
  auto set = [](const char *pointer, Json value) {
    return parseError([&](Json &json) { json[Json::json_pointer(pointer)] = value; });
  };
  EXPECT_EQ(set("/format", "zip"), "m: key 'format': expected 'tp-package', found \"zip\"");
  EXPECT_EQ(set("/version", 2), "m: key 'version': expected version 1, found 2");
  EXPECT_EQ(set("/ranks", "two"), "m: key 'ranks': expected an integer from 1 to 4096, found \"two\"");
  EXPECT_EQ(set("/ranks", 3), "m: key 'ranks': expected the product of the mesh, 2, found 3");
  EXPECT_EQ(set("/batch", 0), "m: key 'batch': expected an integer from 1 to 1048576, found 0");
  EXPECT_EQ(set("/weight_files/0", "../../etc/passwd"),
            "m: key 'weight_files': expected a path inside the package, found '../../etc/passwd'");
  EXPECT_EQ(set("/program", "/bin/sh"), "m: key 'program': expected a path inside the package, found '/bin/sh'");
  EXPECT_EQ(set("/arena_bytes", 18446744073709551615u),
            "m: key 'arena_bytes': expected an integer from 0 to 1125899906842624, found 18446744073709551615");
  EXPECT_EQ(set("/collectives/0/axes", {"dp"}), "m: key 'collectives[0].axes': the mesh has no axis 'dp'");
  EXPECT_EQ(set("/entries/0/outputs/0/offset", 16100),
            "m: key 'entries[0].outputs[0].offset': tensor 'logits' ends at byte 16396, behind the arena's 16384");
  EXPECT_EQ(set("/entries/0/outputs/0/offset", 257),
            "m: key 'entries[0].outputs[0].offset': expected a multiple of 4, found 257");
}

TEST(Manifest, EntriesMustHaveTheShapesOfTheirKind) {
  EXPECT_EQ(parseError([](Json &json) { json["entries"][1]["inputs"][0]["shape"] = {2, 15}; }),
            "m: key 'entries[1].inputs': 'tokens': expected shape [2, 16], found [2, 15]");
  EXPECT_EQ(parseError([](Json &json) { json["entries"][2]["rows"] = 2; }),
            "m: key 'entries[2].rows': expected 1 for decode, found 2");
  EXPECT_EQ(parseError([](Json &json) { json["entries"].erase(2); }),
            "m: key 'entries': the decoder has no entry 'decode'");
  EXPECT_EQ(parseError([](Json &json) { json["max_seq"] = 72; }),
            "m: key 'entries': max_seq 72 is not a multiple of the largest prefill chunk, 16");
}

Json gather(std::vector<int> starts, std::vector<int> lengths) {
  return {{"kind", "all_gather"}, {"axes", {"tp"}},   {"type", "f32"},     {"outer", 1},
          {"inner", 4},           {"global", 5},      {"local", 3},        {"bytes", 1},
          {"origin", ""},         {"starts", starts}, {"lengths", lengths}};
}

TEST(Manifest, GatheredWindowsCoverTheWhole) {
  auto with = [](Json c) { return parseError([&](Json &json) { json["collectives"].push_back(c); }); };
  EXPECT_EQ(with(gather({0, 3}, {3, 2})), "no error");
  EXPECT_EQ(with(gather({2, 0}, {3, 2})), "no error");
  EXPECT_EQ(with(gather({0, 2}, {3, 3})),
            "m: key 'collectives[2].starts': windows do not follow each other: one ends at 3, "
            "the next starts at 2");
  EXPECT_EQ(with(gather({0, 3}, {3, 1})), "m: key 'collectives[2].lengths': windows end at 4, expected 5");
  EXPECT_EQ(with(gather({0, 3}, {3, 3})),
            "m: key 'collectives[2].lengths': the window of position 1 ends at 6, behind 5");
  EXPECT_EQ(with(gather({0}, {3})),
            "m: key 'collectives[2].starts': expected one number per rank of the group, 2, found 1");
}

TEST(Manifest, GroupsAreInTheOrderOfTheirAxes) {
  Manifest manifest;
  manifest.mesh = {{"a", 2}, {"b", 3}};
  manifest.ranks = 6;
  EXPECT_EQ(manifest.group({}, 4), (std::vector<int>{4}));
  EXPECT_EQ(manifest.group({"a"}, 4), (std::vector<int>{1, 4}));
  EXPECT_EQ(manifest.group({"b"}, 4), (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(manifest.group({"a", "b"}, 4), (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(manifest.group({"b", "a"}, 4), (std::vector<int>{0, 3, 1, 4, 2, 5}));
}

class PackageTest : public testing::Test {
protected:
  void SetUp() override { writeToyPackage(scratch.path, 2); }
  std::string openError() {
    return errorOf([&] { Package package(scratch.path); });
  }
  void edit(const std::function<void(Json &)> &change) {
    Json json = toyManifest(2);
    change(json);
    writeManifest(scratch.path, json.dump());
  }
  void expectError(const std::string &part) {
    std::string error = openError();
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  ScratchFolder scratch;
};

TEST_F(PackageTest, TheToyOpens) { EXPECT_EQ(openError(), "no error"); }

TEST_F(PackageTest, AMissingFolderOrFileIsNamed) {
  EXPECT_EQ(errorOf([] { Package package("/absent/package"); }), "/absent/package: expected a package folder");
  std::filesystem::remove(scratch.path + "/weights/1.bin");
  expectError("key 'weight_files': no file 'weights/1.bin' in the package");
  std::filesystem::remove(scratch.path + "/program.so");
  expectError("key 'program': no file 'program.so' in the package");
  std::filesystem::remove(scratch.path + "/manifest.json");
  expectError("manifest.json: cannot open");
}

TEST_F(PackageTest, AWeightFileOfAnotherSizeIsNamed) {
  std::ofstream(scratch.path + "/weights/1.bin") << "short";
  expectError("weights/1.bin: expected 12 bytes (key 'weight_bytes'), found 5");
}

TEST_F(PackageTest, ACpuFeatureThatIsMissingIsNamed) {
  edit([](Json &json) { json["target"]["features"] = {"sse2", "fma4000"}; });
  expectError("CPU feature 'fma4000' is not known to this runtime");
  edit([](Json &json) { json["target"]["features"] = {"xop", "fma4"}; });
  if (!__builtin_cpu_supports("xop"))
    expectError("the package needs the CPU feature 'xop', which this machine lacks");
  edit([](Json &json) { json["target"]["arch"] = "aarch64"; });
  expectError("the package is for aarch64, this machine is x86_64");
}

TEST_F(PackageTest, ASymbolThatIsMissingIsNamed) {
  edit([](Json &json) { json["entries"][2]["symbol"] = "toy_nothing"; });
  expectError("no symbol 'toy_nothing', which entry 'decode' names");
}

TEST_F(PackageTest, AProgramThatIsNoneIsNamed) {
  std::ofstream(scratch.path + "/program.so") << "hello";
  expectError("program.so: cannot load: expected a shared object");
}

TEST_F(PackageTest, AProgramThatIsCutIsNamed) {
  auto size = std::filesystem::file_size(scratch.path + "/program.so");
  for (auto part : {size / 100, size / 2}) {
    std::filesystem::resize_file(scratch.path + "/program.so", part);
    expectError("program.so: cannot load: ");
    writeToyPackage(scratch.path, 2);
  }
}

} // namespace
} // namespace tp::rt::test
