// How an op's dimensions may be split: the factor rule.
//
// A factor is what an einsum letter is: dimensions of operands and results that hold the same factor are split alike.
// tp.linear of x [B, S, K] and w [N, K] is
//     factors   b, s, n: parallel;  k: reduction (sum)
//     operands  x: (b)(s)(k)   w: (n)(k)
//     results   y: (b)(s)(n)
// A dimension may hold several factors, outermost first (a reshape: [B, S, H*E] is (b)(s)(h e)), and a factor with
// repeat g: the dimension's size is factor / g, because each of its elements is read by g consecutive elements of the
// factor (kv heads by query heads).
#ifndef TP_SHARDING_SHARDINGRULE_H
#define TP_SHARDING_SHARDINGRULE_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

namespace mlir {
class Operation;
} // namespace mlir

namespace tp {

enum class ReduceKind : uint32_t;

enum class FactorKind {
  Parallel,  // each element of the result needs its own part alone
  Reduction, // split: every device has a partial sum
  Whole,     // must not be split (a norm's hidden dimension)
};

struct Factor {
  int64_t size;
  FactorKind kind = FactorKind::Parallel;
};

// A dimension that is `outer` equal parts, each of them sections of these relative sizes (none: one). Every section is
// split by itself.
struct Parts {
  int64_t outer = 1;
  std::vector<int64_t> sections = {};

  // Elements of the dimension for each element of a section of size 1.
  int64_t width() const { return outer * sectionsWidth(); }
  int64_t sectionsWidth() const {
    return sections.empty() ? 1 : std::accumulate(sections.begin(), sections.end(), int64_t(0));
  }
  auto operator<=>(const Parts &) const = default;
};

// The factors of one dimension, outermost first. `repeat` > 1 and `sections` go with a single factor: with sections
// [4, 1, 1] the dimension is 4, 1 and 1 elements for each of the factor's, one section behind the other. With [4] it is
// the first of these sections.
struct DimFactors {
  llvm::SmallVector<unsigned, 2> factors;
  int64_t repeat = 1;
  std::vector<int64_t> sections = {};

  // Those of a split of the dimension; a section by itself has none.
  Parts splitParts() const { return {1, sections.size() > 1 ? sections : std::vector<int64_t>()}; }
};
using TensorFactors = llvm::SmallVector<DimFactors, 3>;

// Operand `operand` holds indices into `factor`: on a device whose shard of the factor begins at element f, its values
// move by f (plus: positions of rows) or by -f (minus: ids looked up in a split table).
//
// With kOwnIndex for an operand, the op itself computes with its position in the factor (linalg.index).
inline constexpr unsigned kOwnIndex = ~0u;
struct IndexShift {
  unsigned operand;
  unsigned factor;
  bool minus;
};

struct ShardingRule {
  llvm::SmallVector<Factor, 4> factors;
  llvm::SmallVector<TensorFactors, 3> operands;
  llvm::SmallVector<TensorFactors, 1> results;
  llvm::SmallVector<IndexShift, 2> shifts;
  // The result as a sum of products of operands: {{0, 1}, {2}} is o0 * o1 + o2. A partial sum passes where every term
  // is partial once. Empty: the op is not linear, and its operands must be complete.
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>, 2> terms;
  // How the parts of a split reduction are combined; 0 is the sum.
  ReduceKind reduce = ReduceKind(0);
  // The operand that a reduction starts from: it is combined once, with the reduction over all other operands. -1:
  // none.
  int initial = -1;

  unsigned addFactor(int64_t size, FactorKind kind = FactorKind::Parallel) {
    factors.push_back({size, kind});
    return factors.size() - 1;
  }
};

// The rule of any op: its own (ShardingRuleOpInterface), or ours for upstream ops. std::nullopt: no rule is known.
std::optional<ShardingRule> getShardingRule(mlir::Operation *op);

// For tests that break rules on purpose: called with each rule before anybody sees it.
using RuleHook = std::function<void(mlir::Operation *, ShardingRule &)>;
void setRuleHook(RuleHook hook);

} // namespace tp

#endif
