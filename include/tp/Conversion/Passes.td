#ifndef TP_CONVERSION_PASSES_TD
#define TP_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def UnrollLayers : Pass<"tp-unroll-layers", "::mlir::ModuleOp"> {
  let summary = "loops over layers become calls, stacks of weights become weights";
  let description = [{
    Up to here a model's equal layers are a loop over stacks of weights and states, so that a program of 126 layers is planned, propagated and
    partitioned like one of two. This pass makes of it what ranks run and what a package holds:

    - a loop (`scf.for`) with constant bounds becomes its body once for each pass;
    - a stack, an argument with a name such as `blk.{0..29}.attn_q.weight`, becomes an argument for each of its tensors, those of one layer together.
      `tensor.extract_slice` of one layer is that argument; what `tensor.insert_slice` writes of a state is returned for its layer.

    Example:

    ```mlir
    func.func @f(%x: tensor<8xf32>, %w: tensor<2x8xf32> {tp.parameter = "w.{0..1}"}) -> tensor<8xf32> {
      %y = scf.for %i = %c0 to %c2 step %c1 iter_args(%h = %x) -> tensor<8xf32> {
        %layer = tensor.extract_slice %w[%i, 0] [1, 8] [1, 1] : tensor<2x8xf32> to tensor<8xf32>
        %next = arith.addf %h, %layer : tensor<8xf32>
        scf.yield %next : tensor<8xf32>
      }
      return %y : tensor<8xf32>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<8xf32>, %w0: tensor<8xf32> {tp.parameter = "w.0"}, %w1: tensor<8xf32> {tp.parameter = "w.1"}) -> tensor<8xf32> {
      %0 = arith.addf %x, %w0 : tensor<8xf32>
      %1 = arith.addf %0, %w1 : tensor<8xf32>
      return %1 : tensor<8xf32>
    }
    ```

    Errors: a loop whose bounds are no constants, or which becomes more than 2^20 ops; a stack that is divided over devices along its layers; a stack that is
    used in another way than layer by layer.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def AssignLayouts : Pass<"tp-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "choose how weights and states lie in memory";
  let description = [{
    Follows weights (`tp.parameter`) and states (`tp.state`) through calls and cache updates and gives each function argument

    - `cpu.kind`: `"weight"`, `"state"`, or nothing for an activation;
    - `cpu.layout`: `"plain"`; `"panel"` for a weight that linears (and embeddings) read; `"keys"` or `"values"` for a cache that sdpa reads
      and kv_update writes,

    and each function result that is an updated state `cpu.alias`, the number of the argument it is held in. A value has one layout in all functions;
    where uses disagree it is `"plain"`, and the kernel that needs another layout packs it first.

    A `tensor.extract_slice` that cuts one dimension and a `tensor.concat` are views on GPUs where their part is one piece of memory; where they are
    not, they get `tp.copied` and become kernels.

    Errors: an op without a CPU lowering; an element type other than f32, bf16, i32; a tp.kv_update on a value that is not a state; a state that
    is returned for another.

    With `target=cuda` every layout is `"plain"`.
  }];
  let options = [Option<"target", "target", "std::string", "\"cpu\"", "cpu or cuda">];
}

def OutlineKernels : Pass<"tp-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "one private function for each kernel";
  let description = [{
    Moves the ops of each function into private functions marked `tp.kernel`, equal ones shared, so that functions consist of calls, views
    (`tensor.expand_shape`, `tensor.collapse_shape`) and collectives that communicate. Ops that one kernel can do together go into one function:
    the fusion rules are in lib/Conversion/Fusion.cpp. With `fuse=false` only chains of elementwise ops do.

    A value that a function returns is made by an op of its own, so that it can be computed where the caller wants it.

    Runs after `tp-assign-layouts`, whose attributes it hands on to the kernels' arguments; a result in a layout has `cpu.layout` too.
  }];
  let options = [
    Option<"fuse", "fuse", "bool", "true", "fuse more than elementwise chains">,
    Option<"target", "target", "std::string", "\"cpu\"", "cpu or cuda: what is worth fusing">,
  ];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::arith::ArithDialect"];
}

def PlanMemory : Pass<"tp-plan-memory", "::mlir::ModuleOp"> {
  let summary = "give every value a place in memory";
  let description = [{
    Every value of a function that is not an argument lives in the function's frame, a part of the arena: values that are not needed at the same time share
    space, views share their source's, and a callee's frame is placed in the caller's for the length of the call. Offsets are multiples of `align` bytes.

    - call or collective: `cpu.places`, one number a result: the offset in the frame; -1-i: the function returns it as result i, so it is made where the
      caller wants it; `alias`(-1000000): it is the state that an operand is. `cpu.frame_at`: where the callee's frame lies.
    - function: `cpu.frame`, bytes of its frame.
    - call or collective whose results are joined with others (GPU): `cpu.within`, for each result the bytes that it lies behind its place.
    - argument of an entry: `cpu.offset`, in the arena (inputs), weights or state.
    - result of an entry that is an output: `cpu.offset` in the arena.
    - module: `cpu.arena_bytes`, `cpu.weight_bytes`, `cpu.state_bytes`.
    - collective: `cpu.collective`, a number in the package for each value; equal ones have the same. Entry: `cpu.symbol`, its name in the shared object.

    An elementwise kernel (or an elementwise end of another) writes its result over an operand that dies there; all_reduce works in place.

    Runs after `tp-outline-kernels`. Errors: a state that is used after it was updated.
  }];
  let options = [Option<"align", "align", "int64_t", "64", "bytes that offsets are multiples of">];
}

def LowerKernels : Pass<"tp-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "kernels on memory";
  let description = [{
    Rewrites each `tp.kernel` function from tensors to memrefs with loops and vectors:
    `(thread, threads, rank, rows: index, arguments..., results...)`. Every thread computes its own part of the results, never a part of a sum, so that
    values do not depend on the number of threads. `rows` is how many rows of each sequence are in use: linears, norms, attention and cache updates
    pass over the others, tile by tile.
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "", "LLVM's name of the CPU; empty: this machine">,
    Option<"features", "features", "std::string", "", "as in llc -mattr; empty: those of the CPU">,
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::mlir::math::MathDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::x86vector::X86VectorDialect", "::mlir::func::FuncDialect"];
}

def LowerProgram : Pass<"tp-lower-program", "::mlir::ModuleOp"> {
  let summary = "entries and layers on memory, with barriers";
  let description = [{
    Rewrites the functions that call kernels: entries to `(frame, thread)` of runtime/include/tp_program.h, others to
    `(frame, thread, rows, memory of the frame, arguments..., results...)`. `rows` is one more than the largest element of the entry's input `last`, all
    where it has none. Threads meet at a barrier only before a kernel that touches what another wrote, or writes what another read, since the last one. Collectives meet at their start. Functions end with nothing pending.

    Runs after `tp-lower-kernels`.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect"];
}

def AddTokenEntries : Pass<"tp-add-token-entries", "::mlir::ModuleOp"> {
  let summary = "entries that return a token instead of logits";
  let description = [{
    For each entry `E` of a partitioned module that returns `logits` [B, V], adds an entry `E_token` that returns `token` [B]: the index of the largest
    logit. Logits that are gathered along V are not: each device finds the best of its part (`tp.top_pairs`), these few are gathered, and
    `tp.best_index` takes the best. So a step of greedy generation moves one number to the host, and hardly more between devices.

    Also adds `E_sample`, which draws the token with `tp.sample` by an input `sampling` [B, 4].
  }];
}

def LowerKernelsToGpu : Pass<"tp-lower-kernels-to-gpu", "::mlir::ModuleOp"> {
  let summary = "kernels as gpu.func, or calls of the GEMM library";
  let description = [{
    Writes, for each `tp.kernel` function, the GPU kernels that do its work, in `gpu.module @kernels`: `(rank: index, arguments..., results..., scratch...)`,
    memory in whole arrays, the block's size fixed. The function keeps its body, as its description, and gets

    - `cuda.launches`: in order, `{kernel, grid, block}`;
    - `cuda.scratch`: bytes of each buffer that its launches share, if any;
    - or `cuda.gemm`: a linear of many rows is number n of the module's `cuda.gemms`, `{m, n, k, input, weight, output, bias, epilogue}`.

    The module gets `cuda.scratch_bytes`, which lie behind the arena.

    Runs after `tp-plan-memory`, all layouts plain.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::math::MathDialect", "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::nvgpu::NVGPUDialect"];
}

def LowerProgramToCuda : Pass<"tp-lower-program-to-cuda", "::mlir::ModuleOp"> {
  let summary = "entries and layers as host code that launches";
  let description = [{
    Rewrites the functions that call kernels: entries to `(frame)` of runtime/include/tp_cuda.h, others to `(frame, memory of the frame, arguments...,
    results...)`, device addresses as i64. Each call of a kernel is its launches or a GEMM, each collective a collective, in order on the compute stream.
    Collectives marked `tp.overlapped` are given to the communication stream, which waits for their source; the compute stream waits for them before
    the first op that reads their result, before a call, and at the end.
    Functions on tensors are gone; `gpu.module @kernels` stays.

    Runs after `tp-lower-kernels-to-gpu`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
