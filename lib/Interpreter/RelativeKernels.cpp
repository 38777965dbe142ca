// Kernels of attention with scores that depend on distances.
#include "Math.h"
#include "tp/Interpreter/Kernels.h"

#include <cmath>

using namespace mlir;
using namespace tp;

static LogicalResult runRelativeBias(RankCall &call) {
  auto op = cast<RelativeBiasOp>(call.op);
  const Tensor &table = call[op.getTable()], &position = call[op.getPosition()];
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  for (int64_t b = 0; b < result.dim(0); ++b)
    for (int64_t h = 0; h < result.dim(1); ++h)
      for (int64_t s = 0; s < result.dim(2); ++s)
        for (int64_t t = 0; t < result.dim(3); ++t)
          *out++ = table.floats()[op.bucketOf(t - s - (position ? position.ints()[b] : 0)) * table.dim(1) + h];
  result.round();
  return success();
}

static float sinusoid(int64_t position, int64_t column, int64_t width) {
  int64_t half = width / 2;
  double angle = position * std::pow(10000.0, -2.0 * (column % half) / width);
  return static_cast<float>(column < half ? std::sin(angle) : std::cos(angle));
}

static LogicalResult runSinusoid(RankCall &call) {
  auto op = cast<SinusoidOp>(call.op);
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  int64_t width = result.dim(1);
  for (int64_t i = 0; i < result.size(); ++i)
    out[i] = sinusoid(op.getFirst() - i / width, i % width, width);
  result.round();
  return success();
}

namespace {
// One head's scores of positions and segments; vectors are [size].
struct RelativeScores {
  const float *contentBias, *positionBias, *segmentBias, *same, *other;
  int64_t size;

  // `query` with content bias, `relative`: the key of the distance.
  double score(const float *query, const float *relative, bool alike) const {
    double sum = 0;
    for (int64_t e = 0; e < size; ++e) {
      double q = query[e] - contentBias[e];
      sum += (q + positionBias[e]) * relative[e] + (q + segmentBias[e]) * (alike ? same : other)[e];
    }
    return sum;
  }
};
} // namespace

static LogicalResult runRelativeScores(RankCall &call) {
  auto op = cast<RelativeScoresOp>(call.op);
  const Tensor &query = call[op.getQuery()], &relative = call[op.getRelative()], &types = call[op.getTypes()],
               &mask = call[op.getMask()], &segments = call[op.getSegments()];
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  int64_t rows = query.dim(1), heads = query.dim(2), size = query.dim(3);
  for (int64_t item = 0; item < result.size(); ++item) {
    int64_t j = item % rows, i = item / rows % rows, h = item / rows / rows % heads, b = item / rows / rows / heads;
    auto of = [&](Value operand) { return call[operand].floats() + h * size; };
    RelativeScores head{of(op.getContentBias()),
                        of(op.getPositionBias()),
                        of(op.getSegmentBias()),
                        of(op.getSegments()),
                        of(op.getSegments()) + segments.dim(1),
                        size};
    double score = head.score(query.floats() + ((b * rows + i) * heads + h) * size,
                              relative.floats() + ((rows - i + j) * heads + h) * size,
                              types.ints()[b * rows + i] == types.ints()[b * rows + j]);
    bool hidden = mask && mask.floats()[(b * rows + i) * rows + j] != 0 && !(op.getSeesSelf() && i == j);
    out[item] = static_cast<float>(op.getScale().convertToDouble() * score) - (hidden ? 1e30f : 0.0f);
  }
  result.round();
  return success();
}

static std::vector<float> project(const float *x, int64_t rows, const Tensor &weight, const Tensor *bias = nullptr) {
  std::vector<float> y(rows * weight.dim(0));
  linear(x, weight.floats(), bias ? bias->floats() : nullptr, y.data(), rows, weight.dim(0), weight.dim(1));
  return y;
}

static LogicalResult runCrossAttention(RankCall &call) {
  auto op = cast<CrossAttentionOp>(call.op);
  const Tensor &x = call[op.getInput()], &keys = call[op.getKeys()], &length = call[op.getLength()];
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), size = op.getHeadSize(), rows = x.dim(0) * x.dim(1);
  std::vector<float> q = project(x.floats(), rows, call[op.getWq()]), attended(q.size());
  Attention attention{x.dim(0), x.dim(1), heads, size, keys.dim(1), kvHeads, size, heads / kvHeads};
  attention.lengths = length ? length.ints() : nullptr;
  attention.scale = op.getScale() ? op.getScale()->convertToDouble() : 1.0 / std::sqrt(static_cast<double>(size));
  attention.run(q.data(), keys.floats(), call[op.getValues()].floats(), attended.data());
  Tensor &result = call.makeResult();
  llvm::copy(project(attended.data(), rows, call[op.getWo()]), result.writeFloats());
  result.round();
  return success();
}

namespace {
// The layer on whole tensors, written as its description says.
class TwoStream {
public:
  TwoStream(RankCall &call, TwoStreamAttentionOp op)
      : call(call), op(op), x(call[op.getInput()]), batch(x.dim(0)), rows(x.dim(1)), heads(op.getHeads()),
        size(op.getHeadSize()), k(project(x.floats(), batch * rows, call[op.getWk()])),
        v(project(x.floats(), batch * rows, call[op.getWv()])) {
    int64_t width = x.dim(2);
    std::vector<float> places(2 * rows * width);
    for (size_t i = 0; i < places.size(); ++i)
      places[i] = sinusoid(rows - int64_t(i) / width, int64_t(i) % width, width);
    relative = project(places.data(), 2 * rows, call[op.getWr()]);
  }

  std::vector<float> run(const Tensor &stream, bool seesSelf) {
    std::vector<float> q = project(stream.floats(), batch * rows, call[op.getWq()], &call[op.getContentBias()]);
    std::vector<float> attended(q.size()), scores = scoresOf(q, seesSelf);
    const Tensor &length = call[op.getLength()];
    Attention attention{batch, rows, heads, size, rows, heads, size, 1};
    attention.lengths = length ? length.ints() : nullptr;
    attention.bias = scores.data();
    attention.scale = scale();
    attention.run(q.data(), k.data(), v.data(), attended.data());
    return project(attended.data(), batch * rows, call[op.getWo()]);
  }

private:
  float scale() const { return static_cast<float>(1 / std::sqrt(static_cast<double>(size))); }

  std::vector<float> scoresOf(const std::vector<float> &q, bool seesSelf) {
    const Tensor &types = call[op.getTypes()], &mask = call[op.getMask()];
    std::vector<float> scores;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < rows; ++j) {
            auto of = [&](Value operand) { return call[operand].floats() + h * size; };
            RelativeScores head{of(op.getContentBias()),
                                of(op.getPositionBias()),
                                of(op.getSegmentBias()),
                                of(op.getSegments()),
                                of(op.getSegments()) + heads * size,
                                size};
            bool alike = types.ints()[b * rows + i] == types.ints()[b * rows + j];
            bool hidden = mask && mask.floats()[(b * rows + i) * rows + j] != 0 && !(seesSelf && i == j);
            double score = head.score(q.data() + ((b * rows + i) * heads + h) * size,
                                      relative.data() + ((rows - i + j) * heads + h) * size, alike);
            scores.push_back(static_cast<float>(score * scale()) - (hidden ? 1e30f : 0.0f));
          }
    return scores;
  }

  RankCall &call;
  TwoStreamAttentionOp op;
  const Tensor &x;
  int64_t batch, rows, heads, size;
  std::vector<float> k, v, relative;
};
} // namespace

static LogicalResult runTwoStreamAttention(RankCall &call) {
  auto op = cast<TwoStreamAttentionOp>(call.op);
  TwoStream layer(call, op);
  std::vector<std::vector<float>> streams = {layer.run(call[op.getInput()], /*seesSelf=*/true)};
  if (op.getQueryStream())
    streams.push_back(layer.run(call[op.getQueryStream()], /*seesSelf=*/false));
  for (auto [i, stream] : llvm::enumerate(streams)) {
    Tensor &result = call.makeResult(i);
    llvm::copy(stream, result.writeFloats());
    result.round();
  }
  return success();
}

void tp::addRelativeKernels(KernelRegistry &registry) {
  registry.add(RelativeBiasOp::getOperationName(), runRelativeBias);
  registry.add(SinusoidOp::getOperationName(), runSinusoid);
  registry.add(RelativeScoresOp::getOperationName(), runRelativeScores);
  registry.add(CrossAttentionOp::getOperationName(), runCrossAttention);
  registry.add(TwoStreamAttentionOp::getOperationName(), runTwoStreamAttention);
}
