#ifndef TP_DIALECT_TD
#define TP_DIALECT_TD

include "mlir/IR/OpBase.td"

def Tp_Dialect : Dialect {
  let name = "tp";
  let cppNamespace = "::tp";
  let summary = "transformer layers, shardings on named mesh axes, and collectives";
  let description = [{
    The `tp` dialect holds a transformer at two levels (layers: `tp.attention`, `tp.mlp`; ops: `tp.linear`, `tp.sdpa`, ...), the mesh of devices
    it is split over, the sharding of each value, and, after partitioning, the collectives.

    Conventions:

    - Activations are `[batch, sequence, hidden]`, heads are `[batch, sequence, heads, head_size]`; linear weights are `[out, in]`, as in
      checkpoints.
    - Every op computes in f32 and rounds once to its result's element type, so element types of operands and results may differ.
    - Indices (token ids, positions) are i32 tensors.

    Discardable attributes:

    | attribute | on | meaning |
    |---|---|---|
    | `tp.sharding` | argument or result of a function | its sharding |
    | `tp.shardings` | op | array with the sharding of each result |
    | `tp.parameter` | argument of an entry function | name of the weight in the checkpoint; with a range, `w.{0..3}`, of a stack of them along dimension 0 |
    | `tp.input`, `tp.output` | argument, result of an entry function | name of the input or output |
    | `tp.state` | argument and result of an entry function | name of a state (KV cache) that lives between calls; or a stack's |
    | `tp.entry` | function | the name under which the runtime calls it |
    | `tp.value` | op | number of the value in its function, the same in the whole and in the partitioned program |
    | `tp.global_type` | argument, result of a partitioned function | its type before partitioning |
    | `tp.partitioned` | module | types are those of one device |
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

#endif
