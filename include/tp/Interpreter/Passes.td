#ifndef TP_INTERPRETER_PASSES_TD
#define TP_INTERPRETER_PASSES_TD

include "mlir/Pass/PassBase.td"

def Interpret : Pass<"tp-interpret", "::mlir::ModuleOp"> {
  let summary = "runs a function and prints its results";
  let description = [{
    Element i of an argument is i, plus 100 times the rank in a partitioned program. A line for each result and, in a partitioned program, rank:

    ```mlir
    func.func @main(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %0 = arith.addf %x, %x : tensor<1x3xf32>
      return %0 : tensor<1x3xf32>
    }
    ```

    prints `result 0 = [[0, 2, 4]]`. The module stays as it is. Errors: no such function; an op that the interpreter does not know; indices out of
    bounds.
  }];
  let options = [
    Option<"function", "function", "std::string", "\"main\"", "function to run">,
    Option<"collectives", "collectives", "bool", "false", "also print the collectives that ran">,
  ];
  let dependentDialects = ["::tp::TpDialect"];
}

def VerifyPartition : Pass<"tp-verify-partition", "::mlir::ModuleOp"> {
  let summary = "partitions a copy of the module and compares it with the whole program";
  let description = [{
    Runs both on random inputs, the copy on as many simulated ranks as its mesh has, and compares every value that has a `tp.value` number on both sides.
    The error names the first op whose values differ, with the rank and the element. The module stays as it is.
  }];
  let options = [
    Option<"pipeline", "pipeline", "std::string", "\"tp-partition\"", "passes that partition the copy">,
    Option<"localFile", "local", "std::string", "", "file with the partitioned program, instead of a pipeline">,
    Option<"seed", "seed", "uint64_t", "1", "seed of the random inputs">,
    Option<"tolerance", "tolerance", "double", "1e-4", "allowed error, relative">,
    Option<"integers", "integers", "bool", "false", "inputs are small integers, and results must agree exactly">,
    Option<"maxCalls", "max-calls", "int64_t", "2", "calls of each function whose inner values are compared">,
    Option<"print", "print", "bool", "false", "print what was compared">,
  ];
  let dependentDialects = ["::tp::TpDialect"];
}

#endif
