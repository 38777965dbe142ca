#include "tp/Conversion/CpuProgram.h"
#include "tp/Dialect/Tp.h"
#include "tp/Interpreter/Passes.h"
#include "tp/Pipelines/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tp::TpDialect>();
  mlir::registerAllPasses();
  tp::registerPipelines();
  tp::registerInterpreterPasses();
  tp::registerConversionPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "tp-opt: transformers for many devices\n", registry));
}
