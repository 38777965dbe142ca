// Language server for .mlir files with the tp dialect.
#include "tp/Dialect/Tp.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<tp::TpDialect>();
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
