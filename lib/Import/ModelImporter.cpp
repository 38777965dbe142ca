#include "ModelImporter.h"

#include "tp/Dialect/LayerStack.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace tp;

ModelImporter::ModelImporter(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options)
    : checkpoint(checkpoint), config(checkpoint.config()), options(options), batch(options.batch), b(&context),
      loc(b.getUnknownLoc()) {
  module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  MeshOp::create(b, loc, "mesh", options.mesh);
  f32 = b.getF32Type();
  weightType = options.bf16 ? Type(b.getBF16Type()) : f32;
}

RankedTensorType ModelImporter::indices(ArrayRef<int64_t> shape) const {
  return RankedTensorType::get(shape, IntegerType::get(f32.getContext(), 32));
}

Parameter ModelImporter::parameter(StringRef key, const std::string &name, ArrayRef<int64_t> shape) const {
  if (checkpoint.hasWeights())
    checkpoint.expect(name, shape);
  // Vectors (norms, biases) are few and stay exact.
  return {key.str(), name, tensor(shape, shape.size() == 1 ? f32 : weightType)};
}

Value ModelImporter::embedding(Value ids, Value table) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(ids.getType()).getShape());
  shape.push_back(cast<RankedTensorType>(table.getType()).getDimSize(1));
  return EmbeddingOp::create(b, loc, tensor(shape, f32), ids, table);
}

Value ModelImporter::add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }

Value ModelImporter::rmsNorm(Value x, Value weight, Type element) {
  auto type = cast<RankedTensorType>(x.getType()).clone(element ? element : weightType);
  return RmsNormOp::create(b, loc, type, x, weight, b.getF64FloatAttr(config.normEps));
}

Value ModelImporter::layerNorm(Value x, Value weight, Value bias, Type element) {
  auto type = cast<RankedTensorType>(x.getType()).clone(element ? element : weightType);
  return LayerNormOp::create(b, loc, type, x, weight, bias, b.getF64FloatAttr(config.normEps));
}

Value ModelImporter::attention(Value x, Arguments &a, const AttentionForm &form) {
  SmallVector<Type> types = {cast<RankedTensorType>(x.getType()).clone(f32)};
  if (a["k"])
    types.append({a["k"].getType(), a["v"].getType()});
  auto scale = config.attentionScale ? b.getF64FloatAttr(config.attentionScale) : FloatAttr();
  if (form.scaleFactor != 1)
    scale = b.getF64FloatAttr((scale ? config.attentionScale : 1 / std::sqrt(config.headDim)) * form.scaleFactor);
  auto op = AttentionOp::create(b, loc, types, x, a["wq"], a["wk"], a["wv"], a["wo"], a["bq"], a["bk"], a["bv"],
                                a["bo"], a["q_norm"], a["k_norm"], a["k"], a["v"], a["position"], a["length"],
                                a["bias"], b.getI64IntegerAttr(config.heads), b.getI64IntegerAttr(config.kvHeads),
                                b.getI64IntegerAttr(config.headDim), form.rotary,
                                form.causal ? b.getUnitAttr() : UnitAttr(), b.getI64IntegerAttr(form.window), scale,
                                b.getF64FloatAttr(config.normEps), b.getF64FloatAttr(config.attentionSoftcap));
  if (a["k"]) {
    a.add("k", op.getCaches()[0]);
    a.add("v", op.getCaches()[1]);
  }
  return op.getResult();
}

Value ModelImporter::mlp(Value x, const Arguments &a) {
  Type type = cast<RankedTensorType>(x.getType()).clone(f32);
  if (a["router"])
    return MoeOp::create(b, loc, type, x, a["router"], a["gate"], a["up"], a["down"], activation(),
                         b.getI64IntegerAttr(config.experts.perToken),
                         config.experts.normalised ? b.getUnitAttr() : UnitAttr());
  return MlpOp::create(b, loc, type, x, a["gate"], a["up"], a["down"], a["gate_bias"], a["up_bias"], a["down_bias"],
                       activation());
}

Value ModelImporter::logits(Value x, Value weight) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
  shape.back() = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return LogitsOp::create(b, loc, tensor(shape, f32), x, weight, b.getF64FloatAttr(config.finalSoftcap));
}

ActivationKindAttr ModelImporter::activation() const {
  StringRef name = config.hiddenAct;
  auto kind = name == "silu"                                      ? ActivationKind::Silu
              : name == "gelu"                                    ? ActivationKind::Gelu
              : name == "gelu_pytorch_tanh" || name == "gelu_new" ? ActivationKind::GeluTanh
              : name == "relu"                                    ? ActivationKind::Relu
                                                                  : std::optional<ActivationKind>();
  if (!kind)
    fail("activation '" + config.hiddenAct + "' is not supported; expected silu, gelu, gelu_pytorch_tanh or relu");
  return ActivationKindAttr::get(f32.getContext(), *kind);
}

//===-- entries -----------------------------------------------------------------------------------------------===//

// The chunks' rows, and the cache's length: large chunks for long prompts, smaller ones for what is left; the cache
// ends with a whole chunk.
ModelImporter::Chunks ModelImporter::planRows() {
  int64_t limit = positionLimit();
  if (limit && options.maxSeq > limit)
    fail("--max-seq " + std::to_string(options.maxSeq) + " is above the " + std::to_string(limit) +
         " positions that the model has learned");
  maxSeq = options.maxSeq ? options.maxSeq : std::min<int64_t>(config.contextLength, 2048);
  int64_t small = limit ? std::min<int64_t>(16, limit) : 16;
  // Chunks above 128 rows hold whole ones of 128.
  int64_t step = std::min(options.prefillChunk, maxSeq) > 128 ? 128 : small;
  int64_t large = std::min<int64_t>(options.prefillChunk, llvm::alignTo(maxSeq, step));
  if (limit && large > limit)
    large = llvm::alignDown(limit, step);
  maxSeq = llvm::alignTo(maxSeq, large);
  if (limit && maxSeq > limit)
    maxSeq = llvm::alignDown(limit, large);
  cacheType = tensor({batch, maxSeq, config.kvHeads, config.headDim}, weightType);
  return {large, std::min<int64_t>(large, 128), small};
}

ImportedModel ModelImporter::run() {
  auto [large, middle, small] = planRows();
  addEntry("decode", 1, Head::LastRow);
  addEntry("prefill", large, Head::LastRow);
  addEntry("score", middle, Head::AllRows);
  if (middle != large)
    addEntry("prefill", middle, Head::LastRow);
  if (small != middle)
    addEntry("prefill", small, Head::LastRow);
  return {std::move(module), maxSeq};
}

// An entry's arguments and results.
struct ModelImporter::Signature {
  Builder &b;
  SmallVector<Type> types, resultTypes;
  SmallVector<DictionaryAttr> attributes, resultAttributes;
  SmallVector<std::string> keys; // of arguments

  void add(const std::string &key, Type type, StringRef kind, const Twine &name) {
    keys.push_back(key);
    types.push_back(type);
    attributes.push_back(b.getDictionaryAttr(b.getNamedAttr(kind, b.getStringAttr(name))));
  }
  void addResult(Type type, StringRef kind, const Twine &name) {
    resultTypes.push_back(type);
    resultAttributes.push_back(b.getDictionaryAttr(b.getNamedAttr(kind, b.getStringAttr(name))));
  }
};

void ModelImporter::addEntry(StringRef entryName, int64_t rows, Head head) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module->getBody());
  Signature signature{b, {}, {}, {}, {}, {}};
  signature.add("tokens", indices({batch, rows}), kInput, "tokens");
  for (const Input &input : inputs(rows))
    signature.add(input.name, input.type, kInput, input.name);
  if (head == Head::LastRow && rows > 1)
    signature.add("last", indices({batch}), kInput, "last");
  for (const Parameter &p : modelParameters())
    signature.add(p.key, p.type, kParameter, p.name);
  if (stack() != planned || runs.empty()) {
    planned = stack();
    runs = planRuns();
  }
  for (const Run &run : runs) {
    for (const State &state : run.states)
      signature.add(state.key, state.type, kState, state.key);
    for (const Parameter &p : run.parameters)
      signature.add(p.name, p.type, kParameter, p.name);
  }
  std::string name = (entryName + (rows > 1 ? "_" + Twine(rows) : Twine(""))).str();
  auto function = func::FuncOp::create(b, loc, name, b.getFunctionType(signature.types, {}));
  function->setAttr(kEntry, b.getStringAttr(entryName));
  function.setAllArgAttrs(signature.attributes);
  addBody(function, signature, rows, head);
  function.setType(b.getFunctionType(signature.types, signature.resultTypes));
  function.setAllResultAttrs(signature.resultAttributes);
  for (const Run &run : runs)
    if (!module->lookupSymbol(layerName(run.first, rows)))
      addLayer(run.first, rows);
}

void ModelImporter::addBody(func::FuncOp function, Signature &signature, int64_t rows, Head rowsWanted) {
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  Arguments arguments;
  for (auto [key, argument] : llvm::zip_equal(signature.keys, body->getArguments()))
    arguments.add(key, argument);
  Value x = embed(arguments, rows);
  prepare(arguments, rows);
  SmallVector<Value> returned(1);
  unsigned begin = body->getNumArguments();
  for (const Run &run : runs)
    begin -= run.states.size() + run.parameters.size();
  for (const Run &run : runs) {
    ValueRange own = ValueRange(body->getArguments()).slice(begin, run.states.size() + run.parameters.size());
    ResultRange results = runLayers(x, run, rows, arguments, own);
    x = results[0];
    llvm::append_range(returned, results.drop_front());
    begin += own.size();
  }
  if (Value last = arguments["last"])
    x = TakeRowOp::create(b, loc, tensor({batch, 1, config.hiddenSize}, f32), x, last);
  x = head(x, arguments);
  auto type = cast<RankedTensorType>(x.getType());
  if (rowsWanted == Head::LastRow)
    x = tensor::CollapseShapeOp::create(b, loc, tensor({batch, type.getShape().back()}, f32), x,
                                        SmallVector<ReassociationIndices>{{0}, {1, 2}});
  returned[0] = x;
  signature.addResult(x.getType(), kOutput, outputName());
  for (const Run &run : runs)
    for (const State &state : run.states)
      signature.addResult(state.type, kState, state.key);
  func::ReturnOp::create(b, loc, returned);
}

//===-- runs of layers ----------------------------------------------------------------------------------------===//

static RankedTensorType stacked(RankedTensorType type, int64_t count) {
  SmallVector<int64_t> shape = {count};
  llvm::append_range(shape, type.getShape());
  return type.clone(shape);
}

std::vector<ModelImporter::Run> ModelImporter::planRuns() const {
  auto [first, end] = stack();
  std::vector<Run> plan;
  SmallVector<Parameter> last; // of the layer before
  auto close = [&] {
    if (plan.empty())
      return;
    Run &run = plan.back();
    int64_t count = run.end - run.first;
    for (State &state : run.states)
      state.key += "." + (count > 1 ? LayerStack{"", "", run.first, count}.str() : std::to_string(run.first));
    if (count == 1)
      return;
    for (State &state : run.states)
      state.type = stacked(state.type, count);
    for (auto [parameter, other] : llvm::zip_equal(run.parameters, last))
      parameter = {parameter.key, LayerStack::between(parameter.name, other.name, count)->str(),
                   stacked(parameter.type, count)};
  };
  for (int64_t n = first; n < end; ++n) {
    SmallVector<Parameter> parameters = layerParameters(n);
    bool joins =
        !plan.empty() && layerKind(n) == layerKind(plan.back().first) &&
        llvm::all_of(llvm::zip_equal(plan.back().parameters, parameters), [&](const auto &pair) {
          const auto &[a, b] = pair;
          return LayerStack::between(a.name, b.name, n + 1 - plan.back().first) && options.alike(a.name, b.name);
        });
    if (!joins) {
      close();
      plan.push_back({n, n, layerStates(n), parameters});
    }
    plan.back().end = n + 1;
    last = std::move(parameters);
  }
  close();
  return plan;
}

// Where a layer's part stands in a stack.
static std::array<SmallVector<OpFoldResult>, 3> windowOf(Value stack, Value layer, Builder &b) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(stack.getType()).getShape();
  SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)), strides(shape.size(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(b.getContext(), shape);
  offsets[0] = layer;
  sizes[0] = b.getIndexAttr(1);
  return {offsets, sizes, strides};
}

ResultRange ModelImporter::runLayers(Value x, const Run &run, int64_t rows, const Arguments &arguments,
                                     ValueRange own) {
  int64_t count = run.end - run.first;
  if (count == 1)
    return callLayer(x, run.first, rows, arguments, own).getResults();
  SmallVector<Value> carried = {x};
  llvm::append_range(carried, own.take_front(run.states.size()));
  auto body = [&](OpBuilder &, Location, Value number, ValueRange now) {
    ValueRange states = now.drop_front(), weights = own.drop_front(run.states.size());
    SmallVector<Value> ofLayer;
    for (ValueRange stacks : {states, weights})
      for (Value stack : stacks) {
        auto [offsets, sizes, strides] = windowOf(stack, number, b);
        auto type = cast<RankedTensorType>(stack.getType());
        ofLayer.push_back(tensor::ExtractSliceOp::create(
            b, loc, tensor(type.getShape().drop_front(), type.getElementType()), stack, offsets, sizes, strides));
      }
    func::CallOp call = callLayer(now.front(), run.first, rows, arguments, ofLayer);
    SmallVector<Value> yielded = {call.getResult(0)};
    for (auto [stack, state] : llvm::zip_equal(states, call.getResults().drop_front())) {
      auto [offsets, sizes, strides] = windowOf(stack, number, b);
      yielded.push_back(tensor::InsertSliceOp::create(b, loc, state, stack, offsets, sizes, strides));
    }
    scf::YieldOp::create(b, loc, yielded);
  };
  auto index = [&](int64_t n) -> Value { return arith::ConstantIndexOp::create(b, loc, n); };
  return scf::ForOp::create(b, loc, index(0), index(count), index(1), carried, body).getResults();
}

//===-- layers ------------------------------------------------------------------------------------------------===//

std::string ModelImporter::layerName(int64_t n, int64_t rows) const {
  std::string kind = layerKind(n);
  return (kind.empty() ? "" : kind + "_") + "layer_" + std::to_string(rows);
}

func::CallOp ModelImporter::callLayer(Value x, int64_t n, int64_t rows, const Arguments &arguments, ValueRange own) {
  SmallVector<Value> operands = {x};
  SmallVector<Type> types = {x.getType()};
  for (const std::string &input : layerInputs(n))
    operands.push_back(arguments[input]);
  llvm::append_range(operands, own);
  for (const State &state : layerStates(n))
    types.push_back(state.type);
  return func::CallOp::create(b, loc, layerName(n, rows), types, operands);
}

void ModelImporter::addLayer(int64_t n, int64_t rows) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module->getBody());
  RankedTensorType x = tensor({batch, rows, config.hiddenSize}, f32);
  SmallVector<Type> types = {x}, results = {x};
  SmallVector<std::string> keys;
  auto add = [&](const std::string &key, Type type) {
    keys.push_back(key);
    types.push_back(type);
  };
  SmallVector<Input> all = inputs(rows);
  llvm::append_range(all, prepared(rows));
  for (const std::string &name : layerInputs(n))
    add(name, llvm::find_if(all, [&](const Input &input) { return input.name == name; })->type);
  for (const State &state : layerStates(n)) {
    add(state.key, state.type);
    results.push_back(state.type);
  }
  for (const Parameter &p : layerParameters(n))
    add(p.key, p.type);
  auto function = func::FuncOp::create(b, loc, layerName(n, rows), b.getFunctionType(types, results));
  function.setPrivate();
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  Arguments arguments;
  for (auto [key, argument] : llvm::zip_equal(keys, body->getArguments().drop_front()))
    arguments.add(key, argument);
  SmallVector<Value> returned = {layer(body->getArgument(0), arguments, n)};
  for (const State &state : layerStates(n))
    returned.push_back(arguments[state.key]);
  func::ReturnOp::create(b, loc, returned);
}
