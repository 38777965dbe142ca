// What attention kernels share: sizes, tiles of virtual rows, their bounds, and where their results go.
//
// The query rows of a key head are virtual: v = s * group + i is query head i of the group at row s. With a head offset
// the group may begin before this device's first head; such rows are computed as zeros and not stored.
#ifndef TP_LIB_CONVERSION_CUDA_ATTENTION_H
#define TP_LIB_CONVERSION_CUDA_ATTENTION_H

#include "Rotation.h"

namespace tp::cuda {

struct AttentionShape {
  explicit AttentionShape(mlir::func::FuncOp source);

  SdpaOp op;
  RopeOp rope; // of the queries; may be null
  int64_t batches, rows, heads, size, positions, keyHeads, group, window;
  bool causal;
  int64_t virtualRows() const { return rows * group; }
};

// A block's tile of virtual rows of one key head: [firstRow, firstRow + tileRows).
class AttentionTile {
public:
  // `item`: batch * keyHeads * tiles + keyHead * tiles + tile.
  AttentionTile(GpuKernel &kernel, const AttentionShape &shape, int64_t tileRows, Value item);

  GpuBuilder &b;
  const AttentionShape &shape;
  int64_t tileRows;
  Value batch, keyHead, firstRow;
  Value query, keys, values, target; // memory

  // Of virtual row firstRow + r.
  Value exists(Value r) const;
  Value high(Value r) const; // last key that it sees
  Value low(Value r) const;  // first key
  Value length;              // keys of this batch element; null: all
  // What the op adds to the score of a key, in the unit of the scores (times log2 e); `t` is a key that exists.
  Value withBias(Value r, Value t, Value score) const;
  // Keys that some row of the tile sees: [first, second).
  std::pair<Value, Value> range() const;
  // Whether a row may see no key, so that its weights add up to nothing.
  bool mayBeEmpty() const { return length || kernel.last; }
  // The query rows, rotated, times `factor`, to `q` [tileRows, size]; rows that do not exist are zero. Meets at
  // the end.
  void loadQuery(Value q, double factor) const;
  // Stores an element of a row's result.
  void store(Value r, Value column, Value v) const;
  // Heads beyond the last key head's group are padding, but must not be left as they are: zero times NaN is NaN.
  void clearSpareHeads() const;

private:
  Value s(Value r) const;
  Value head(Value r) const;
  Value virtualRow(Value r) const { return b.add(firstRow, r); }

  GpuKernel &kernel;
  Value position, headShift; // head_offset mod group
  Value bias;                // memory; may be null
};

// The kernel for many rows on tensor cores, where it can be used; false where it cannot.
bool emitMmaAttention(Launches &launches);

} // namespace tp::cuda

#endif
