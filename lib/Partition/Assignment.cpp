#include "tp/Partition/Assignment.h"

#include <numeric>

using namespace mlir;
using namespace tp;

namespace {
class Chooser {
public:
  Chooser(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh) : rule(rule), op(op), mesh(mesh) {}

  Assignment choose() {
    std::vector<Assignment> all = possible();
    if (all.size() == 1)
      return all.front();
    // The first of the cheapest.
    return *std::min_element(all.begin(), all.end(),
                             [&](const Assignment &a, const Assignment &b) { return cost(a) < cost(b); });
  }

  std::vector<Assignment> possible() {
    collect();
    search(0);
    return std::move(all);
  }

  double cost(const Assignment &assignment) const {
    double bytes = 0;
    for (unsigned i = 0; i < assignment.operands.size(); ++i)
      bytes += reshardBytes(op.types[i], op.shardings[i], assignment.operands[i], mesh) *
               (!op.stationary.empty() && op.stationary[i] ? 1e6 : 1) / (op.sharers.empty() ? 1 : op.sharers[i]);
    for (unsigned i = 0; i < assignment.results.size(); ++i)
      if (op.free.empty() || !op.free[i])
        bytes += reshardBytes(op.types[assignment.operands.size() + i], assignment.results[i],
                              op.shardings[assignment.operands.size() + i], mesh);
    return bytes;
  }

private:
  const TensorFactors &tensor(unsigned i) const {
    return i < rule.operands.size() ? rule.operands[i] : rule.results[i - rule.operands.size()];
  }

  // Candidate factors of each axis, in the order of the mesh; every factor's axes in the order in which a tensor lists
  // them, and its grain.
  void collect() {
    grains.resize(rule.factors.size());
    candidates.assign(mesh.getAxes().size(), {});
    for (unsigned i = 0; i < op.shardings.size(); ++i)
      for (auto [dim, split] : llvm::zip(tensor(i), op.shardings[i].dims))
        projectToFactors(dim, split, rule, mesh, [&](unsigned factor, Split part) { add(factor, part); });
    for (auto &list : candidates) {
      llvm::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
      chosen.push_back(list.empty() ? -1 : (int)list.front());
    }
  }

  void add(unsigned factor, const Split &part) {
    if (part.axes.empty() || rule.factors[factor].kind == FactorKind::Whole)
      return;
    Split &grain = grains[factor];
    for (StringAttr axis : part.axes) {
      if (!llvm::is_contained(grain.axes, axis))
        grain.axes.push_back(axis);
      candidates[std::distance(mesh.getAxes().begin(), llvm::find(mesh.getAxes(), axis))].push_back(factor);
    }
    grain.unit = std::lcm(grain.unit, part.unit);
    grain.repeat = std::max(grain.repeat, part.repeat);
    if (grain.parts.width() == 1 && rule.factors[factor].size % part.parts.width() == 0)
      grain.parts = part.parts;
  }

  Assignment build(ArrayRef<int> choice) const {
    Assignment result;
    result.factors.resize(rule.factors.size());
    for (unsigned f = 0; f < rule.factors.size(); ++f) {
      Split &split = result.factors[f];
      split.closed = true;
      for (StringAttr axis : grains[f].axes)
        if (choice[std::distance(mesh.getAxes().begin(), llvm::find(mesh.getAxes(), axis))] == (int)f)
          split.axes.push_back(axis);
      if (split.axes.empty())
        continue;
      split.unit = grains[f].unit;
      split.repeat = grains[f].repeat;
      split.parts = grains[f].parts;
      simplifyGrain(f, split);
      // Shards that share elements would be summed twice.
      if (rule.factors[f].kind == FactorKind::Reduction && geometryOf(split, rule.factors[f].size, mesh).overlaps())
        split = Split{.axes = {}, .closed = true};
    }
    dropInexpressible(result.factors);
    for (unsigned i = 0; i < rule.operands.size(); ++i) {
      result.operands.push_back(projectToTensor(rule.operands[i], result.factors, rule, mesh));
      canonicalise(result.operands.back(), op.types[i], mesh);
    }
    for (unsigned i = 0; i < rule.results.size(); ++i) {
      result.results.push_back(projectToTensor(rule.results[i], result.factors, rule, mesh));
      canonicalise(result.results.back(), op.types[rule.operands.size() + i], mesh);
    }
    addPartials(result);
    return result;
  }

  // Drops what the op cannot follow of a grain that somebody stated: blocks that do not fit into the parts;
  // shards that share elements, where indices move along or another tensor repeats the factor or has sections of it;
  // blocks that cut a repeated element.
  void simplifyGrain(unsigned f, Split &split) const {
    if (rule.factors[f].size % (split.unit * split.parts.width()) != 0)
      split.parts = {};
    if (llvm::any_of(rule.shifts, [&](const IndexShift &shift) { return shift.factor == f; }))
      split.repeat = 1;
    for (unsigned i = 0; i < rule.operands.size() + rule.results.size(); ++i)
      for (const DimFactors &dim : tensor(i)) {
        if ((dim.repeat == 1 && dim.sections.empty()) || !llvm::is_contained(dim.factors, f))
          continue;
        split.repeat = 1;
        split.parts = {};
        if (split.unit % dim.repeat != 0)
          split.unit = 1;
      }
  }

  // A dimension of several factors: behind the first that is split, one can be split only where the ones before it are
  // used up, and evenly. Indices into a split factor are moved by one number, so it has no parts.
  void dropInexpressible(FactorSplits &factors) const {
    for (const IndexShift &shift : rule.shifts)
      if (factors[shift.factor].parts.width() != 1)
        factors[shift.factor] = Split{.axes = {}, .closed = true};
    for (unsigned i = 0; i < rule.operands.size() + rule.results.size(); ++i)
      for (const DimFactors &dim : tensor(i)) {
        if (dim.factors.size() == 1)
          continue;
        bool usedUp = true, started = false;
        for (unsigned f : dim.factors) {
          Split &split = factors[f];
          int64_t size = rule.factors[f].size, parts = mesh.sizeOf(split.axes);
          if (started && !split.axes.empty() &&
              (!usedUp || size % (parts * split.unit) != 0 || split.repeat != 1 || split.parts.width() != 1))
            split = Split{.axes = {}, .closed = true};
          started |= !split.axes.empty();
          usedUp &= !started || isUsedUp(split, size, mesh);
        }
      }
  }

  // Axes that the result is partial over: split reductions, and partial operands that every term carries on.
  void addPartials(Assignment &result) const {
    if (result.results.size() != 1)
      return;
    Axes &partial = result.results[0].partial;
    for (unsigned f = 0; f < rule.factors.size(); ++f)
      if (rule.factors[f].kind == FactorKind::Reduction)
        partial.append(result.factors[f].axes.begin(), result.factors[f].axes.end());
    result.results[0].reduce = rule.reduce;
    for (unsigned i = 0; i < rule.operands.size(); ++i)
      for (StringAttr axis : op.shardings[i].partial) {
        if (op.shardings[i].reduce != ReduceKind::Sum || !carried(axis))
          continue;
        if (!llvm::is_contained(partial, axis))
          partial.push_back(axis);
        result.operands[i].partial.push_back(axis);
      }
  }

  // Every term is partial over the axis exactly once, and nothing is split over it: so is the result.
  bool carried(StringAttr axis) const {
    auto isPartial = [&](unsigned operand) { return llvm::is_contained(op.shardings[operand].partial, axis); };
    auto splits = [&](const Sharding &sharding) {
      return llvm::any_of(sharding.dims, [&](const Split &split) { return llvm::is_contained(split.axes, axis); });
    };
    return !rule.terms.empty() && llvm::none_of(op.shardings, splits) &&
           llvm::all_of(rule.terms, [&](const auto &term) { return llvm::count_if(term, isPartial) == 1; });
  }

  void search(unsigned axis) {
    if (axis == candidates.size()) {
      all.push_back(build(chosen));
      return;
    }
    if (candidates[axis].empty())
      return search(axis + 1);
    for (unsigned factor : candidates[axis]) {
      chosen[axis] = factor;
      search(axis + 1);
    }
  }

  const ShardingRule &rule;
  const OpShardings &op;
  MeshAttr mesh;
  FactorSplits grains;
  std::vector<SmallVector<unsigned, 2>> candidates;
  SmallVector<int> chosen;
  std::vector<Assignment> all;
};
} // namespace

std::vector<Assignment> tp::possibleAssignments(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh) {
  return Chooser(rule, op, mesh).possible();
}

double tp::workInBytes(const ShardingRule &rule, const Assignment &assignment, MeshAttr mesh) {
  // Devices compute about this many operations while they send a byte.
  constexpr double kOperationsPerByte = 1000;
  double work = 2;
  for (auto [factor, split] : llvm::zip(rule.factors, assignment.factors))
    work *= localSize(split, factor.size, mesh);
  return work / kOperationsPerByte;
}

Assignment tp::assignFactors(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh) {
  return Chooser(rule, op, mesh).choose();
}

OpCost tp::leastCost(const ShardingRule &rule, const OpShardings &op, MeshAttr mesh) {
  Chooser chooser(rule, op, mesh);
  OpCost least{std::numeric_limits<double>::infinity(), 0};
  for (const Assignment &assignment : chooser.possible()) {
    OpCost cost{chooser.cost(assignment), workInBytes(rule, assignment, mesh)};
    if (cost.moved + cost.work < least.moved + least.work)
      least = cost;
  }
  return least;
}
