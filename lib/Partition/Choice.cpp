#include "Choice.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace tp;

bool tp::isMadeAnywhere(Value value) {
  Operation *def = value.getDefiningOp();
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(def))
    return isMadeAnywhere(fill.getOutputs()[0]) && !isa<ShapedType>(fill.getInputs()[0].getType());
  if (auto constant = dyn_cast_or_null<arith::ConstantOp>(def)) {
    auto elements = dyn_cast<ElementsAttr>(constant.getValue());
    return elements && elements.isSplat();
  }
  return isa_and_nonnull<tensor::EmptyOp, tensor::SplatOp>(def);
}

bool tp::placesElements(Operation *op) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, linalg::TransposeOp, linalg::BroadcastOp>(op))
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic->getNumResults() == 1 && generic.getNumDpsInputs() == 1 &&
         generic.getNumLoops() == generic.getNumParallelLoops() && generic.getBody()->getOperations().size() == 1 &&
         generic.getBody()->getTerminator()->getOperand(0) == generic.getBody()->getArgument(0);
}

namespace {
class Chooser {
public:
  Chooser(std::deque<Decision> &decisions, MeshAttr mesh) : decisions(decisions), mesh(mesh) {}

  void run() {
    for (unsigned i = 0; i < decisions.size(); ++i) {
      for (Value operand : decisions[i].op->getOperands())
        if (decisions[i].possible.size() > 1)
          readers[operand].insert(i);
      demand(i, +1);
    }
    // Each improves on the last; few rounds are ever needed.
    for (bool changed = true; changed && rounds < 8; ++rounds) {
      changed = false;
      for (unsigned i = 0; i < decisions.size(); ++i)
        changed |= chooseAlone(i);
      for (auto &[value, indices] : readers)
        if (indices.size() > 1)
          changed |= chooseFor(value, indices.getArrayRef());
    }
  }

private:
  struct Version {
    Sharding sharding;
    int count;
  };

  int *find(Value value, const Sharding &sharding, RankedTensorType type) {
    for (Version &version : versions[value])
      if (sameLayout(version.sharding, sharding, type, mesh))
        return &version.count;
    return nullptr;
  }

  // Counts what a decision asks of its operands beyond what is there.
  void demand(unsigned index, int step) {
    Decision &decision = decisions[index];
    for (auto [i, operand] : llvm::enumerate(decision.op->getOperands())) {
      const Sharding &wanted = decision.possible[decision.chosen].operands[i];
      RankedTensorType type = decision.present.types[i];
      if (sameLayout(decision.present.shardings[i], wanted, type, mesh))
        continue;
      if (int *count = find(operand, wanted, type))
        *count += step;
      else
        versions[operand].push_back({wanted, step});
    }
  }

  // What a choice costs beside the demands of the others.
  double cost(const Decision &decision, const Assignment &assignment) {
    double bytes = workInBytes(decision.rule, assignment, mesh);
    unsigned operands = decision.rule.operands.size();
    for (unsigned i = 0; i < operands; ++i) {
      Value operand = decision.op->getOperand(i);
      RankedTensorType type = decision.present.types[i];
      const Sharding &have = decision.present.shardings[i], &wanted = assignment.operands[i];
      if (sameLayout(have, wanted, type, mesh) || isMadeAnywhere(operand))
        continue;
      if (int *count = find(operand, wanted, type); count && *count > 0)
        continue;
      bytes += reshardBytes(type, have, wanted, mesh) * (decision.present.stationary[i] ? 1e6 : 1);
    }
    for (unsigned i = 0; i < assignment.results.size(); ++i) {
      const Sharding &wanted = decision.present.shardings[operands + i];
      // A sum that is wanted partial must be computed so.
      if (!llvm::all_of(wanted.partial,
                        [&](StringAttr axis) { return llvm::is_contained(assignment.results[i].partial, axis); }))
        return std::numeric_limits<double>::infinity();
      bytes += reshardBytes(decision.present.types[operands + i], assignment.results[i], wanted, mesh);
    }
    return bytes;
  }

  // The cheapest, the present one where others are no cheaper; of those that bring `value` to `sharding`, if one is
  // given. Returns its cost.
  double pick(unsigned index, Value value = {}, const Sharding *sharding = nullptr) {
    Decision &decision = decisions[index];
    double best = std::numeric_limits<double>::infinity();
    size_t chosen = decision.chosen;
    auto allowed = [&](size_t candidate) {
      return !value || llvm::any_of(llvm::enumerate(decision.op->getOperands()), [&](auto operand) {
        return operand.value() == value && sameLayout(decision.possible[candidate].operands[operand.index()], *sharding,
                                                      decision.present.types[operand.index()], mesh);
      });
    };
    for (size_t i = 0; i < decision.possible.size(); ++i) {
      size_t candidate = (decision.chosen + i) % decision.possible.size();
      double bytes =
          allowed(candidate) ? cost(decision, decision.possible[candidate]) : std::numeric_limits<double>::infinity();
      if (bytes < best) {
        best = bytes;
        chosen = candidate;
      }
    }
    decision.chosen = chosen;
    return best;
  }

  bool chooseAlone(unsigned index) {
    Decision &decision = decisions[index];
    if (decision.possible.size() == 1)
      return false;
    size_t before = decision.chosen;
    demand(index, -1);
    pick(index);
    demand(index, +1);
    return decision.chosen != before;
  }

  // All readers of a value that can use it in a sharding do, if that is cheaper together.
  bool chooseFor(Value value, ArrayRef<unsigned> indices) {
    SmallVector<size_t> before;
    double now = 0;
    for (unsigned index : indices) {
      before.push_back(decisions[index].chosen);
      demand(index, -1);
    }
    for (unsigned index : indices) {
      now += cost(decisions[index], decisions[index].possible[decisions[index].chosen]);
      demand(index, +1);
    }
    for (const Sharding &sharding : shardingsOf(value, indices)) {
      for (unsigned index : indices)
        demand(index, -1);
      double then = 0;
      for (unsigned index : indices) {
        double bytes = pick(index, value, &sharding);
        then += std::isinf(bytes) ? pick(index) : bytes;
        demand(index, +1);
      }
      if (then < now)
        return true;
      for (auto [index, chosen] : llvm::zip(indices, before)) {
        demand(index, -1);
        decisions[index].chosen = chosen;
        demand(index, +1);
      }
    }
    return false;
  }

  std::vector<Sharding> shardingsOf(Value value, ArrayRef<unsigned> indices) {
    std::vector<Sharding> result;
    for (unsigned index : indices)
      for (const Assignment &assignment : decisions[index].possible)
        for (auto [i, operand] : llvm::enumerate(decisions[index].op->getOperands()))
          if (operand == value && llvm::none_of(result, [&](const Sharding &other) {
                return sameLayout(other, assignment.operands[i], decisions[index].present.types[i], mesh);
              }))
            result.push_back(assignment.operands[i]);
    return result;
  }

  std::deque<Decision> &decisions;
  MeshAttr mesh;
  int rounds = 0;
  llvm::DenseMap<Value, SmallVector<Version, 2>> versions;
  llvm::MapVector<Value, llvm::SmallSetVector<unsigned, 4>> readers;
};
} // namespace

void tp::chooseTogether(std::deque<Decision> &decisions, MeshAttr mesh) {
  for (Decision &decision : decisions)
    decision.possible = possibleAssignments(decision.rule, decision.present, mesh);
  Chooser(decisions, mesh).run();
}
