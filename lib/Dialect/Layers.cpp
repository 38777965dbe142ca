// Verifiers of the layer ops and of annotations.
#include "Verify.h"

using namespace mlir;
using namespace tp;

LogicalResult ShardingConstraintOp::verify() {
  MeshAttr mesh = lookupMesh(*this, getSharding().getMesh());
  if (!mesh)
    return emitOpError() << "sharding names mesh " << getSharding().getMesh() << ", which does not exist";
  return getSharding().verifyFor([&] { return emitOpError(); }, mesh, getType());
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads(), size = getHeadSize();
  if (heads % kvHeads != 0)
    return emitOpError() << "(C1) expected heads to be a multiple of kv_heads, found " << heads << " and " << kvHeads;
  if (failed(expectRank(*this, getInput(), 3, "(C2) input")))
    return failure();
  int64_t d = shapeOf(getInput())[2];
  if (failed(expectShape(*this, getWq(), {heads * size, d}, "(C2) wq")) ||
      failed(expectShape(*this, getWk(), {kvHeads * size, d}, "(C2) wk")) ||
      failed(expectShape(*this, getWv(), {kvHeads * size, d}, "(C2) wv")) ||
      failed(expectShape(*this, getWo(), {d, heads * size}, "(C2) wo")) ||
      failed(expectShape(*this, getBq(), {heads * size}, "(C2) bq")) ||
      failed(expectShape(*this, getBk(), {kvHeads * size}, "(C2) bk")) ||
      failed(expectShape(*this, getBv(), {kvHeads * size}, "(C2) bv")) ||
      failed(expectShape(*this, getBo(), {d}, "(C2) bo")) ||
      failed(expectShape(*this, getQNorm(), {size}, "(C2) q_norm")) ||
      failed(expectShape(*this, getKNorm(), {size}, "(C2) k_norm")))
    return failure();
  if (getCaches().size() != (getKCache() ? 2 : 0))
    return emitOpError() << "(C3) expected " << (getKCache() ? "two cache results" : "no cache results") << ", found "
                         << getCaches().size();
  if (getKCache()) {
    int64_t b = shapeOf(getInput())[0];
    if (failed(expectRank(*this, getKCache(), 4, "(C3) k_cache")))
      return failure();
    SmallVector<int64_t> cache = {b, shapeOf(getKCache())[1], kvHeads, size};
    if (failed(expectShape(*this, getKCache(), cache, "(C3) k_cache")) ||
        failed(expectShape(*this, getVCache(), cache, "(C3) v_cache")) ||
        failed(expectShape(*this, getPosition(), {b}, "(C3) position")))
      return failure();
    if (getCaches()[0].getType() != getKCache().getType() || getCaches()[1].getType() != getVCache().getType())
      return emitOpError() << "(C3) expected the cache results to have the caches' types";
  }
  if (getRotary() && getRotary()->rotating(size) > size)
    return emitOpError() << "(C2) expected the rotary dim to be at most head_size " << size;
  return success(succeeded(expectShape(*this, getResult(), shapeOf(getInput()), "(C4) result")) &&
                 succeeded(expectShape(*this, getLength(), {shapeOf(getInput())[0]}, "(C5) length")));
}

LogicalResult MlpOp::verify() {
  if (shapeOf(getInput()).empty())
    return emitOpError() << "(C1) expected an input [..., D], found " << getInput().getType();
  if (failed(expectRank(*this, getUp(), 2, "(C1) up")))
    return failure();
  int64_t d = shapeOf(getInput()).back(), f = shapeOf(getUp())[0];
  if (failed(expectShape(*this, getGate(), {f, d}, "(C1) gate")) ||
      failed(expectShape(*this, getUp(), {f, d}, "(C1) up")) ||
      failed(expectShape(*this, getDown(), {d, f}, "(C1) down")) ||
      failed(expectShape(*this, getGateBias(), {f}, "(C1) gate_bias")) ||
      failed(expectShape(*this, getUpBias(), {f}, "(C1) up_bias")) ||
      failed(expectShape(*this, getDownBias(), {d}, "(C1) down_bias")))
    return failure();
  return expectShape(*this, getResult(), shapeOf(getInput()), "(C2) result");
}

LogicalResult LogitsOp::verify() { return verifyLinear(*this, getInput(), getWeight(), getResult()); }
