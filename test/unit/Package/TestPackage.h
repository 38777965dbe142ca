// Small models for the tests of lib/Package: a checkpoint of random numbers, a program that reads it, and a naive
// reader of what is written.
#ifndef TP_TEST_UNIT_PACKAGE_TESTPACKAGE_H
#define TP_TEST_UNIT_PACKAGE_TESTPACKAGE_H

#include "TestFiles.h"
#include "tp/Package/Writer.h"

#include "mlir/IR/MLIRContext.h"
#include <random>

namespace tp::test {

// A split as the tests write it.
struct TestSplit {
  std::vector<std::string> axes;
  int64_t unit = 1, repeat = 1, outer = 1;
  std::vector<int64_t> sections = {};
};

struct TestWeight {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<TestSplit> splits = {}; // missing ones: not split
  cpu::ElementType type = cpu::ElementType::f32;
  cpu::Layout layout = cpu::Layout::plain;
};

class TestModel {
public:
  using Mesh = std::vector<std::pair<std::string, int64_t>>;
  TestModel(Mesh mesh, std::vector<TestWeight> weights, unsigned seed = 1);

  void write(const std::string &path, const ProgressFn &progress = {}) const { writePackage(inputs(), path, progress); }
  PackageInputs inputs() const;
  int64_t ranks() const;

  // Compares a rank's weight file with the reference, element by element.
  void expectWeights(const std::string &package, int64_t rank) const;
  std::string weightFile(const std::string &package, int64_t rank) const;

  TempDir dir;
  cpu::CpuProgram program;
  std::vector<WeightShard> shards;
  std::string tokenizer;
  unsigned threads = 2;

private:
  std::vector<int64_t> coordinates(int64_t rank) const;
  // Indices of the whole dimension that the rank's shard holds, -1 for padding.
  std::vector<int64_t> held(const TestWeight &weight, size_t dim, int64_t rank) const;
  // The element at (row, col) of a shard that holds these indices of each dimension.
  float valueAt(const TestWeight &weight, const std::vector<std::vector<int64_t>> &indices, int64_t row,
                int64_t col) const;

  mutable mlir::MLIRContext context;
  Mesh mesh;
  std::vector<TestWeight> weights;
  MeshAttr meshAttr;
  std::unique_ptr<Checkpoint> checkpoint;
  std::map<std::string, std::vector<float>> values;
};

std::string readBytes(const std::string &path);
nlohmann::json readManifest(const std::string &package);
// Every file of a folder with its bytes.
std::map<std::string, std::string> readFolder(const std::string &path);

// The message of the tp::Error that `action` throws; a failure of the test when it throws none.
template <typename Action> std::string errorOf(Action action) {
  try {
    action();
  } catch (const Error &error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "not one line";
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

} // namespace tp::test

#endif
