// The folder: complete or absent, and nothing else is touched.
#include "TestPackage.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace tp;
using namespace tp::test;
namespace fs = std::filesystem;

namespace {

TestModel smallModel() { return TestModel({{"tp", 2}}, {{"up", {96, 40}, {{{"tp"}}}}, {"norm", {40}}}); }

// Names in the model's folder, without the checkpoint.
std::vector<std::string> namesIn(const TempDir &dir) {
  std::vector<std::string> names;
  for (const fs::directory_entry &entry : fs::directory_iterator(dir.path()))
    if (entry.path().filename() != "model.gguf")
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void expectFailure(const TestModel &model, const std::string &path, const std::string &part) {
  std::vector<std::string> before = namesIn(model.dir);
  expectContains(errorOf([&] { model.write(path); }), part);
  EXPECT_EQ(namesIn(model.dir), before) << "something was left";
}

TEST(Folder, writesTheSameBytesTwice) {
  TestModel model = smallModel();
  model.tokenizer = "{}\n";
  model.write(model.dir.file("a"));
  model.write(model.dir.file("b"));
  EXPECT_EQ(readFolder(model.dir.file("a")), readFolder(model.dir.file("b")));
  EXPECT_EQ(namesIn(model.dir), (std::vector<std::string>{"a", "b"}));
  std::map<std::string, std::string> files = readFolder(model.dir.file("a"));
  EXPECT_EQ(files.size(), 5u);
  EXPECT_EQ(files["program.so"], model.program.sharedObject);
  EXPECT_EQ(files["tokenizer.json"], "{}\n");
}

TEST(Folder, replacesAPackage) {
  TestModel model = smallModel();
  std::string path = model.dir.file("package");
  model.write(path);
  std::ofstream(path + "/mine.txt") << "goes with the old package";
  model.program.sharedObject = "new";
  model.write(path + "/");
  EXPECT_EQ(readFolder(path)["program.so"], "new");
  EXPECT_EQ(readFolder(path).count("mine.txt"), 0u);
  EXPECT_EQ(namesIn(model.dir), std::vector<std::string>{"package"});
}

TEST(Folder, takesThePlaceOfAnEmptyFolderAndFollowsALink) {
  TestModel model = smallModel();
  fs::create_directory(model.dir.file("real"));
  fs::create_directory_symlink("real", model.dir.file("link"));
  model.write(model.dir.file("link"));
  EXPECT_TRUE(fs::is_symlink(model.dir.file("link")));
  EXPECT_EQ(readFolder(model.dir.file("real")).count("manifest.json"), 1u);
}

TEST(Folder, leavesAFileAlone) {
  TestModel model = smallModel();
  std::string path = model.dir.write("file", "precious");
  expectFailure(model, path, "not a folder");
  EXPECT_EQ(readBytes(path), "precious");
  expectContains(errorOf([&] { checkPackagePath(path); }), "not a folder");
}

TEST(Folder, leavesAnotherFolderAlone) {
  TestModel model = smallModel();
  fs::create_directory(model.dir.file("folder"));
  for (const char *manifest : {"", "{}", "[", "[1]", "{\"format\": \"other\"}", "{\"format\": 3}"}) {
    model.dir.write("folder/manifest.json", manifest);
    expectFailure(model, model.dir.file("folder"), "not a package");
    EXPECT_EQ(readBytes(model.dir.file("folder/manifest.json")), manifest);
  }
}

TEST(Folder, parentMustBeAFolderThatExists) {
  TestModel model = smallModel();
  expectFailure(model, model.dir.file("missing/package"), "cannot create");
  expectFailure(model, model.dir.write("file", "x") + "/package", "Not a directory");
  expectFailure(model, "", "found ''");
  expectFailure(model, "/", "expected the path of a package");
}

TEST(Folder, removesWhatAnEndedRunLeft) {
  TestModel model = smallModel();
  fs::create_directories(model.dir.file("package.partial/weights"));
  model.dir.write("package.partial/weights/0.bin", "half");
  model.write(model.dir.file("package"));
  EXPECT_EQ(namesIn(model.dir), std::vector<std::string>{"package"});
}

TEST(Folder, leavesAlonePartialFoldersThatAreNotItsOwn) {
  TestModel model = smallModel();
  fs::create_directories(model.dir.file("package.partial"));
  model.dir.write("package.partial/thesis.txt", "precious");
  expectFailure(model, model.dir.file("package"), "found something else");
  EXPECT_EQ(readBytes(model.dir.file("package.partial/thesis.txt")), "precious");
}

TEST(Folder, twoWritersDoNotMix) {
  TestModel model = smallModel();
  std::string partial = model.dir.file("package.partial");
  fs::create_directory(partial);
  int other = ::open(partial.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  expectFailure(model, model.dir.file("package"), "another process");
  EXPECT_TRUE(fs::exists(partial));
  ::close(other);
}

// A limit on the size of a file stands for a disk that is full.
TEST(Folder, noRoomLeavesNothing) {
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old, small;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  TestModel model = smallModel();
  model.program.sharedObject = std::string(20000, 'x');
  for (rlim_t bytes : {100, 5000, 15000}) {
    small = {bytes, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    expectFailure(model, model.dir.file("package"), "cannot write");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  }
  std::signal(SIGXFSZ, handler);
}

TEST(Folder, anExceptionInProgressLeavesNothingAndTheOldPackage) {
  TestModel model = smallModel();
  model.write(model.dir.file("package"));
  auto before = readFolder(model.dir.file("package"));
  EXPECT_THROW(model.write(model.dir.file("package"), [](int64_t, int64_t) { throw Error("stop"); }), Error);
  EXPECT_EQ(namesIn(model.dir), std::vector<std::string>{"package"});
  EXPECT_EQ(readFolder(model.dir.file("package")), before);
}

TEST(Folder, badWeightsAreFoundBeforeAnythingIsWritten) {
  std::string path = "package";
  TestModel missing = smallModel();
  missing.shards[0].name = missing.program.weights[0].name = "nowhere";
  expectFailure(missing, missing.dir.file(path), "expected tensor 'nowhere' [96, 40]");
  TestModel shape = smallModel();
  shape.shards[0].shape = {96, 20};
  shape.program.weights[0].shape = {48, 20};
  shape.program.weights[0].bytes = 48 * 20 * 4;
  expectFailure(shape, shape.dir.file(path), "has shape [96, 40]; expected [96, 20]");
  TestModel local = smallModel();
  local.program.weights[0].shape = {96, 40};
  expectFailure(local, local.dir.file(path), "expected local shape [48, 40], the program has [96, 40]");
  TestModel bytes = smallModel();
  bytes.program.weightBytes = 64;
  expectFailure(bytes, bytes.dir.file(path), "within the 64 of a weight file");
  TestModel overlap = smallModel();
  overlap.program.weights[1].offset = 0;
  expectFailure(overlap, overlap.dir.file(path), "weight 'norm': expected to start at byte 7680");
  TestModel unknown = smallModel();
  unknown.shards.pop_back();
  expectFailure(unknown, unknown.dir.file(path), "'norm': the program reads it, but it has no sharding");
}

TEST(Folder, weightsNeedACheckpoint) {
  TestModel model = smallModel();
  PackageInputs inputs = model.inputs();
  inputs.checkpoint = nullptr;
  expectContains(errorOf([&] { writePackage(inputs, model.dir.file("package"), {}); }), "needs a checkpoint");
  cpu::CpuProgram empty;
  PackageInputs noWeights{empty, inputs.mesh, {}};
  writePackage(noWeights, model.dir.file("package"));
  EXPECT_EQ(readFolder(model.dir.file("package"))["weights/0.bin"], "");
}

} // namespace
