// Every pass of the compiler, in the order in which tp-compile runs them.
#ifndef TP_PIPELINES_PASSES_TD
#define TP_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyStrategy : Pass<"tp-apply-strategy", "::mlir::ModuleOp"> {
  let summary = "annotates layers with the shardings of a known strategy";
  let description = [{
    Runs on layer-level IR and annotates the function arguments that layers read (weights) and, for `sequence`, the activations between blocks. The mesh
    axis `dp` splits the batch, `tp` the weights.

    | strategy | weights | activations between blocks |
    |---|---|---|
    | `megatron` | wq, wk, wv, gate, up and vocabulary by rows, wo and down by columns | whole |
    | `sequence` | the same | split by sequence where there is more than one row |
    | `replicate` | whole | whole |

    Arguments that carry `tp.sharding` already keep it.
  }];
  let options = [
    Option<"strategy", "strategy", "std::string", "\"megatron\"", "megatron, sequence or replicate">,
  ];
}

def DecomposeLayers : Pass<"tp-decompose-layers", "::mlir::ModuleOp"> {
  let summary = "expands layers into the ops they are made of";
  let description = [{
    `tp.attention`, `tp.mlp` and `tp.logits` become `tp.linear`, `tp.rope`, `tp.kv_update`, `tp.sdpa`, `tp.activation`, reshapes and arith ops.

    With weights in bf16, values that a linear reads are rounded to bf16; everything else stays f32. Causal or rotary attention without a
    position gets the constant 0, so that its rows can be split: a device's first row is then moved to where it stands.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect", "::mlir::math::MathDialect"];
}

def PropagateShardings : Pass<"tp-propagate-shardings", "::mlir::ModuleOp"> {
  let summary = "completes the shardings of all values";
  let description = [{
    From whatever is annotated (arguments, results, `tp.sharding_constraint`), to a fixpoint, by factor rules, in both directions and through calls:

    1. Priorities in order: first what is stated with priority 0, then 1, ...
    2. In each round every op whose values changed proposes, from the shardings before the round, axes for the open dimensions of its operands and results;
       the proposals are then applied in the order of the program. So the result does not depend on the order in which ops are visited.
    3. An axis is never used twice in a value, a closed dimension never gains axes, and what a user stated never changes. Inputs of the program that
       several ops read and that nobody stated come last, and are split only where that moves no more: part of a whole input costs nothing.
    4. A contraction that does not use an axis which the module uses elsewhere (nothing stated reaches it, as the residual stream is whole) is completed:
       of the splits of its weights (arguments that it alone reads), each followed to a fixpoint, the one that moves the fewest bytes for the work it saves
       stays. Where none is worth it, a warning says how much work is repeated. Closed dimensions stay as they are.
    5. A function's result that nobody stated and that is a sum over devices is split as the rows that it is computed from came in, where that moves less.
    6. Units and repeats (heads that are not to be cut) are inferred along the axes.
    7. A value stays partial where every use is linear in it and carries the sum on; it is reduced once, there.

    Parameters and states of the same name in several entry functions are one value. A `linalg.generic` that looks up rows of a table by ids becomes
    `tp.embedding` first, whose rule lets the table be split. One that searches for the largest element and its number becomes two maxima, which can be
    split: of the elements, and of the places where they are reached. A `linalg.softmax` becomes its two reductions, which can be split, too. A broadcast
    and a reshape that repeat keys for their queries become one op that reads element h / g. On a mesh of several axes, a reshape that merges two
    dimensions (batch and heads, batch and rows) moves behind its readers until it meets the one that undoes it, so that both can be split.

    Afterwards every function argument and result has `tp.sharding`, every op `tp.shardings` and a number `tp.value`, unique in its function.
  }];
  let options = [
    Option<"reverse", "reverse-worklist", "bool", "false", "visit ops in reverse, to show that the order does not matter">,
  ];
}

def Partition : Pass<"tp-partition", "::mlir::ModuleOp"> {
  let summary = "one program in local shapes with explicit collectives";
  let description = [{
    Every op is rewritten to the shapes of one device. Where an operand's sharding is not what the op's factor rule asks for, the cheapest steps
    between the two are inserted; where operands disagree on an axis, the assignment that moves the fewest bytes is taken. Partial results are reduced
    as late as `tp-propagate-shardings` found possible. Indices into a split dimension are moved by the device's offset, padding is zero or masked
    wherever it could be summed, and a bias meets a partial sum on one device only. A value whose elements are another's, in other places or repeated, is
    made again from that one where this moves fewer bytes: keys and values are gathered before they are repeated for their queries.

    Requires shardings on all values (tp-propagate-shardings). The module gets the attribute `tp.partitioned`.
  }];
  let options = [
    Option<"explain", "explain", "bool", "false",
           "note on each collective, as tp.alternatives, how its op could have been computed instead, and the bytes of each way">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def OptimizeCollectives : Pass<"tp-optimize-collectives", "::mlir::ModuleOp"> {
  let summary = "fewer and smaller collectives";
  let description = [{
    - all_reduce, then all_slice over the same axes: reduce_scatter
    - all_gather, then all_slice of the same shards (and the reverse): nothing
    - the same collective of the same value twice: once
    - two all_reduces whose results are only added: one, of the sum
    - neighbours of one kind (all_reduce, all_gather, reduce_scatter), group and form, of different values: one op of several values, which meets once.
      Neighbours are two where the earlier is not read before the later, or the values of the later are there before the earlier.
  }];
}

def ReportCost : Pass<"tp-report-cost", "::mlir::ModuleOp"> {
  let summary = "prints what the module's entry functions cost, as JSON";
  let description = [{
    One line: `{"entries": {NAME: {"flops", "bytes"}}, "collectives": [...]}`. `flops` are those of matrix products (a
    multiplication and an addition are two), `bytes` what one device sends by the ring model, both of one run, calls and loops
    counted. `collectives` is what `tp-compile --explain=FILE.json` writes. Of a partitioned program the figures are those of one device.
    The module stays as it is.
  }];
}

def OverlapCollectives : Pass<"tp-overlap-collectives", "::mlir::ModuleOp"> {
  let summary = "cuts rows in two halves, so that one's collectives run while the other computes";
  let description = [{
    Ops that compute each row from the same row (linears, norms, elementwise ops, all_reduce, and all_gather or reduce_scatter of the last dimension)
    form chains, from one op that mixes rows to the next. A chain with a linear and a collective is cut along its first dimension of more than one:
    sequences of a batch, or rows of one sequence. The halves alternate, a stage being what lies between two collectives:

        compute         A0  B0     A1     B1     A2  B2
        communication       A0:sum B0:sum A1:sum B1:sum

    so

        %0 = tp.linear %x, %w : (tensor<1x16x8xf32>, tensor<4x8xf32>) -> tensor<1x16x4xf32>
        %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x16x4xf32>

    becomes

        %a = tensor.extract_slice %x[0, 0, 0] [1, 8, 8] [1, 1, 1] : tensor<1x16x8xf32> to tensor<1x8x8xf32>
        %0 = tp.linear %a, %w : (tensor<1x8x8xf32>, tensor<4x8xf32>) -> tensor<1x8x4xf32>
        %1 = tp.all_reduce sum %0 over ["tp"] on @mesh {tp.overlapped} : tensor<1x8x4xf32>
        %b = tensor.extract_slice %x[0, 8, 0] [1, 8, 8] [1, 1, 1] : tensor<1x16x8xf32> to tensor<1x8x8xf32>
        %2 = tp.linear %b, %w : (tensor<1x8x8xf32>, tensor<4x8xf32>) -> tensor<1x8x4xf32>
        %3 = tp.all_reduce sum %2 over ["tp"] on @mesh {tp.overlapped} : tensor<1x8x4xf32>
        %4 = tensor.concat dim(1) %1, %3 : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x16x4xf32>

    Each row is computed as before. Halves are one piece of memory each; the first has a multiple of 8 rows (vectors stay aligned), both more than 4
    (below, other kernels are used). With `mode=auto` a chain is cut where the times estimated by lib/Cost/Overlap.cpp say that it pays: a product
    of half the rows takes more than half the time. Runs behind `tp-optimize-collectives`; only the CUDA target lowers the result.

    Errors: an unknown mode; a module that is not partitioned.
  }];
  let options = [
    Option<"mode", "mode", "std::string", "\"auto\"", "auto: where it pays; on: wherever it can be done; off: nowhere">,
    Option<"explain", "explain", "bool", "false", "note on each collective, as tp.overlap, whether it is overlapped and why">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def RingAttention : Pass<"tp-ring-attention", "::mlir::ModuleOp"> {
  let summary = "passes keys and values round a ring instead of gathering them";
  let description = [{
    Attention that reads keys and values gathered along the sequence (`tp.all_gather` of dimension 1) becomes one step for each device of the
    group: attention to the block of keys that the device holds, then `tp.permute` of the block to the next device. Sums of several blocks
    are put together by an online softmax: the largest score so far, the sum of powers, and the sum of values are kept for each row and scaled
    where a block has a larger score. The bytes are those of the gathers; a device holds one block instead of all, and a block can travel while
    another is computed. The steps are linalg ops.

    Runs behind `tp-optimize-collectives`. Attention whose first query head stands inside its group (`head_offset`) keeps its gathers.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def VerifyPhase : Pass<"tp-verify-phase", "::mlir::ModuleOp"> {
  let summary = "checks what can no longer appear behind a phase";
  let description = [{
    Ends each phase. `decompose`: no layer ops are left. `propagate`: every argument, result and op has its sharding. `partition`: the module is marked
    and no constraint is left.
  }];
  let options = [Option<"phase", "phase", "std::string", "", "decompose, propagate or partition">];
}

#endif
