// Verifiers of the layer ops and of annotations.
#include "Verify.h"

using namespace mlir;
using namespace tp;

LogicalResult ShardingConstraintOp::verify() { return verifySharding(*this, getSharding(), getType()); }

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
    if (int64_t rows = shapeOf(getInput())[1]; rows > cache[1])
      return emitOpError() << "(C3) expected at most " << cache[1] << " rows, as the cache has, found " << rows;
    if (getCaches()[0].getType() != getKCache().getType() || getCaches()[1].getType() != getVCache().getType())
      return emitOpError() << "(C3) expected the cache results to have the caches' types";
  }
  if (int64_t n = getRotary() ? getRotary()->rotating(size) : 0; n > size || n % 2)
    return emitOpError() << "(C2) expected an even rotating part of at most " << size << " elements, found " << n;
  ArrayRef<int64_t> in = shapeOf(getInput());
  int64_t keys = getKCache() ? shapeOf(getKCache())[1] : in[1];
  if (failed(expectShape(*this, getBias(), {in[0], heads, in[1], keys}, "(C6) bias")))
    return failure();
  return success(succeeded(expectShape(*this, getResult(), shapeOf(getInput()), "(C4) result")) &&
                 succeeded(expectShape(*this, getLength(), {shapeOf(getInput())[0]}, "(C5) length")));
}

LogicalResult CrossAttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads(), size = getHeadSize();
  if (heads % kvHeads != 0)
    return emitOpError() << "(C1) expected heads to be a multiple of kv_heads, found " << heads << " and " << kvHeads;
  if (failed(expectRank(*this, getInput(), 3, "(C2) input")) || failed(expectRank(*this, getKeys(), 4, "(C2) keys")))
    return failure();
  int64_t b = shapeOf(getInput())[0], d = shapeOf(getInput())[2];
  SmallVector<int64_t> keys = {b, shapeOf(getKeys())[1], kvHeads, size};
  if (failed(expectShape(*this, getWq(), {heads * size, d}, "(C2) wq")) ||
      failed(expectShape(*this, getWo(), {d, heads * size}, "(C2) wo")) ||
      failed(expectShape(*this, getKeys(), keys, "(C2) keys")) ||
      failed(expectShape(*this, getValues(), keys, "(C2) values")) ||
      failed(expectShape(*this, getLength(), {b}, "(C2) length")))
    return failure();
  return expectShape(*this, getResult(), shapeOf(getInput()), "(C3) result");
}

LogicalResult TwoStreamAttentionOp::verify() {
  if (failed(expectRank(*this, getInput(), 3, "(C1) input")))
    return failure();
  ArrayRef<int64_t> x = shapeOf(getInput());
  int64_t inner = getHeads() * getHeadSize();
  if (x[2] % 2)
    return emitOpError() << "(C1) expected an even D, found " << getInput().getType();
  for (auto [name, weight] : {std::pair("wq", getWq()), {"wk", getWk()}, {"wv", getWv()}, {"wr", getWr()}})
    if (failed(expectShape(*this, weight, {inner, x[2]}, (Twine("(C1) ") + name).str())))
      return failure();
  for (auto [name, bias] : {std::pair("content_bias", getContentBias()),
                            {"position_bias", getPositionBias()},
                            {"segment_bias", getSegmentBias()}})
    if (failed(expectShape(*this, bias, {inner}, (Twine("(C1) ") + name).str())))
      return failure();
  if (failed(expectShape(*this, getWo(), {x[2], inner}, "(C1) wo")) ||
      failed(expectShape(*this, getSegments(), {2, inner}, "(C1) segments")) ||
      failed(expectShape(*this, getQueryStream(), x, "(C1) query")) ||
      failed(expectShape(*this, getTypes(), {x[0], x[1]}, "(C1) types")) ||
      failed(expectShape(*this, getMask(), {x[0], x[1], x[1]}, "(C1) mask")) ||
      failed(expectShape(*this, getLength(), {x[0]}, "(C1) length")))
    return failure();
  size_t streams = getQueryStream() ? 2 : 1;
  if (getResults().size() != streams)
    return emitOpError() << "(C2) expected " << streams << " results, found " << getResults().size();
  for (Value result : getResults())
    if (failed(expectShape(*this, result, x, "(C2) result")))
      return failure();
  return success();
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
