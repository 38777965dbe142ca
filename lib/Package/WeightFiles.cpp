#include "WeightFiles.h"

#include "OutputFile.h"

#include "llvm/ADT/STLExtras.h"
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace tp::package {
namespace {

// Rows of a weight's shard that are packed at once: whole panels, and about this much of the whole tensor read at a
// time.
constexpr int64_t kPanelRows = 16;
constexpr int64_t kBlockElements = int64_t(1) << 18;

// Shard rows [firstRow, firstRow + rows) of a weight, for all files.
struct Block {
  size_t weight;
  int64_t firstRow, rows;
};

// Row numbers are those of the tensor seen as [product of the other dimensions, last dimension], as packWeight sees it.
struct Run {
  int64_t blockRow, sourceRow, rows;
  bool operator==(const Run &) const = default;
};

// Where the rows of a block lie in the whole tensor, for one slice; rows of padding are in no run.
std::vector<Run> runsOf(const WeightPlan &plan, const Slice &slice, const Block &block) {
  std::vector<Run> runs;
  for (int64_t row = 0; row < block.rows; ++row) {
    int64_t rest = block.firstRow + row, source = 0, stride = 1;
    bool valid = true;
    for (size_t dim = slice.size() > 1 ? slice.size() - 1 : 0; dim-- > 0;) {
      int64_t index = rest % plan.weight->shape[dim];
      rest /= plan.weight->shape[dim];
      auto behind = llvm::upper_bound(slice[dim], index, [](int64_t i, const Window &w) { return i < w.local; });
      const Window &window = *std::prev(behind);
      valid &= index - window.local < window.length;
      source += (window.start + index - window.local) * stride;
      stride *= plan.shard->shape[dim];
    }
    if (!valid)
      continue;
    if (!runs.empty() && runs.back().blockRow + runs.back().rows == row &&
        runs.back().sourceRow + runs.back().rows == source)
      ++runs.back().rows;
    else
      runs.push_back({row, source, 1});
  }
  return runs;
}

// The tensor as [product of the other dimensions, last dimension].
TensorInfo flattened(const TensorInfo &tensor) {
  TensorInfo flat = tensor;
  int64_t cols = tensor.shape.empty() ? 1 : tensor.shape.back();
  flat.shape = {tensor.elements() / cols, cols};
  return flat;
}

// One thread's buffers.
class BlockWriter {
public:
  BlockWriter(const Checkpoint &checkpoint, const std::vector<OutputFile> &files)
      : checkpoint(checkpoint), files(files) {}

  // Returns the bytes written.
  int64_t write(const WeightPlan &plan, const Block &block) {
    const cpu::Weight &weight = *plan.weight;
    TensorInfo tensor = flattened(*plan.tensor);
    packed.resize(size_t(cpu::packedBytes(weight.layout, weight.type, block.rows, weight.cols())));
    // A panel layout begins anew every 16 rows, so a block's bytes lie behind those of the rows before.
    int64_t offset = weight.offset + cpu::packedBytes(weight.layout, weight.type, block.firstRow, weight.cols());
    int64_t written = 0;
    loaded.reset();
    for (auto [slice, owners] : llvm::zip_equal(plan.slices, plan.owners)) {
      load(tensor, runsOf(plan, slice, block), block.rows);
      cut(tensor.shape[1], weight.cols(), slice.empty() ? std::vector<Window>{{0, 1}} : slice.back(), block.rows);
      cpu::packWeight(weight.layout, weight.type, block.rows, weight.cols(), shard.data(), packed.data());
      for (size_t file : owners)
        files[file].write(packed.data(), int64_t(packed.size()), offset);
      written += int64_t(packed.size() * owners.size());
    }
    return written;
  }

private:
  // Reads the whole rows of a block, unless they are the ones that the slice before had: a split of columns reads once.
  void load(const TensorInfo &tensor, std::vector<Run> runs, int64_t rows) {
    if (loaded == runs)
      return;
    int64_t cols = tensor.shape[1];
    source.assign(size_t(rows * cols), 0.0f);
    for (const Run &run : runs)
      checkpoint.readRows(tensor, run.sourceRow, run.rows, source.data() + run.blockRow * cols);
    loaded = std::move(runs);
  }

  // The windows of each row, and zeros behind them.
  void cut(int64_t wholeCols, int64_t cols, llvm::ArrayRef<Window> windows, int64_t rows) {
    shard.assign(size_t(rows * cols), 0.0f);
    for (int64_t row = 0; row < rows; ++row)
      for (const Window &window : windows)
        std::copy_n(source.data() + row * wholeCols + window.start, window.length,
                    shard.data() + row * cols + window.local);
  }

  const Checkpoint &checkpoint;
  const std::vector<OutputFile> &files;
  std::optional<std::vector<Run>> loaded;
  std::vector<float> source, shard;
  std::vector<char> packed;
};

std::vector<Block> blocksOf(const FilePlan &plan) {
  std::vector<Block> blocks;
  for (auto [i, weight] : llvm::enumerate(plan.weights)) {
    int64_t rows = weight.weight->rows();
    int64_t width = weight.shard->shape.empty() ? 1 : weight.shard->shape.back();
    int64_t step = std::max<int64_t>(kBlockElements / width / kPanelRows, 1) * kPanelRows;
    for (int64_t first = 0; first < rows; first += step)
      blocks.push_back({i, first, std::min(step, rows - first)});
  }
  return blocks;
}

// Threads take blocks in turn until none is left or one of them fails.
class Crew {
public:
  Crew(const FilePlan &plan, const Checkpoint &checkpoint, const std::vector<OutputFile> &files,
       const ProgressFn &progress)
      : plan(plan), checkpoint(checkpoint), files(files), progress(progress), blocks(blocksOf(plan)) {
    for (const WeightPlan &weight : plan.weights)
      total += weight.weight->bytes * int64_t(plan.files);
  }

  void run(unsigned threads) {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < std::min<size_t>(threads, blocks.size()); ++i)
      others.emplace_back([this] { work(); });
    work();
    others.clear(); // joins
    if (error)
      std::rethrow_exception(error);
  }

private:
  void work() {
    try {
      BlockWriter writer(checkpoint, files);
      for (size_t i; (i = next++) < blocks.size() && !failed;)
        report(writer.write(plan.weights[blocks[i].weight], blocks[i]));
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex);
      if (!failed.exchange(true))
        error = std::current_exception();
    }
  }

  void report(int64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex);
    done += bytes;
    if (progress)
      progress(done, total);
  }

  const FilePlan &plan;
  const Checkpoint &checkpoint;
  const std::vector<OutputFile> &files;
  const ProgressFn &progress;
  std::vector<Block> blocks;
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::exception_ptr error;
  int64_t done = 0, total = 0;
};

} // namespace

void writeWeightFiles(const PackageInputs &inputs, const FilePlan &plan, const std::string &folder,
                      const ProgressFn &progress) {
  std::vector<OutputFile> files;
  for (size_t i = 0; i < plan.files; ++i)
    files.emplace_back(folder + "/" + std::to_string(i) + ".bin", inputs.program.weightBytes);
  if (!plan.weights.empty())
    Crew(plan, *inputs.checkpoint, files, progress).run(inputs.threads);
  for (OutputFile &file : files)
    file.close();
}

} // namespace tp::package
