// Kernels of the layer ops. They do not go through --tp-decompose-layers, so that it can be tested against them.
#include "Math.h"
#include "tp/Interpreter/Kernels.h"

#include <cmath>

using namespace mlir;
using namespace tp;

static const float *floatsOrNull(const Tensor &tensor) { return tensor ? tensor.floats() : nullptr; }

// x [rows, k] times the transpose of `weight` [n, k], plus `bias`.
static std::vector<float> project(ArrayRef<float> x, int64_t rows, const Tensor &weight, const Tensor &bias) {
  int64_t n = weight.dim(0), k = weight.dim(1);
  std::vector<float> y(rows * n);
  linear(x.data(), weight.floats(), floatsOrNull(bias), y.data(), rows, n, k);
  return y;
}

static ArrayRef<float> elements(const Tensor &tensor) { return ArrayRef(tensor.floats(), tensor.size()); }
static int64_t rowsOf(const Tensor &x) { return x.dim(0) * x.dim(1); }

// Projects the input to heads, norms and rotates them.
static std::vector<float> projectHeads(RankCall &call, Value weight, Value bias, Value norm, int64_t heads,
                                       bool rotates) {
  auto op = cast<AttentionOp>(call.op);
  const Tensor &x = call[op.getInput()];
  int64_t size = op.getHeadSize();
  std::vector<float> y = project(elements(x), rowsOf(x), call[weight], call[bias]);
  if (const Tensor &w = call[norm])
    rmsNorm(y.data(), w.floats(), y.data(), y.size() / size, size, op.getNormEps().convertToDouble());
  const Tensor &position = call[op.getPosition()];
  if (rotates && op.getRotary())
    rotate(y.data(), x.dim(0), x.dim(1), heads, size, position ? position.ints() : nullptr, *op.getRotary());
  return y;
}

// The cache with `rows` written at the op's positions.
static Tensor extendCache(const Tensor &cache, const Tensor &position, ArrayRef<float> rows, int64_t seq) {
  Tensor result = cache;
  updateCache(result.writeFloats(), rows.data(), position.ints(), cache.dim(0), cache.dim(1), seq,
              cache.dim(2) * cache.dim(3));
  result.round();
  return result;
}

static LogicalResult runAttention(RankCall &call) {
  auto op = cast<AttentionOp>(call.op);
  const Tensor &x = call[op.getInput()], &position = call[op.getPosition()];
  int64_t batch = x.dim(0), seq = x.dim(1), heads = op.getHeads(), kvHeads = op.getKvHeads(), size = op.getHeadSize();
  std::vector<float> q = projectHeads(call, op.getWq(), op.getBq(), op.getQNorm(), heads, /*rotates=*/true);
  std::vector<float> k = projectHeads(call, op.getWk(), op.getBk(), op.getKNorm(), kvHeads, /*rotates=*/true);
  std::vector<float> v = projectHeads(call, op.getWv(), op.getBv(), {}, kvHeads, /*rotates=*/false);

  Attention attention{batch, seq, heads, size, seq, kvHeads, size, heads / kvHeads};
  const float *keys = k.data(), *values = v.data();
  if (op.getKCache()) {
    call.results[1] = extendCache(call[op.getKCache()], position, k, seq);
    call.results[2] = extendCache(call[op.getVCache()], position, v, seq);
    keys = call.results[1].floats();
    values = call.results[2].floats();
    attention.length = call.results[1].dim(1);
    attention.positions = position.ints();
  }
  attention.causal = op.getCausal();
  attention.window = op.getWindow();
  attention.softcap = op.getSoftcap().convertToDouble();
  const Tensor &length = call[op.getLength()];
  attention.lengths = length ? length.ints() : nullptr;
  attention.bias = floatsOrNull(call[op.getBias()]);
  attention.scale = op.getScale() ? op.getScale()->convertToDouble() : 1.0 / std::sqrt(static_cast<double>(size));
  std::vector<float> attended(q.size());
  attention.run(q.data(), keys, values, attended.data());

  Tensor &result = call.makeResult();
  std::vector<float> y = project(attended, batch * seq, call[op.getWo()], call[op.getBo()]);
  llvm::copy(y, result.writeFloats());
  result.round();
  return success();
}

static LogicalResult runMlp(RankCall &call) {
  auto op = cast<MlpOp>(call.op);
  ArrayRef<float> x = elements(call[op.getInput()]);
  int64_t rows = rowsOf(call[op.getInput()]);
  std::vector<float> hidden = project(x, rows, call[op.getUp()], call[op.getUpBias()]);
  if (const Tensor &gate = call[op.getGate()]) {
    std::vector<float> gates = project(x, rows, gate, call[op.getGateBias()]);
    for (size_t i = 0; i < hidden.size(); ++i)
      hidden[i] *= activate(op.getActivation(), gates[i]);
  } else {
    for (float &h : hidden)
      h = activate(op.getActivation(), h);
  }
  Tensor &result = call.makeResult();
  std::vector<float> y = project(hidden, rows, call[op.getDown()], call[op.getDownBias()]);
  llvm::copy(y, result.writeFloats());
  result.round();
  return success();
}

static LogicalResult runLogits(RankCall &call) {
  auto op = cast<LogitsOp>(call.op);
  Tensor &result = call.makeResult();
  std::vector<float> y = project(elements(call[op.getInput()]), rowsOf(call[op.getInput()]), call[op.getWeight()], {});
  if (float cap = op.getSoftcap().convertToDouble(); cap > 0)
    for (float &score : y)
      score = cap * std::tanh(score / cap);
  llvm::copy(y, result.writeFloats());
  result.round();
  return success();
}

void tp::addLayerKernels(KernelRegistry &registry) {
  registry.add(AttentionOp::getOperationName(), runAttention);
  registry.add(MlpOp::getOperationName(), runMlp);
  registry.add(LogitsOp::getOperationName(), runLogits);
}
