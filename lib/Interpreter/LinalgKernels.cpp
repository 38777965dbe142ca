// Kernels of linalg ops on tensors: one evaluator for all structured ops, from their indexing maps and bodies.
#include "Elementwise.h"
#include "ScalarBody.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <cmath>

using namespace mlir;
using namespace tp;

// Points that are computed at once.
static constexpr int64_t kLanes = 512;

// The factor of each loop in `expr`, and last its constant; std::nullopt if it is not linear.
static std::optional<SmallVector<int64_t>> linearForm(AffineExpr expr, unsigned loops) {
  SmallVector<int64_t> form(loops + 1, 0);
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    form[dim.getPosition()] = 1;
    return form;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form[loops] = constant.getValue();
    return form;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (binary.getKind() != AffineExprKind::Add && binary.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  std::optional<SmallVector<int64_t>> a = linearForm(binary.getLHS(), loops), b = linearForm(binary.getRHS(), loops);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!a || !b || (binary.getKind() == AffineExprKind::Mul && !factor))
    return std::nullopt;
  for (unsigned i = 0; i <= loops; ++i)
    form[i] = factor && binary.getKind() == AffineExprKind::Mul ? (*a)[i] * factor.getValue() : (*a)[i] + (*b)[i];
  return form;
}

namespace {
// How an operand is read or written.
struct Access {
  AffineMap map;
  SmallVector<int64_t> shape;
  bool isLinear = true;
  SmallVector<int64_t> factors; // per loop, and the constant: of the element's number, if linear
  std::vector<int64_t> lanes;   // the element's number for each point
  std::vector<int64_t> parallel;
};

// The loops of a structured op. Points that differ in the parallel loops write different elements and are computed
// together; the sequential loops, reductions, run in order.
class StructuredLoops {
public:
  StructuredLoops(linalg::LinalgOp op, RankCall &call) : op(op), call(call) {}
  LogicalResult run();

private:
  LogicalResult prepare();
  void classifyLoops();
  void addAccess(OpOperand &operand);
  LogicalResult runPoints(int64_t first, int64_t count);
  LogicalResult locate(Access &access, int64_t count);
  void load(int64_t count);
  void store(int64_t count);

  linalg::LinalgOp op;
  RankCall &call;
  SmallVector<int64_t> ranges;
  SmallVector<unsigned> parallel, sequential;
  ScalarBody body;
  std::vector<Access> accesses; // by operand
};
} // namespace

// A loop is parallel where every result has it as a plain dimension.
void StructuredLoops::classifyLoops() {
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    bool isParallel = kind == utils::IteratorType::parallel;
    for (OpOperand &init : op.getDpsInitsMutable())
      isParallel &=
          llvm::is_contained(op.getMatchingIndexingMap(&init).getResults(), getAffineDimExpr(loop, op.getContext()));
    (isParallel ? parallel : sequential).push_back(loop);
  }
}

// A linear form of loops, its constant last, stays within a dimension of `size`. (The verifier lets empty operands
// pass.)
static bool staysWithin(ArrayRef<int64_t> form, ArrayRef<int64_t> ranges, int64_t size) {
  int64_t least = form.back(), most = form.back();
  for (auto [factor, range] : llvm::zip(form.drop_back(), ranges))
    (factor < 0 ? least : most) += factor * (range - 1);
  return least >= 0 && most < size;
}

void StructuredLoops::addAccess(OpOperand &operand) {
  Access &access = accesses.emplace_back();
  access.map = op.getMatchingIndexingMap(&operand);
  access.shape.assign(call.operands[operand.getOperandNumber()].shape());
  access.factors.assign(ranges.size() + 1, 0);
  int64_t stride = 1;
  for (size_t d = access.shape.size(); d-- > 0; stride *= access.shape[d]) {
    std::optional<SmallVector<int64_t>> form = linearForm(access.map.getResult(d), ranges.size());
    access.isLinear &= form.has_value() && staysWithin(*form, ranges, access.shape[d]);
    for (size_t i = 0; form && i < form->size(); ++i)
      access.factors[i] += (*form)[i] * stride;
  }
}

LogicalResult StructuredLoops::prepare() {
  if (!op.hasPureTensorSemantics())
    return op.emitError() << "the interpreter runs structured ops on tensors";
  ranges = op.getStaticLoopRanges();
  classifyLoops();
  for (OpOperand &operand : op->getOpOperands())
    addAccess(operand);
  for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
    call.results[i] = call.operands[init.getOperandNumber()];
  int64_t points = 1;
  for (unsigned loop : parallel)
    points *= ranges[loop];
  int64_t lanes = std::min(points, kLanes);
  for (Access &access : accesses) {
    access.lanes.resize(lanes);
    access.parallel.resize(lanes);
  }
  return body.compile(*op.getBlock(), call, lanes, ranges.size());
}

// The elements that the points of `body`'s indices touch.
LogicalResult StructuredLoops::locate(Access &access, int64_t count) {
  if (access.isLinear) {
    int64_t base = access.factors.back();
    for (unsigned loop : sequential)
      base += access.factors[loop] * body.index(loop)[0];
    for (int64_t i = 0; i < count; ++i)
      access.lanes[i] = access.parallel[i] + base;
    return success();
  }
  SmallVector<int64_t> point(ranges.size());
  for (int64_t i = 0; i < count; ++i) {
    for (size_t loop = 0; loop < ranges.size(); ++loop)
      point[loop] = body.index(loop)[i];
    access.lanes[i] = 0;
    for (auto [size, x] : llvm::zip(access.shape, access.map.compose(point))) {
      if (x < 0 || x >= size)
        return op.emitError() << "an indexing map leaves its operand";
      access.lanes[i] = access.lanes[i] * size + x;
    }
  }
  return success();
}

void StructuredLoops::load(int64_t count) {
  unsigned arguments = op.getBlock()->getNumArguments(), firstInit = op.getNumDpsInputs();
  for (unsigned o = 0; o < std::min<unsigned>(arguments, accesses.size()); ++o) {
    if (op.getBlock()->getArgument(o).use_empty())
      continue;
    const Tensor &from = o < firstInit ? call.operands[o] : call.results[o - firstInit];
    OutLanes to = body.argument(o);
    const int64_t *lanes = accesses[o].lanes.data();
    if (to.floats)
      for (int64_t i = 0; i < count; ++i)
        to.floats[i] = from.floats()[lanes[i]];
    else
      for (int64_t i = 0; i < count; ++i)
        to.ints[i] = from.ints()[lanes[i]];
  }
}

void StructuredLoops::store(int64_t count) {
  for (auto [i, result] : llvm::enumerate(call.results)) {
    Lanes from = body.yielded(i);
    OutLanes to = outLanesOf(result);
    const int64_t *lanes = accesses[op.getNumDpsInputs() + i].lanes.data();
    if (to.floats)
      for (int64_t p = 0; p < count; ++p)
        to.floats[lanes[p]] = from.floats[p];
    else
      for (int64_t p = 0; p < count; ++p)
        to.ints[lanes[p]] = from.ints[p];
  }
}

// Moves `index`, in row-major order over `loops`, to number `i`.
static void setIndex(ArrayRef<unsigned> loops, ArrayRef<int64_t> ranges, int64_t i,
                     llvm::function_ref<void(unsigned, int64_t)> set) {
  for (size_t l = loops.size(); l-- > 0; i /= ranges[loops[l]])
    set(loops[l], i % ranges[loops[l]]);
}

// Parallel points [first, first + count), all sequential ones.
LogicalResult StructuredLoops::runPoints(int64_t first, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    setIndex(parallel, ranges, first + i, [&](unsigned loop, int64_t x) { body.index(loop)[i] = x; });
  for (Access &access : accesses) {
    std::fill_n(access.parallel.begin(), count, 0);
    for (unsigned loop : parallel)
      for (int64_t i = 0; i < count && access.factors[loop]; ++i)
        access.parallel[i] += access.factors[loop] * body.index(loop)[i];
  }
  int64_t steps = 1;
  for (unsigned loop : sequential)
    steps *= ranges[loop];
  for (int64_t s = 0; s < steps; ++s) {
    setIndex(sequential, ranges, s, [&](unsigned loop, int64_t x) { std::fill_n(body.index(loop), count, x); });
    for (Access &access : accesses)
      if (failed(locate(access, count)))
        return failure();
    load(count);
    body.run(count);
    store(count);
  }
  return success();
}

LogicalResult StructuredLoops::run() {
  if (failed(prepare()))
    return failure();
  int64_t points = 1;
  for (unsigned loop : parallel)
    points *= ranges[loop];
  for (int64_t first = 0; first < points; first += kLanes)
    if (failed(runPoints(first, std::min(kLanes, points - first))))
      return failure();
  return success();
}

static LogicalResult runStructured(RankCall &call) {
  return StructuredLoops(cast<linalg::LinalgOp>(call.op), call).run();
}

static LogicalResult runSoftmax(RankCall &call) {
  auto op = cast<linalg::SoftmaxOp>(call.op);
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.makeResult();
  int64_t d = x.dim(op.getDimension()), inner = 1;
  for (int64_t size : x.shape().drop_front(op.getDimension() + 1))
    inner *= size;
  float *out = y.writeFloats();
  for (int64_t r = 0, rows = d ? x.size() / d : 0; r < rows; ++r) {
    int64_t base = r / inner * d * inner + r % inner;
    float most = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < d; ++i)
      most = std::max(most, x.floats()[base + i * inner]);
    for (int64_t i = 0; i < d; ++i)
      sum += out[base + i * inner] = std::exp(x.floats()[base + i * inner] - most);
    for (int64_t i = 0; i < d; ++i)
      out[base + i * inner] = static_cast<float>(out[base + i * inner] / sum);
  }
  y.round();
  return success();
}

template <typename... Ops> static void addStructured(KernelRegistry &registry) {
  (registry.add(Ops::getOperationName(), runStructured), ...);
}

void tp::addLinalgKernels(KernelRegistry &registry) {
  addStructured<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
      >(registry);
  registry.add(linalg::SoftmaxOp::getOperationName(), runSoftmax);
}
