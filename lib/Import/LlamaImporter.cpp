#include "LlamaImporter.h"

using namespace mlir;
using namespace tp;

LlamaImporter::LlamaImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options,
                             int64_t maxSeq)
    : checkpoint(checkpoint), config(checkpoint.config()), names(checkpoint.format()), batch(options.batch),
      b(&context), loc(b.getUnknownLoc()) {
  module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  MeshOp::create(b, loc, "mesh", options.mesh);
  f32 = b.getF32Type();
  weightType = options.bf16 ? Type(b.getBF16Type()) : f32;
  cacheType = tensor({batch, maxSeq, config.kvHeads, config.headDim}, weightType);
  tied = checkpoint.hasWeights() ? checkpoint.find(names.head()) == nullptr : config.tieEmbeddings;
}

RankedTensorType LlamaImporter::indices(ArrayRef<int64_t> shape) const {
  return RankedTensorType::get(shape, IntegerType::get(f32.getContext(), 32));
}

Parameter LlamaImporter::parameter(const std::string &name, ArrayRef<int64_t> shape) const {
  if (checkpoint.hasWeights())
    checkpoint.expect(name, shape);
  // Vectors (norms, biases) are few and stay exact.
  return {name, tensor(shape, shape.size() == 1 ? f32 : weightType)};
}

SmallVector<Parameter> LlamaImporter::layerParameters(int64_t n) const {
  int64_t d = config.hiddenSize, q = config.heads * config.headDim, kv = config.kvHeads * config.headDim,
          f = config.intermediateSize;
  SmallVector<Parameter> result = {
      parameter(names.attnNorm(n), {d}), parameter(names.q(n), {q, d}),  parameter(names.k(n), {kv, d}),
      parameter(names.v(n), {kv, d}),    parameter(names.o(n), {d, q}),  parameter(names.ffnNorm(n), {d}),
      parameter(names.gate(n), {f, d}),  parameter(names.up(n), {f, d}), parameter(names.down(n), {d, f})};
  if (config.attentionBias)
    result.append({parameter(LlamaNames::biasOf(names.q(n)), {q}), parameter(LlamaNames::biasOf(names.k(n)), {kv}),
                   parameter(LlamaNames::biasOf(names.v(n)), {kv})});
  if (config.attentionOutputBias)
    result.push_back(parameter(LlamaNames::biasOf(names.o(n)), {d}));
  if (config.mlpBias)
    result.append({parameter(LlamaNames::biasOf(names.gate(n)), {f}), parameter(LlamaNames::biasOf(names.up(n)), {f}),
                   parameter(LlamaNames::biasOf(names.down(n)), {d})});
  if (config.architecture == "qwen3")
    result.append({parameter(names.qNorm(n), {config.headDim}), parameter(names.kNorm(n), {config.headDim})});
  return result;
}

RotaryAttr LlamaImporter::rotary() const {
  const RopeScaling &scaling = config.ropeScaling;
  StringRef name = scaling.type == RopeScaling::Type::Linear   ? "linear"
                   : scaling.type == RopeScaling::Type::Llama3 ? "llama3"
                                                               : "";
  int64_t dim = config.ropeDim == config.headDim ? 0 : config.ropeDim;
  return RotaryAttr::get(f32.getContext(), APFloat(config.ropeBase), dim, config.ropeInterleaved,
                         StringAttr::get(f32.getContext(), name), APFloat(scaling.factor),
                         APFloat(scaling.lowFreqFactor), APFloat(scaling.highFreqFactor), scaling.originalContext);
}

// The norm of the residual stream, in the type that linears read.
Value LlamaImporter::norm(Value x, Value weight) {
  auto type = cast<RankedTensorType>(x.getType()).clone(weightType);
  return RmsNormOp::create(b, loc, type, x, weight, b.getF64FloatAttr(config.normEps));
}

void LlamaImporter::addLayer(int64_t rows) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module->getBody());
  RankedTensorType x = tensor({batch, rows, config.hiddenSize}, f32);
  SmallVector<Type> types = {x, indices({batch}), cacheType, cacheType};
  for (const Parameter &p : layerParameters(0))
    types.push_back(p.type);
  auto layer = func::FuncOp::create(b, loc, layerName(rows), b.getFunctionType(types, {x, cacheType, cacheType}));
  layer.setPrivate();
  Block *entry = layer.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto args = entry->getArguments();
  Value input = args[0], position = args[1];
  unsigned next = 4;
  auto take = [&](bool present = true) { return present ? Value(args[next++]) : Value(); };
  Value attnNorm = take(), wq = take(), wk = take(), wv = take(), wo = take(), ffnNorm = take(), gate = take(),
        up = take(), down = take();
  Value bq = take(config.attentionBias), bk = take(config.attentionBias), bv = take(config.attentionBias),
        bo = take(config.attentionOutputBias);
  Value bGate = take(config.mlpBias), bUp = take(config.mlpBias), bDown = take(config.mlpBias);
  Value qNorm = take(config.architecture == "qwen3"), kNorm = take(config.architecture == "qwen3");

  auto attention = AttentionOp::create(
      b, loc, TypeRange{x, cacheType, cacheType}, norm(input, attnNorm), wq, wk, wv, wo, bq, bk, bv, bo, qNorm, kNorm,
      args[2], args[3], position, b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.kvHeads),
      b.getI64IntegerAttr(config.headDim), rotary(), b.getUnitAttr(), b.getI64IntegerAttr(config.slidingWindow),
      FloatAttr(), b.getF64FloatAttr(config.normEps));
  Value middle = arith::AddFOp::create(b, loc, input, attention.getResult());
  auto kind = ActivationKindAttr::get(b.getContext(), config.hiddenAct == "gelu"   ? ActivationKind::Gelu
                                                      : config.hiddenAct == "silu" ? ActivationKind::Silu
                                                                                   : ActivationKind::GeluTanh);
  Value mlp = MlpOp::create(b, loc, x, norm(middle, ffnNorm), gate, up, down, bGate, bUp, bDown, kind);
  Value result = arith::AddFOp::create(b, loc, middle, mlp);
  func::ReturnOp::create(b, loc, ValueRange{result, attention.getCaches()[0], attention.getCaches()[1]});
}

void LlamaImporter::addEntry(StringRef entryName, int64_t rows, Head head) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module->getBody());
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes, resultAttributes;
  auto addArgument = [&](Type type, StringRef kind, const Twine &name) {
    types.push_back(type);
    attributes.push_back(b.getDictionaryAttr(b.getNamedAttr(kind, b.getStringAttr(name))));
  };
  addArgument(indices({batch, rows}), kInput, "tokens");
  addArgument(indices({batch}), kInput, "position");
  bool picksRow = head == Head::LastRow && rows > 1;
  if (picksRow)
    addArgument(indices({batch}), kInput, "last");
  Parameter table = parameter(names.embedding(), {config.vocabSize, config.hiddenSize});
  Parameter finalNorm = parameter(names.finalNorm(), {config.hiddenSize});
  addArgument(table.type, kParameter, table.name);
  addArgument(finalNorm.type, kParameter, finalNorm.name);
  if (!tied) {
    Parameter headWeight = parameter(names.head(), {config.vocabSize, config.hiddenSize});
    addArgument(headWeight.type, kParameter, headWeight.name);
  }
  unsigned firstLayerArgument = types.size();
  for (int64_t n = 0; n < config.layers; ++n) {
    addArgument(cacheType, kState, "k." + Twine(n));
    addArgument(cacheType, kState, "v." + Twine(n));
    for (const Parameter &p : layerParameters(n))
      addArgument(p.type, kParameter, p.name);
  }
  int64_t logitRows = head == Head::LastRow ? 1 : rows;
  RankedTensorType logitsType = tensor({batch, logitRows, config.vocabSize}, f32);
  RankedTensorType outputType =
      logitRows == 1 && head == Head::LastRow ? tensor({batch, config.vocabSize}, f32) : logitsType;
  SmallVector<Type> results = {outputType};
  resultAttributes.push_back(b.getDictionaryAttr(b.getNamedAttr(kOutput, b.getStringAttr("logits"))));
  for (int64_t n = 0; n < config.layers; ++n)
    for (StringRef kind : {"k.", "v."}) {
      results.push_back(cacheType);
      resultAttributes.push_back(b.getDictionaryAttr(b.getNamedAttr(kState, b.getStringAttr(kind + Twine(n)))));
    }
  auto entry = func::FuncOp::create(b, loc, (entryName + (rows > 1 ? "_" + Twine(rows) : Twine(""))).str(),
                                    b.getFunctionType(types, results));
  entry->setAttr(kEntry, b.getStringAttr(entryName));
  entry.setAllArgAttrs(attributes);
  entry.setAllResultAttrs(resultAttributes);

  Block *body = entry.addEntryBlock();
  b.setInsertionPointToStart(body);
  auto args = body->getArguments();
  unsigned tableArgument = picksRow ? 3 : 2;
  Value x = EmbeddingOp::create(b, loc, tensor({batch, rows, config.hiddenSize}, f32), args[0], args[tableArgument]);
  unsigned perLayer = 2 + layerParameters(0).size();
  SmallVector<Value> returned(1);
  for (int64_t n = 0; n < config.layers; ++n) {
    SmallVector<Value> operands = {x, args[1]};
    for (unsigned i = 0; i < perLayer; ++i)
      operands.push_back(args[firstLayerArgument + n * perLayer + i]);
    auto call = func::CallOp::create(b, loc, layerName(rows), TypeRange{x.getType(), cacheType, cacheType}, operands);
    x = call.getResult(0);
    returned.append({call.getResult(1), call.getResult(2)});
  }
  if (picksRow)
    x = TakeRowOp::create(b, loc, tensor({batch, 1, config.hiddenSize}, f32), x, args[2]);
  x = norm(x, args[tableArgument + 1]);
  Value logits = LogitsOp::create(b, loc, logitsType, x, tied ? args[tableArgument] : args[tableArgument + 2]);
  if (outputType != logitsType)
    logits =
        tensor::CollapseShapeOp::create(b, loc, outputType, logits, SmallVector<ReassociationIndices>{{0}, {1, 2}});
  returned[0] = logits;
  func::ReturnOp::create(b, loc, returned);
}
