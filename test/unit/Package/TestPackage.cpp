#include "TestPackage.h"

#include <fstream>
#include <set>
#include <sstream>

namespace fs = std::filesystem;

namespace tp::test {

static int64_t product(const std::vector<int64_t> &sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

TestModel::TestModel(Mesh meshAxes, std::vector<TestWeight> list, unsigned seed)
    : mesh(std::move(meshAxes)), weights(std::move(list)) {
  context.loadDialect<TpDialect>();
  std::vector<mlir::StringAttr> axes;
  std::vector<int64_t> sizes;
  for (auto &[name, size] : mesh) {
    axes.push_back(mlir::StringAttr::get(&context, name));
    sizes.push_back(size);
  }
  meshAttr = MeshAttr::get(&context, axes, sizes);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  GgufBuilder builder = llamaGguf();
  for (const TestWeight &weight : weights) {
    WeightShard shard{weight.name, weight.shape, Sharding::whole(int64_t(weight.shape.size()))};
    for (size_t dim = 0; dim < weight.splits.size(); ++dim) {
      for (const std::string &axis : weight.splits[dim].axes)
        shard.sharding.dims[dim].axes.push_back(mlir::StringAttr::get(&context, axis));
      shard.sharding.dims[dim].unit = weight.splits[dim].unit;
      shard.sharding.dims[dim].repeat = weight.splits[dim].repeat;
      shard.sharding.dims[dim].parts = {weight.splits[dim].outer, weight.splits[dim].sections};
    }
    cpu::Weight local{weight.name, {}, weight.type, weight.layout, 0, 0};
    for (size_t dim = 0; dim < weight.shape.size(); ++dim)
      local.shape.push_back(int64_t(held(weight, dim, 0).size()));
    local.offset = (program.weightBytes + 63) / 64 * 64;
    local.bytes = cpu::packedBytes(weight.layout, weight.type, local.rows(), local.cols());
    program.weightBytes = local.offset + local.bytes;
    program.weights.push_back(local);
    if (values.count(weight.name))
      continue; // read in two layouts
    shards.push_back(shard);
    std::vector<float> &data = values[weight.name];
    data.resize(size_t(product(weight.shape)));
    for (float &value : data)
      value = normal(random);
    builder.tensor(weight.name, {weight.shape.begin(), weight.shape.end()}, 0, floats(data));
  }
  program.weightBytes = (program.weightBytes + 63) / 64 * 64;
  program.sharedObject = "\177ELF, or so";
  checkpoint = Checkpoint::open(dir.write("model.gguf", builder.build()));
}

PackageInputs TestModel::inputs() const {
  PackageInputs inputs{program, meshAttr, shards};
  inputs.checkpoint = checkpoint.get();
  inputs.model = PackageModel::from(checkpoint->config());
  inputs.maxSeq = 64;
  inputs.tokenizer = tokenizer;
  inputs.threads = threads;
  return inputs;
}

int64_t TestModel::ranks() const {
  int64_t ranks = 1;
  for (auto &[name, size] : mesh)
    ranks *= size;
  return ranks;
}

std::vector<int64_t> TestModel::coordinates(int64_t rank) const {
  std::vector<int64_t> result(mesh.size());
  for (size_t i = mesh.size(); i-- > 0; rank /= mesh[i].second)
    result[i] = rank % mesh[i].second;
  return result;
}

std::vector<int64_t> TestModel::held(const TestWeight &weight, size_t dim, int64_t rank) const {
  TestSplit split = dim < weight.splits.size() ? weight.splits[dim] : TestSplit{};
  std::vector<int64_t> at = coordinates(rank);
  int64_t parts = 1, part = 0, sections = 0;
  for (int64_t section : split.sections)
    sections += section;
  int64_t size = weight.shape[dim] / split.outer / std::max<int64_t>(sections, 1); // of a section of size 1
  for (const std::string &axis : split.axes)
    for (size_t i = 0; i < mesh.size(); ++i)
      if (mesh[i].first == axis) {
        parts *= mesh[i].second;
        part = part * mesh[i].second + at[i];
      }
  // The blocks that each device touches, one virtual block after another.
  int64_t total = size / split.unit * split.repeat, chunk = (total + parts - 1) / parts;
  std::vector<std::set<int64_t>> blocks(static_cast<size_t>(parts));
  for (int64_t block = 0; block < total; ++block)
    blocks[size_t(block / chunk)].insert(block / split.repeat);
  size_t most = 0;
  for (const std::set<int64_t> &touched : blocks)
    most = std::max(most, touched.size());
  std::vector<int64_t> result(most * size_t(split.unit), -1);
  const std::set<int64_t> &mine = blocks[size_t(part)];
  for (size_t i = 0; i < result.size() && !mine.empty(); ++i)
    if (int64_t index = *mine.begin() * split.unit + int64_t(i); index < size)
      result[i] = index;
  std::vector<int64_t> all;
  int64_t before = 0;
  for (int64_t outer = 0; outer < split.outer; ++outer)
    for (int64_t section : split.sections.empty() ? std::vector<int64_t>{1} : split.sections) {
      for (int64_t index : result)
        for (int64_t i = 0; i < section; ++i)
          all.push_back(index < 0 ? -1 : before + index * section + i);
      before += section * size;
    }
  return all;
}

float TestModel::valueAt(const TestWeight &weight, const std::vector<std::vector<int64_t>> &indices, int64_t row,
                         int64_t col) const {
  int64_t index = 0, stride = 1;
  for (size_t dim = weight.shape.size(); dim-- > 0; stride *= weight.shape[dim]) {
    bool last = dim + 1 == weight.shape.size();
    int64_t count = int64_t(indices[dim].size()), at = indices[dim][size_t(last ? col : row % count)];
    if (!last)
      row /= count;
    if (at < 0)
      return 0;
    index += at * stride;
  }
  return values.at(weight.name)[size_t(index)];
}

// The nearer of the two bf16 values around `value`; the even one when both are as near.
static uint16_t nearestBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  auto widen = [](uint32_t high) {
    float result;
    high <<= 16;
    std::memcpy(&result, &high, 4);
    return double(result);
  };
  uint32_t low = bits >> 16, high = low + 1;
  double toLow = std::abs(value - widen(low)), toHigh = std::abs(value - widen(high));
  return uint16_t(toLow < toHigh || (toLow == toHigh && low % 2 == 0) ? low : high);
}

std::string TestModel::weightFile(const std::string &package, int64_t rank) const {
  return readBytes(package + "/" + readManifest(package)["weight_files"][size_t(rank)].get<std::string>());
}

void TestModel::expectWeights(const std::string &package, int64_t rank) const {
  std::string bytes = weightFile(package, rank);
  ASSERT_EQ(int64_t(bytes.size()), program.weightBytes);
  std::string expected(bytes.size(), '\0');
  for (size_t i = 0; i < weights.size(); ++i) {
    const cpu::Weight &local = program.weights[i];
    bool panel = local.layout == cpu::Layout::panel, half = local.type == cpu::ElementType::bf16;
    std::vector<std::vector<int64_t>> indices;
    for (size_t dim = 0; dim < weights[i].shape.size(); ++dim)
      indices.push_back(held(weights[i], dim, rank));
    int64_t cols = local.cols(), pack = half ? 2 : 1, steps = (cols + pack - 1) / pack;
    for (int64_t row = 0; row < local.rows(); ++row)
      for (int64_t col = 0; col < cols; ++col) {
        int64_t at = row * cols + col;
        if (panel)
          at = ((row / 16 * steps + col / pack) * 16 + row % 16) * pack + col % pack;
        float value = valueAt(weights[i], indices, row, col);
        uint16_t rounded = nearestBf16(value);
        if (half)
          std::memcpy(expected.data() + local.offset + at * 2, &rounded, 2);
        else
          std::memcpy(expected.data() + local.offset + at * 4, &value, 4);
      }
  }
  auto [found, wanted] = std::mismatch(bytes.begin(), bytes.end(), expected.begin());
  EXPECT_EQ(found, bytes.end()) << "rank " << rank << " differs at byte " << found - bytes.begin();
}

std::string readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

nlohmann::json readManifest(const std::string &package) {
  return nlohmann::json::parse(readBytes(package + "/manifest.json"));
}

std::map<std::string, std::string> readFolder(const std::string &path) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry &entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), path).string()] = readBytes(entry.path().string());
  return files;
}

} // namespace tp::test
