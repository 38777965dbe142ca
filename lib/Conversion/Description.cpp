#include "Description.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace tp::cpu {

static ElementType elementType(Type type) {
  Type element = cast<RankedTensorType>(type).getElementType();
  return element.isF32() ? ElementType::f32 : element.isBF16() ? ElementType::bf16 : ElementType::i32;
}

static std::vector<int64_t> shapeOf(Type type) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  return {shape.begin(), shape.end()};
}

static std::string nameOf(func::FuncOp function) {
  auto name = function->getAttrOfType<StringAttr>(kEntry);
  return name ? name.str() : function.getName().str();
}

void nameProgram(ModuleOp module) {
  Builder b(module.getContext());
  llvm::StringSet<> used;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!isEntry(function))
      continue;
    std::string symbol = "tp_" + nameOf(function) + "_" + std::to_string(entryRows(function));
    for (char &c : symbol)
      c = llvm::isAlnum(c) ? c : '_';
    for (std::string base = symbol; !used.insert(symbol).second || module.lookupSymbol(symbol);)
      symbol = base + "_" + std::to_string(used.size());
    function->setAttr(kSymbol, b.getStringAttr(symbol));
  }
  std::vector<Collective> table;
  module.walk([&](Operation *op) {
    if (!isCollective(op))
      return;
    SmallVector<int64_t> numbers;
    for (unsigned value = 0; value < op->getNumOperands(); ++value) {
      Collective c = describeCollective(op, value);
      auto it = std::find(table.begin(), table.end(), c);
      numbers.push_back(it - table.begin());
      if (it == table.end())
        table.push_back(c);
    }
    op->setAttr(kCollective, b.getDenseI64ArrayAttr(numbers));
  });
}

static Slot slot(StringAttr name, Type type, IntegerAttr offset) {
  return {name.str(), elementType(type), shapeOf(type), offset.getInt()};
}

static Entry describeEntry(func::FuncOp function) {
  Entry entry{nameOf(function), function->getAttrOfType<StringAttr>(kSymbol).str(), entryRows(function), {}, {}};
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto name = function.getArgAttrOfType<StringAttr>(i, kInput))
      entry.inputs.push_back(
          slot(name, function.getArgumentTypes()[i], function.getArgAttrOfType<IntegerAttr>(i, kOffset)));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto name = function.getResultAttrOfType<StringAttr>(i, kOutput))
      entry.outputs.push_back(
          slot(name, function.getResultTypes()[i], function.getResultAttrOfType<IntegerAttr>(i, kOffset)));
  return entry;
}

static void describeWeights(func::FuncOp function, llvm::StringSet<> &seen, std::vector<Weight> &weights) {
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto name = function.getArgAttrOfType<StringAttr>(i, kParameter);
    if (!name || !seen.insert(name.getValue()).second)
      continue;
    Type type = function.getArgumentTypes()[i];
    Weight weight{name.str(), shapeOf(type), elementType(type),
                  argLayout(function, i) == "panel" ? Layout::panel : Layout::plain};
    weight.offset = function.getArgAttrOfType<IntegerAttr>(i, kOffset).getInt();
    weight.bytes = packedBytes(weight.layout, weight.type, weight.rows(), weight.cols());
    weights.push_back(weight);
  }
}

CpuProgram describeProgram(ModuleOp module) {
  CpuProgram program;
  auto bytes = [&](StringRef name) { return module->getAttrOfType<IntegerAttr>(name).getInt(); };
  program.arenaBytes = bytes(kArenaBytes), program.stateBytes = bytes(kStateBytes),
  program.weightBytes = bytes(kWeightBytes);
  llvm::StringSet<> seen;
  for (auto function : module.getOps<func::FuncOp>())
    if (isEntry(function)) {
      program.entries.push_back(describeEntry(function));
      describeWeights(function, seen, program.weights);
    }
  module.walk([&](Operation *op) {
    auto ids = op->getAttrOfType<DenseI64ArrayAttr>(kCollective);
    for (auto [value, id] : llvm::enumerate(ids ? ids.asArrayRef() : ArrayRef<int64_t>()))
      if (size_t(id) == program.collectives.size())
        program.collectives.push_back(describeCollective(op, value));
  });
  return program;
}

} // namespace tp::cpu
