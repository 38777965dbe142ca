// Verifiers and sharding rules of the ops for scores that depend on distances.
#include "RuleBuilder.h"
#include "Verify.h"

#include <cmath>

using namespace mlir;
using namespace tp;

//===-- relative_bias -----------------------------------------------------------------------------------------===//

LogicalResult RelativeBiasOp::verify() {
  if (failed(expectRank(*this, getResult(), 4, "(C2) result")) ||
      failed(expectRank(*this, getTable(), 2, "(C2) table")))
    return failure();
  ArrayRef<int64_t> result = shapeOf(getResult());
  int64_t buckets = shapeOf(getTable())[0];
  if (failed(expectShape(*this, getPosition(), {result[0]}, "(C1) position")) ||
      failed(expectShape(*this, getTable(), {buckets, result[1]}, "(C2) table")))
    return failure();
  int64_t own = getBidirectional() ? buckets / 4 : buckets / 2;
  if (buckets < 4 || (getBidirectional() && buckets % 2) || int64_t(getMaxDistance()) <= own ||
      getMaxDistance() > (1 << 24))
    return emitOpError() << "(C3) expected at least 4 buckets and a max_distance above the " << own
                         << " distances that have one of their own and up to 2^24, found " << buckets << " and "
                         << getMaxDistance();
  return success();
}

int64_t RelativeBiasOp::bucketOf(int64_t distance) {
  int64_t buckets = shapeOf(getTable())[0], first = 0;
  if (getBidirectional()) {
    buckets /= 2;
    first = distance > 0 ? buckets : 0;
    distance = std::abs(distance);
  } else {
    distance = std::max<int64_t>(-distance, 0);
  }
  int64_t own = buckets / 2;
  if (distance < own)
    return first + distance;
  // In float, as the models were trained.
  float grown = std::log(float(distance) / float(own)) / float(std::log(double(getMaxDistance()) / double(own))) *
                float(buckets - own);
  return first + std::min<int64_t>(own + int64_t(grown), buckets - 1);
}

ShardingRule RelativeBiasOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> r = shapeOf(getResult());
  unsigned batch = b.rule.addFactor(r[0]), heads = b.rule.addFactor(r[1]);
  unsigned s = b.rule.addFactor(r[2], getPosition() ? FactorKind::Parallel : FactorKind::Whole);
  unsigned t = b.rule.addFactor(r[3], FactorKind::Whole);
  unsigned n = b.rule.addFactor(shapeOf(getTable())[0], FactorKind::Whole);
  b.operand({n, heads});
  if (getPosition()) {
    b.operand({batch});
    b.rule.shifts.push_back({1, s, /*minus=*/false});
  }
  b.result({batch, heads, s, t});
  return b.rule;
}

//===-- sinusoid ----------------------------------------------------------------------------------------------===//

LogicalResult SinusoidOp::verify() {
  if (failed(expectRank(*this, getResult(), 2, "(C1) result")))
    return failure();
  if (shapeOf(getResult())[1] % 2)
    return emitOpError() << "(C1) expected an even D, found " << getResult().getType();
  return success();
}

ShardingRule SinusoidOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> r = shapeOf(getResult());
  b.result({b.rule.addFactor(r[0], FactorKind::Whole), b.rule.addFactor(r[1], FactorKind::Whole)});
  return b.rule;
}

//===-- relative_scores ---------------------------------------------------------------------------------------===//

LogicalResult RelativeScoresOp::verify() {
  if (failed(expectRank(*this, getQuery(), 4, "(C1) query")))
    return failure();
  ArrayRef<int64_t> q = shapeOf(getQuery());
  int64_t inner = q[2] * q[3];
  return success(succeeded(expectShape(*this, getRelative(), {2 * q[1], q[2], q[3]}, "(C1) relative")) &&
                 succeeded(expectShape(*this, getTypes(), {q[0], q[1]}, "(C1) types")) &&
                 succeeded(expectShape(*this, getContentBias(), {inner}, "(C1) content_bias")) &&
                 succeeded(expectShape(*this, getPositionBias(), {inner}, "(C1) position_bias")) &&
                 succeeded(expectShape(*this, getSegmentBias(), {inner}, "(C1) segment_bias")) &&
                 succeeded(expectShape(*this, getSegments(), {2, inner}, "(C1) segments")) &&
                 succeeded(expectShape(*this, getMask(), {q[0], q[1], q[1]}, "(C1) mask")) &&
                 succeeded(expectShape(*this, getResult(), {q[0], q[2], q[1], q[1]}, "(C1) result")));
}

// Heads are free; distances are counted from the first row, so rows stay whole.
ShardingRule RelativeScoresOp::getShardingRule() {
  RuleBuilder b;
  ArrayRef<int64_t> q = shapeOf(getQuery());
  unsigned batch = b.rule.addFactor(q[0]), h = b.rule.addFactor(q[2]);
  unsigned s = b.rule.addFactor(q[1], FactorKind::Whole), t = b.rule.addFactor(q[1], FactorKind::Whole);
  unsigned p = b.rule.addFactor(2 * q[1], FactorKind::Whole), e = b.rule.addFactor(q[3], FactorKind::Whole);
  unsigned two = b.rule.addFactor(2, FactorKind::Whole);
  b.operand({batch, s, h, e});
  b.operand({p, h, e});
  b.operand({batch, s});
  for (int i = 0; i < 3; ++i)
    b.rule.operands.push_back({{{h, e}, 1}});
  b.rule.operands.push_back({{{two}, 1}, {{h, e}, 1}});
  if (getMask())
    b.operand({batch, s, t});
  b.result({batch, h, s, t});
  return b.rule;
}
