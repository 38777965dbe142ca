// Kernels of a mixture of experts: of the layer and of its ops.
#include "Math.h"
#include "tp/Interpreter/Kernels.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace tp;

// Logits [rows, x] in place to gates; see tp.route.
static void route(float *values, int64_t rows, int64_t experts, int64_t topK, bool normalised) {
  std::vector<int64_t> order(experts);
  for (int64_t r = 0; r < rows; ++r, values += experts) {
    float most = *std::max_element(values, values + experts);
    double total = 0, chosen = 0;
    for (int64_t e = 0; e < experts; ++e)
      total += values[e] = std::exp(values[e] - most);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return values[a] > values[b]; });
    for (int64_t i = 0; i < experts; ++i)
      i < topK ? void(chosen += values[order[i]]) : void(values[order[i]] = 0);
    for (int64_t e = 0; e < experts; ++e)
      values[e] = static_cast<float>(values[e] / (normalised ? chosen : total));
  }
}

// The matrix of expert `e` times x [k], as y [n].
static void applyExpert(const Tensor &weights, int64_t e, const float *x, std::vector<float> &y) {
  int64_t n = weights.dim(1), k = weights.dim(2);
  y.resize(n);
  linear(x, weights.floats() + e * n * k, nullptr, y.data(), 1, n, k);
}

// hidden [f] of one row and expert.
static void expertUp(ActivationKind kind, const Tensor &gate, const Tensor &up, int64_t e, const float *x,
                     std::vector<float> &hidden) {
  applyExpert(up, e, x, hidden);
  std::vector<float> gated;
  if (gate)
    applyExpert(gate, e, x, gated);
  for (size_t i = 0; i < hidden.size(); ++i)
    hidden[i] = gate ? activate(kind, gated[i]) * hidden[i] : activate(kind, hidden[i]);
}

static LogicalResult runRoute(RankCall &call) {
  auto op = cast<RouteOp>(call.op);
  const Tensor &logits = call[op.getLogits()];
  Tensor &result = call.makeResult();
  int64_t experts = logits.dim(logits.rank() - 1);
  std::copy_n(logits.floats(), logits.size(), result.writeFloats());
  route(result.writeFloats(), logits.size() / experts, experts, op.getTopK(), op.getNormalised());
  result.round();
  return success();
}

static LogicalResult runExpertUp(RankCall &call) {
  auto op = cast<ExpertUpOp>(call.op);
  const Tensor &x = call[op.getInput()], &gates = call[op.getGates()], &up = call[op.getUp()];
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  int64_t experts = up.dim(0), f = up.dim(1), d = up.dim(2), rows = gates.size() / std::max<int64_t>(1, experts);
  std::vector<float> hidden;
  for (int64_t i = 0; i < rows * experts; ++i) {
    if (gates.floats()[i] == 0)
      continue;
    expertUp(op.getActivation(), call[op.getGate()], up, i % experts, x.floats() + i / experts * d, hidden);
    llvm::copy(hidden, out + i * f);
  }
  result.round();
  return success();
}

static LogicalResult runExpertDown(RankCall &call) {
  auto op = cast<ExpertDownOp>(call.op);
  const Tensor &hidden = call[op.getHidden()], &gates = call[op.getGates()], &down = call[op.getDown()];
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  int64_t experts = down.dim(0), d = down.dim(1), f = down.dim(2), rows = gates.size() / std::max<int64_t>(1, experts);
  std::vector<float> part;
  for (int64_t i = 0; i < rows * experts; ++i) {
    float gate = gates.floats()[i];
    if (gate == 0)
      continue;
    applyExpert(down, i % experts, hidden.floats() + i * f, part);
    for (int64_t j = 0; j < d; ++j)
      out[i / experts * d + j] += gate * part[j];
  }
  result.round();
  return success();
}

static LogicalResult runMoe(RankCall &call) {
  auto op = cast<MoeOp>(call.op);
  const Tensor &x = call[op.getInput()], &router = call[op.getRouter()];
  Tensor &result = call.makeResult();
  float *out = result.writeFloats();
  int64_t experts = router.dim(0), d = router.dim(1), rows = x.size() / std::max<int64_t>(1, d);
  std::vector<float> gates(rows * experts), hidden, part;
  linear(x.floats(), router.floats(), nullptr, gates.data(), rows, experts, d);
  route(gates.data(), rows, experts, op.getTopK(), op.getNormalised());
  for (int64_t i = 0; i < rows * experts; ++i) {
    if (gates[i] == 0)
      continue;
    expertUp(op.getActivation(), call[op.getGate()], call[op.getUp()], i % experts, x.floats() + i / experts * d,
             hidden);
    applyExpert(call[op.getDown()], i % experts, hidden.data(), part);
    for (int64_t j = 0; j < d; ++j)
      out[i / experts * d + j] += gates[i] * part[j];
  }
  result.round();
  return success();
}

void tp::addExpertKernels(KernelRegistry &registry) {
  registry.add(RouteOp::getOperationName(), runRoute);
  registry.add(ExpertUpOp::getOperationName(), runExpertUp);
  registry.add(ExpertDownOp::getOperationName(), runExpertDown);
  registry.add(MoeOp::getOperationName(), runMoe);
}
