//===- ViewTests.cpp - Names that say what is to be made of a tensor -----------------------------------------===//
#include "TestFiles.h"

using namespace tp;
using namespace tp::test;

namespace {

using Floats = std::vector<float>;

/// m [2, 3] = 0, 1, 2, 3, 4, 5; v [2] = 6, 7; and one whose own name looks like a view's.
class ViewTest : public testing::Test {
protected:
  ViewTest() {
    dir.write("config.json", llamaConfig().dump());
    dir.write("model.safetensors", safetensors(R"({"m": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
      "v": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
      "v+1": {"dtype": "F32", "shape": [1], "data_offsets": [32, 36]}})",
                                               floats({0, 1, 2, 3, 4, 5, 6, 7, 8})));
    checkpoint = Checkpoint::open(dir.path());
  }
  std::string errorOf(const std::string &name) {
    try {
      checkpoint->find(name);
    } catch (const Error &error) {
      return error.what();
    }
    ADD_FAILURE() << "no error for " << name;
    return "";
  }
  TempDir dir;
  std::unique_ptr<Checkpoint> checkpoint;
};

TEST_F(ViewTest, rowsOfAMatrix) {
  EXPECT_EQ(checkpoint->find("m[1:2]")->shape, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(readAll(*checkpoint, "m[1:2]"), (Floats{3, 4, 5}));
  EXPECT_EQ(readAll(*checkpoint, "m[0:2]"), (Floats{0, 1, 2, 3, 4, 5}));
}

TEST_F(ViewTest, elementsOfAVector) {
  EXPECT_EQ(readAll(*checkpoint, "v[1:2]"), (Floats{7}));
  // As a package sees a vector: one row.
  TensorInfo row = *checkpoint->find("v[1:2]");
  row.shape = {1, 1};
  float value = 0;
  checkpoint->readRows(row, 0, 1, &value);
  EXPECT_EQ(value, 7);
}

TEST_F(ViewTest, theTransposeAndItsRows) {
  EXPECT_EQ(checkpoint->find("m.T")->shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(readAll(*checkpoint, "m.T"), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(readAll(*checkpoint, "m.T[1:3]"), (Floats{1, 4, 2, 5}));
  Floats last(2);
  checkpoint->readRows(*checkpoint->find("m.T[1:3]"), 1, 1, last.data());
  EXPECT_EQ(last, (Floats{2, 5}));
}

TEST_F(ViewTest, anAddend) {
  EXPECT_EQ(readAll(*checkpoint, "v[0:1]+1"), (Floats{7}));
  EXPECT_EQ(readAll(*checkpoint, "m.T[0:1]+1"), (Floats{1, 4}));
}

TEST_F(ViewTest, aTensorOfThatNameComesFirst) { EXPECT_EQ(readAll(*checkpoint, "v+1"), (Floats{8})); }

TEST_F(ViewTest, viewsAreNoTensors) {
  checkpoint->find("m.T");
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
}

TEST_F(ViewTest, namesThatAreNone) {
  for (const char *name : {"w.T", "m[", "m]", "m[]", "m[0]", "m[0:]", "m[:1]", "m[0:1", "m[0:x]", "m[0:1]x", "m+2",
                           "m.T.T", "m[0:1].T", "+1", ".T", "[0:1]", "", "m[0:99999999999999999999]"})
    EXPECT_EQ(checkpoint->find(name), nullptr) << name;
}

TEST_F(ViewTest, rowsThatAreNotThere) {
  EXPECT_EQ(errorOf("m[1:3]"), "expected at least 3 rows for 'm[1:3]', found shape [2, 3]");
  EXPECT_EQ(errorOf("m.T[3:4]"), "expected at least 4 rows for 'm.T[3:4]', found shape [3, 2]");
  expectContains(errorOf("m[1:1]"), "rows for 'm[1:1]'");
  expectContains(errorOf("m[-1:1]"), "rows for 'm[-1:1]'");
  EXPECT_EQ(errorOf("v.T"), "expected a matrix, of which 'v.T' is the transpose, found shape [2]");
}

} // namespace
