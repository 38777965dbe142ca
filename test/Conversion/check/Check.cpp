#include "Check.h"

#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;

namespace tp::check {

static float randomFloat(std::mt19937 &random) { return std::uniform_real_distribution<float>(-1, 1)(random); }

RankValue Check::makeInput(func::FuncOp function, unsigned i) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
  Tensor tensor(type.getShape(), *elementKindOf(type.getElementType()));
  auto bound = [&](StringRef name) {
    auto value = function.getArgAttrOfType<IntegerAttr>(i, name);
    return value ? value.getInt() : 0;
  };
  if (tensor.isFloat()) {
    float *to = tensor.writeFloats();
    for (int64_t e = 0; e < tensor.size(); ++e)
      to[e] = randomFloat(random);
    tensor.round();
  } else {
    int64_t *to = tensor.writeInts();
    for (int64_t e = 0; e < tensor.size(); ++e)
      to[e] = std::uniform_int_distribution<int64_t>(bound("tp.low"), bound("tp.high"))(random);
  }
  return RankValue(interpreter.ranks(), tensor);
}

int Check::compare(const cpu::Entry &entry, const cpu::Slot &slot, const char *arena, const Tensor &expected,
                   int64_t rank, int threads) {
  const char *at = arena + slot.offset;
  double worst = 0;
  int64_t where = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double got, want = expected.at(i);
    if (slot.type == cpu::ElementType::f32)
      got = reinterpret_cast<const float *>(at)[i];
    else if (slot.type == cpu::ElementType::i32)
      got = reinterpret_cast<const int32_t *>(at)[i];
    else {
      uint32_t bits = uint32_t(reinterpret_cast<const uint16_t *>(at)[i]) << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      got = value;
    }
    double error = std::abs(got - want) / (1 + std::abs(want));
    if (!(error <= worst))
      worst = error, where = i;
    if (std::isnan(error))
      break;
  }
  bool wrong = !(worst <= tolerance);
  if (wrong)
    llvm::outs() << entry.name << " output " << slot.name << " rank " << rank << " threads " << threads << ": element "
                 << where << " differs by " << worst << ", expected " << expected.at(where) << "\n";
  return wrong;
}

int Check::runThreads(const cpu::Entry &entry, int64_t rank, int threads, ArrayRef<RankValue> expected) {
  Aligned arena(program.arenaBytes);
  std::memset(arena.data, 0xff, program.arenaBytes); // NaN everywhere
  for (const cpu::Slot &slot : entry.inputs) {
    const Tensor &tensor = inputs.at(entry.name + "/" + slot.name)[rank];
    for (int64_t i = 0; i < tensor.size(); ++i) {
      char *to = arena.data + slot.offset;
      if (slot.type == cpu::ElementType::i32)
        reinterpret_cast<int32_t *>(to)[i] = int32_t(tensor.at(i));
      else if (slot.type == cpu::ElementType::f32)
        reinterpret_cast<float *>(to)[i] = float(tensor.at(i));
      else {
        float value = float(tensor.at(i));
        cpu::packWeight(cpu::Layout::plain, cpu::ElementType::bf16, 1, 1, &value, to + 2 * i);
      }
    }
  }
  auto &state = stateMemory[{rank, threads}];
  if (!state)
    state = std::make_unique<Aligned>(program.stateBytes);
  if (observer)
    observer(entry, rank, arena.data, expected);
  runner(entry, {weights->data, state->data, arena.data, rank, threads});
  int wrong = 0;
  size_t next = 0;
  for (const cpu::Slot &slot : entry.outputs)
    wrong += compare(entry, slot, arena.data, expected[next++][rank], rank, threads);
  return wrong;
}

int Check::runEntry(func::FuncOp function, const cpu::Entry &entry, ArrayRef<RankValue> results) {
  std::vector<RankValue> expected;
  for (const cpu::Slot &slot : entry.outputs)
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto name = function.getResultAttrOfType<StringAttr>(i, kOutput); name && name.getValue() == slot.name)
        expected.push_back(results[i]);
  int wrong = 0;
  for (int64_t rank = 0; rank < interpreter.ranks(); ++rank)
    for (int threads : threadCounts)
      wrong += runThreads(entry, rank, threads, expected);
  return wrong;
}

int Check::run() {
  weights = std::make_unique<Aligned>(program.weightBytes);
  int wrong = 0;
  size_t next = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(kEntry))
      continue;
    const cpu::Entry &entry = program.entries[next++];
    SmallVector<RankValue> arguments;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto parameter = function.getArgAttrOfType<StringAttr>(i, kParameter),
           state = function.getArgAttrOfType<StringAttr>(i, kState);
      auto input = function.getArgAttrOfType<StringAttr>(i, kInput);
      auto &map = parameter ? parameters : state ? states : inputs;
      std::string name = parameter ? parameter.str() : state ? state.str() : entry.name + "/" + input.str();
      if (!map.count(name)) {
        map[name] = makeInput(function, i);
        if (state) {
          auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
          map[name] = RankValue(interpreter.ranks(), Tensor(type.getShape(), *elementKindOf(type.getElementType())));
        }
      }
      arguments.push_back(map[name]);
    }
    for (const cpu::Weight &weight : program.weights)
      if (parameters.count(weight.name))
        cpu::packWeight(weight.layout, weight.type, weight.rows(), weight.cols(), parameters[weight.name][0].floats(),
                        weights->data + weight.offset);
    auto results = interpreter.run(function.getName(), arguments);
    if (failed(results))
      return 1;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto state = function.getResultAttrOfType<StringAttr>(i, kState))
        states[state.str()] = (*results)[i];
    wrong += runEntry(function, entry, *results);
  }
  return wrong;
}

} // namespace tp::check
