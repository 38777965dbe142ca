#include "RandomInputs.h"

#include "Math.h"
#include "tp/Dialect/LayerStack.h"
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Kernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

using namespace mlir;
using namespace tp;

// Indices of which nothing is known.
static constexpr int64_t kDefaultBound = 2;

// The `i`-th of a stream of well-mixed numbers.
static uint64_t mix(uint64_t stream, uint64_t i) {
  uint64_t z = stream + i * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Nearly normal with mean 0 and deviation 1: the sum of four uniform numbers.
static float normal(uint64_t bits) {
  float sum = 0;
  for (int i = 0; i < 4; ++i, bits >>= 16)
    sum += static_cast<float>(bits & 0xffff) / 65535.0f;
  return (sum - 2.0f) * 1.7320508f;
}

// The indices that `value` may hold are below this bound, as far as its uses tell; std::nullopt: they do not.
static std::optional<int64_t> boundOf(Value value);

static std::optional<int64_t> boundOfUse(OpOperand &use) {
  auto size = [](Value v, unsigned dim) { return cast<ShapedType>(v.getType()).getDimSize(dim); };
  Operation *op = use.getOwner();
  if (auto call = dyn_cast<func::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<FunctionOpInterface>(op, call.getCalleeAttr());
    return callee && !callee.isExternal() ? boundOf(callee.getArgument(use.getOperandNumber())) : std::nullopt;
  }
  if (auto constraint = dyn_cast<ShardingConstraintOp>(op))
    return boundOf(constraint.getResult());
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    return size(embedding.getTable(), 0);
  if (auto take = dyn_cast<TakeRowOp>(op))
    return size(take.getInput(), 1);
  // Positions: the rows that stand there must fit into the cache.
  if (auto update = dyn_cast<KvUpdateOp>(op))
    return size(update.getCache(), 1) - size(update.getRows(), 1) + 1;
  auto isLength = [&](auto attention) { return attention.getLength() == use.get(); };
  if (auto attention = dyn_cast<AttentionOp>(op); attention && isLength(attention))
    return size(attention.getKCache() ? attention.getKCache() : attention.getInput(), 1) + 1;
  if (auto sdpa = dyn_cast<SdpaOp>(op); sdpa && isLength(sdpa))
    return size(sdpa.getKey(), 1) + 1;
  if (auto cross = dyn_cast<CrossAttentionOp>(op))
    return size(cross.getKeys(), 1) + 1;
  if (auto attention = dyn_cast<AttentionOp>(op); attention && attention.getKCache())
    return size(attention.getKCache(), 1) - size(attention.getInput(), 1) + 1;
  if (auto sdpa = dyn_cast<SdpaOp>(op))
    return size(sdpa.getKey(), 1) - size(sdpa.getQuery(), 1) + 1;
  return std::nullopt;
}

static std::optional<int64_t> boundOf(Value value) {
  std::optional<int64_t> bound;
  for (OpOperand &use : value.getUses())
    if (std::optional<int64_t> found = boundOfUse(use))
      bound = std::min(bound.value_or(*found), *found);
  return bound;
}

static void fillFloats(Tensor &tensor, uint64_t stream, float mean, float deviation) {
  constexpr int64_t block = 1 << 16;
  int64_t n = tensor.size();
  float *out = tensor.writeFloats();
  parallelRows((n + block - 1) / block, n, [&](int64_t b) {
    for (int64_t i = b * block, end = std::min(n, i + block); i < end; ++i)
      out[i] = mean + deviation * normal(mix(stream, i));
  });
  tensor.round();
}

Tensor RandomInputs::make(FunctionOpInterface function, unsigned i) {
  auto name = [&](StringRef attribute) { return function.getArgAttrOfType<StringAttr>(i, attribute); };
  StringAttr parameter = name(kParameter);
  std::string key = parameter ? parameter.str() : (function.getName() + "#" + Twine(i)).str();
  if (parameter)
    if (auto found = parameters.find(key); found != parameters.end())
      return found->second;
  Tensor tensor = zerosOf(function.getArgumentTypes()[i]);
  if (!tensor)
    return tensor;
  uint64_t stream = mix(seed, llvm::xxh3_64bits(key));
  if (!tensor.isFloat()) {
    int64_t bound = std::max<int64_t>(1, boundOf(function.getArgument(i)).value_or(kDefaultBound));
    int64_t *out = tensor.writeInts();
    for (int64_t e = 0, n = tensor.size(); e < n; ++e)
      out[e] = wrapTo(tensor.kind(), mix(stream, e) % bound);
    return tensor;
  }
  if (integers) {
    float *out = tensor.writeFloats();
    for (int64_t e = 0, n = tensor.size(); e < n; ++e)
      out[e] = static_cast<float>(mix(stream, e) % 5) - 2.0f;
    if (parameter)
      parameters[key] = tensor;
    return tensor;
  }
  bool isBias = parameter && parameter.getValue().contains("bias");
  int64_t rank = tensor.rank() - (parameter && LayerStack::parse(key) ? 1 : 0); // of one layer
  if (rank == 1)
    fillFloats(tensor, stream, isBias ? 0.0f : 1.0f, isBias ? 0.3f : 0.1f);
  else if (rank == 2 || (parameter && rank > 2))
    fillFloats(tensor, stream, 0,
               0.5f / std::sqrt(static_cast<float>(std::max<int64_t>(1, tensor.dim(tensor.rank() - 1)))));
  else
    fillFloats(tensor, stream, 0, 1);
  if (parameter)
    parameters[key] = tensor;
  return tensor;
}
