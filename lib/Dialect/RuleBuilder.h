// Builds a sharding rule one tensor at a time.
#ifndef TP_LIB_DIALECT_RULEBUILDER_H
#define TP_LIB_DIALECT_RULEBUILDER_H

#include "tp/Dialect/Tp.h"

namespace tp {

struct RuleBuilder {
  ShardingRule rule;

  llvm::SmallVector<unsigned> addFactors(llvm::ArrayRef<int64_t> sizes) {
    llvm::SmallVector<unsigned> ids;
    for (int64_t size : sizes)
      ids.push_back(rule.addFactor(size));
    return ids;
  }
  static TensorFactors dims(llvm::ArrayRef<unsigned> factors) {
    TensorFactors result;
    for (unsigned factor : factors)
      result.push_back({{factor}, 1});
    return result;
  }
  void operand(llvm::ArrayRef<unsigned> factors) { rule.operands.push_back(dims(factors)); }
  void result(llvm::ArrayRef<unsigned> factors) { rule.results.push_back(dims(factors)); }
};

} // namespace tp

#endif
