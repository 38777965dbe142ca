// Ops that copy rows chosen by an index. A thread copies a vector of a row.
#include "GpuKernels.h"

using namespace mlir;

namespace tp::cuda {

static constexpr int64_t kThreads = 128;

static int64_t lanesFor(Value tensor, int64_t size) { return vectorLanes(size, cpu::elementOf(tensor)); }

// The number of this thread's vector in its row: rows are blocks in x, which may be very many.
static Value columnOf(GpuBuilder &b) { return b.add(b.mul(b.block(gpu::Dimension::y), kThreads), b.tid); }

static void copyRow(GpuBuilder &b, int64_t lanes, Value source, Value target, Value id, Value base, Value limit,
                    Value row, Value column) {
  Value inside = b.both(b.less(b.index(-1), id), b.less(id, limit));
  auto type = b.floats(lanes);
  Value v = b.guarded(inside, type, [&] { return b.loadVector(source, {b.add(base, id), column}, lanes); });
  b.storeVector(v, target, {row, column});
}

void emitEmbedding(Launches &launches) {
  auto op = opsOf(launches.function()).all<EmbeddingOp>().front();
  int64_t size = cpu::shapeOf(op.getTable())[1], count = cpu::elementsOf(op.getIds());
  int64_t lanes = lanesFor(op.getTable(), size), vectors = size / lanes;
  GpuKernel k = launches.begin("", {count, ceilDiv(vectors, kThreads)}, kThreads);
  GpuBuilder &b = k.b;
  Value row = b.block(), column = columnOf(b);
  b.when(b.less(column, b.index(vectors)), [&] {
    Value id = b.toIndex(b.loadScalar(b.reshape(k.kernel.input(op.getIds()), {count}), row));
    copyRow(b, lanes, k.kernel.input(op.getTable()), b.reshape(k.kernel.output(op.getResult()), {count, size}), id,
            b.index(0), b.index(cpu::shapeOf(op.getTable())[0]), row, b.mul(column, lanes));
  });
}

void emitTakeRow(Launches &launches) {
  auto op = opsOf(launches.function()).all<TakeRowOp>().front();
  ArrayRef<int64_t> shape = cpu::shapeOf(op.getInput());
  int64_t batch = shape[0], rows = shape[1], size = shape[2];
  int64_t lanes = lanesFor(op.getInput(), size), vectors = size / lanes;
  GpuKernel k = launches.begin("", {batch, ceilDiv(vectors, kThreads)}, kThreads);
  GpuBuilder &b = k.b;
  Value sequence = b.block(), column = columnOf(b);
  b.when(b.less(column, b.index(vectors)), [&] {
    Value id = b.toIndex(b.loadScalar(k.kernel.input(op.getRow()), sequence));
    copyRow(b, lanes, b.reshape(k.kernel.input(op.getInput()), {batch * rows, size}),
            b.reshape(k.kernel.output(op.getResult()), {batch, size}), id, b.mul(sequence, rows), b.index(rows),
            sequence, b.mul(column, lanes));
  });
}

} // namespace tp::cuda
