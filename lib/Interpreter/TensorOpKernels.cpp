// Kernels of the ops in TpTensorOps.td and of tp.sharding_constraint.
#include "Math.h"
#include "tp/Interpreter/Kernels.h"

#include <cmath>

using namespace mlir;
using namespace tp;

static const float *floatsOrNull(const Tensor &tensor) { return tensor ? tensor.floats() : nullptr; }
static const int64_t *intsOrNull(const Tensor &tensor) { return tensor ? tensor.ints() : nullptr; }

static LogicalResult runLinear(RankCall &call) {
  auto op = cast<LinearOp>(call.op);
  const Tensor &x = call[op.getInput()], &w = call[op.getWeight()];
  Tensor &y = call.makeResult();
  int64_t k = w.dim(1), n = w.dim(0);
  linear(x.floats(), w.floats(), floatsOrNull(call[op.getBias()]), y.writeFloats(), k ? x.size() / k : 0, n, k);
  y.round();
  return success();
}

static LogicalResult runRmsNorm(RankCall &call) {
  auto op = cast<RmsNormOp>(call.op);
  const Tensor &x = call[op.getInput()], &w = call[op.getWeight()];
  Tensor &y = call.makeResult();
  rmsNorm(x.floats(), w.floats(), y.writeFloats(), w.size() ? x.size() / w.size() : 0, w.size(),
          op.getEps().convertToDouble());
  y.round();
  return success();
}

static LogicalResult runLayerNorm(RankCall &call) {
  auto op = cast<LayerNormOp>(call.op);
  const Tensor &input = call[op.getInput()], &w = call[op.getWeight()], &bias = call[op.getBias()];
  Tensor &result = call.makeResult();
  const float *x = input.floats();
  float *y = result.writeFloats();
  int64_t d = w.size();
  for (int64_t r = 0, rows = d ? input.size() / d : 0; r < rows; ++r, x += d, y += d) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < d; ++i)
      sum += x[i];
    double mean = sum / d;
    for (int64_t i = 0; i < d; ++i)
      squares += (x[i] - mean) * (x[i] - mean);
    double factor = 1.0 / std::sqrt(squares / d + op.getEps().convertToDouble());
    for (int64_t i = 0; i < d; ++i)
      y[i] = static_cast<float>((x[i] - mean) * factor) * w.floats()[i] + (bias ? bias.floats()[i] : 0.0f);
  }
  result.round();
  return success();
}

static LogicalResult runActivation(RankCall &call) {
  auto op = cast<ActivationOp>(call.op);
  const float *x = call[op.getInput()].floats();
  Tensor &y = call.makeResult();
  float *out = y.writeFloats();
  for (int64_t i = 0, n = y.size(); i < n; ++i)
    out[i] = activate(op.getKind(), x[i]);
  y.round();
  return success();
}

static LogicalResult runRope(RankCall &call) {
  auto op = cast<RopeOp>(call.op);
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.makeResult();
  float *out = y.writeFloats();
  std::copy_n(x.floats(), x.size(), out);
  rotate(out, x.dim(0), x.dim(1), x.dim(2), x.dim(3), intsOrNull(call[op.getPosition()]), op.getRotary());
  y.round();
  return success();
}

static LogicalResult runKvUpdate(RankCall &call) {
  auto op = cast<KvUpdateOp>(call.op);
  Tensor rows = call[op.getRows()], position = call[op.getPosition()];
  // The cache is written in place where nobody else reads it.
  call.results[0] = std::move(call.operands[0]);
  Tensor &cache = call.results[0];
  updateCache(cache.writeFloats(), rows.floats(), position.ints(), cache.dim(0), cache.dim(1), rows.dim(1),
              rows.dim(2) * rows.dim(3));
  cache.round();
  return success();
}

static LogicalResult runSdpa(RankCall &call) {
  auto op = cast<SdpaOp>(call.op);
  const Tensor &q = call[op.getQuery()], &k = call[op.getKey()], &v = call[op.getValue()],
               &offset = call[op.getHeadOffset()];
  Attention attention{q.dim(0), q.dim(1), q.dim(2), q.dim(3),
                      k.dim(1), k.dim(2), v.dim(3), static_cast<int64_t>(op.getGroup())};
  attention.headOffset = offset ? offset.ints()[0] : 0;
  attention.window = op.getWindow();
  attention.positions = intsOrNull(call[op.getPosition()]);
  attention.lengths = intsOrNull(call[op.getLength()]);
  attention.bias = floatsOrNull(call[op.getBias()]);
  attention.softcap = op.getSoftcap().convertToDouble();
  attention.causal = op.getCausal();
  attention.scale = op.getScale().convertToDouble();
  Tensor &result = call.makeResult();
  attention.run(q.floats(), k.floats(), v.floats(), result.writeFloats());
  result.round();
  return success();
}

static LogicalResult runEmbedding(RankCall &call) {
  auto op = cast<EmbeddingOp>(call.op);
  const Tensor &ids = call[op.getIds()], &table = call[op.getTable()];
  Tensor &result = call.makeResult();
  int64_t d = table.dim(1);
  float *out = result.writeFloats();
  for (int64_t i = 0, n = ids.size(); i < n; ++i)
    if (int64_t id = ids.ints()[i]; id >= 0 && id < table.dim(0))
      std::copy_n(table.floats() + id * d, d, out + i * d);
  result.round();
  return success();
}

static LogicalResult runTakeRow(RankCall &call) {
  auto op = cast<TakeRowOp>(call.op);
  const Tensor &x = call[op.getInput()], &rows = call[op.getRow()];
  Tensor &result = call.makeResult();
  int64_t s = x.dim(1), d = x.dim(2);
  float *out = result.writeFloats();
  for (int64_t b = 0; b < x.dim(0); ++b)
    if (int64_t row = rows.ints()[b]; row >= 0 && row < s)
      std::copy_n(x.floats() + (b * s + row) * d, d, out + b * d);
  result.round();
  return success();
}

static LogicalResult runIdentity(RankCall &call) {
  call.results[0] = call.operands[0];
  return success();
}

void tp::addTensorOpKernels(KernelRegistry &registry) {
  registry.add(LinearOp::getOperationName(), runLinear);
  registry.add(RmsNormOp::getOperationName(), runRmsNorm);
  registry.add(LayerNormOp::getOperationName(), runLayerNorm);
  registry.add(ActivationOp::getOperationName(), runActivation);
  registry.add(RopeOp::getOperationName(), runRope);
  registry.add(KvUpdateOp::getOperationName(), runKvUpdate);
  registry.add(SdpaOp::getOperationName(), runSdpa);
  registry.add(EmbeddingOp::getOperationName(), runEmbedding);
  registry.add(TakeRowOp::getOperationName(), runTakeRow);
  registry.add(ShardingConstraintOp::getOperationName(), runIdentity);
}
