// Products with experts' matrices on tensor cores. A block has kMmaColumns columns, a warp 16 of the tile's rows; both
// sides come through shared memory, as many of K at a time as divide it. A row behind the last is that one again, and
// so is a column: neither is stored.
#include "Experts.h"
#include "Mma.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kFewRows = 32; // up to which a warp for each column is as good

static int64_t depthOf(int64_t k) { return k % 64 == 0 ? 64 : 32; }

bool ExpertsKernel::fitsTensorCores() const {
  return rows >= kFewRows && k % 32 == 0 && cpu::elementOf(inputTensor).isBF16() &&
         cpu::elementOf(weights.front()).isBF16();
}

void ExpertsKernel::beginTensorCores() {
  int64_t width = depthOf(k) + kMmaPadding;
  left = b->shared({kMmaRows, width}, b->getBF16Type());
  right = b->shared({int64_t(weights.size()) * kMmaColumns, width}, b->getBF16Type());
}

// One tile's K, of which shared memory holds a part. Four numbers for every 8 columns, of each of the weights.
void ExpertsKernel::mmaStep(SmallVector<Value> &sums) {
  Value leftRow = b->add(b->mul(b->warp, 16), b->rem(b->lane, 16)), leftColumn = b->mul(b->div(b->lane, 16), 8);
  Value rightRow = b->rem(b->lane, 8), rightColumn = b->mul(b->div(b->lane, 8), 8);
  for (int64_t at = 0; at < depthOf(k); at += 32) {
    SmallVector<Value> halves[2];
    for (int64_t half = 0; half < 2; ++half)
      halves[half] = loadFragment(*b, left, leftRow, b->add(leftColumn, at + half * 16), false);
    for (int64_t block = 0; block < int64_t(sums.size()) / 4; ++block) {
      SmallVector<Value> pair = loadFragment(*b, right, b->add(rightRow, block * 8), b->add(rightColumn, at), false);
      auto four = MutableArrayRef<Value>(sums).slice(block * 4, 4);
      multiplyFragments(*b, halves[0], ArrayRef<Value>(pair).take_front(2), four);
      multiplyFragments(*b, halves[1], ArrayRef<Value>(pair).drop_front(2), four);
    }
  }
}

SmallVector<Value> ExpertsKernel::mmaProducts(Value from, Value end) {
  int64_t depth = depthOf(k), pieces = depth / kMmaPiece;
  auto piece = VectorType::get({kMmaPiece}, b->getBF16Type());
  auto align = llvm::MaybeAlign(kVectorBytes);
  struct Copy { // of a thread in every step
    Value memory, to, row, column;
    SmallVector<Value> at; // of the row
  };
  SmallVector<Copy> copies;
  auto share = [&](Value to, int64_t count, llvm::function_ref<std::pair<Value, SmallVector<Value>>(Value)> source) {
    for (int64_t i = 0; i < ceilDiv(count * pieces, b->threads); ++i) {
      Value item = b->add(b->tid, i * b->threads), row = b->div(item, pieces);
      auto [memory, at] = source(row);
      copies.push_back({memory, to, row, b->mul(b->rem(item, pieces), kMmaPiece), at});
    }
  };
  share(left, kMmaRows, [&](Value row) {
    Value place = b->min(b->add(from, row), b->sub(end, b->index(1)));
    return std::pair(input, SmallVector<Value>{inputRow(chosenRow(place))});
  });
  for (auto [w, weight] : llvm::enumerate(weights)) {
    Value memory = g->kernel.input(weight);
    size_t before = copies.size();
    share(right, kMmaColumns, [&](Value row) {
      return std::pair(memory, SmallVector<Value>{expert, b->min(b->add(column, row), b->index(n - 1))});
    });
    for (Copy &copy : MutableArrayRef<Copy>(copies).drop_front(before))
      copy.row = b->add(copy.row, int64_t(w) * kMmaColumns);
  }
  SmallVector<Value> none(weights.size() * kMmaColumns / 8 * 4, b->number(0));
  return b->loop(b->index(0), b->index(k), depth, none, [&](Value first, ValueRange carried) {
    SmallVector<Value> sums(carried);
    b->barrier();
    for (Copy &copy : copies) {
      SmallVector<Value> at = copy.at;
      at.push_back(b->add(first, copy.column));
      Value loaded = vector::LoadOp::create(*b, piece, copy.memory, at, false, align);
      vector::StoreOp::create(*b, loaded, copy.to, ValueRange{copy.row, copy.column}, false, align);
    }
    b->barrier();
    mmaStep(sums);
    return sums;
  });
}

// What the experts before have added to a row lies behind the barriers of the products.
void ExpertsKernel::mmaTile(Value from, Value end) {
  SmallVector<Value> sums = mmaProducts(from, end);
  Value group = b->div(b->lane, 4), pair = b->mul(b->rem(b->lane, 4), 2), first = column;
  int64_t perWeight = kMmaColumns / 8 * 4;
  for (int64_t which = 0; which < 2; ++which) {
    Value place = b->add(from, b->add(b->add(b->mul(b->warp, 16), group), which * 8));
    b->when(b->less(place, end), [&] {
      Value row = chosenRow(place);
      for (int64_t i = 0; i < perWeight; ++i) {
        if (i / 2 % 2 != which)
          continue;
        column = b->add(b->add(first, pair), i / 4 * 8 + i % 2);
        SmallVector<Value> own;
        for (int64_t w = 0; w < int64_t(weights.size()); ++w)
          own.push_back(sums[w * perWeight + i]);
        b->when(b->less(column, b->index(n)), [&] { finish(row, own); });
      }
    });
  }
  column = first;
}

} // namespace tp::cuda
