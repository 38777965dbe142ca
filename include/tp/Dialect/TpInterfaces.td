#ifndef TP_INTERFACES_TD
#define TP_INTERFACES_TD

include "mlir/IR/OpBase.td"

def ShardingRuleOpInterface : OpInterface<"ShardingRuleOpInterface"> {
  let cppNamespace = "::tp";
  let description = [{
    An op that says how its dimensions may be split: one factor rule, read by propagation, partitioning, cost and the interpreter.
    This is all that a new op has to bring.
  }];
  let methods = [
    InterfaceMethod<"the factor rule for the op's present shapes", "::tp::ShardingRule", "getShardingRule", (ins)>,
  ];
}

#endif
