#include "tp/Cost/Overlap.h"
#include "tp/Cost/Bytes.h"
#include "tp/Sharding/Reshard.h"

using namespace mlir;
using namespace tp;

static double bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return 1.0 * type.getNumElements() * elementBits(type) / 8;
}

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// By tiles of the result: half the rows of a small product take as long as all of them. A half reads the weight again.
static double linearTime(LinearOp op, double share, int64_t rows, const GpuModel &gpu) {
  RankedTensorType weight = op.getWeight().getType();
  int64_t n = weight.getDimSize(0), k = weight.getDimSize(1);
  double flops = elementBits(weight) == 16 ? gpu.flops : gpu.flops / 8;
  int64_t waves = ceilDiv(ceilDiv(rows, gpu.tile) * ceilDiv(n, gpu.tile), gpu.processors);
  double products = 2.0 * double(waves * gpu.tile * gpu.tile * k) / (flops / double(gpu.processors));
  double bytes = bytesOf(op.getWeight()) + share * (bytesOf(op.getInput()) + bytesOf(op.getResult()));
  return gpu.launch + std::max(products, bytes / gpu.memory);
}

double tp::timeOf(Operation *op, int64_t rows, int64_t allRows, const GpuModel &gpu) {
  double share = double(rows) / double(allRows);
  if (std::optional<CollectiveCost> cost = costOf(op))
    return gpu.latency + share * double(cost->total()) / gpu.link;
  if (auto linear = dyn_cast<LinearOp>(op))
    return linearTime(linear, share, rows, gpu);
  double bytes = 0;
  for (Value value : op->getOperands())
    bytes += bytesOf(value);
  return gpu.launch + share * (bytes + bytesOf(op->getResult(0))) / gpu.memory;
}

OverlapEstimate tp::estimateOverlap(ArrayRef<StagedOp> ops, int64_t firstRows, int64_t allRows, const GpuModel &gpu) {
  OverlapEstimate estimate;
  int64_t stages = 0;
  for (const StagedOp &staged : ops) {
    estimate.whole += timeOf(staged.op, allRows, allRows, gpu);
    stages = std::max(stages, staged.stage + 1);
  }
  double compute = 0, communication = 0, arrived[2] = {0, 0}; // arrived: a half's last collective
  for (int64_t stage = 0; stage < stages; ++stage)
    for (int half : {0, 1}) {
      int64_t rows = half ? allRows - firstRows : firstRows;
      compute = std::max(compute, arrived[half]);
      for (const StagedOp &staged : ops)
        if (staged.stage == stage && !costOf(staged.op))
          compute += timeOf(staged.op, rows, allRows, gpu);
      for (const StagedOp &staged : ops)
        if (staged.stage == stage && costOf(staged.op))
          arrived[half] = communication = std::max(communication, compute) + timeOf(staged.op, rows, allRows, gpu);
    }
  estimate.halves = std::max(compute, communication);
  return estimate;
}
