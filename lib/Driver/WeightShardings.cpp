#include "WeightShardings.h"

#include "tp/Dialect/Tp.h"
#include "tp/Support/Error.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <fnmatch.h>

using namespace mlir;
using namespace tp;

static ShardingAttr parseSharding(ModuleOp module, const std::string &text) {
  std::string message;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto sharding =
      dyn_cast_or_null<ShardingAttr>(parseAttribute("#tp.sharding<@mesh, " + text + ">", module.getContext()));
  if (!sharding)
    throw Error("--shard-weight: '" + text + "' is not a sharding such as [{\"tp\"}, {}]: " + message);
  return sharding;
}

void tp::shardWeights(ModuleOp module, const std::vector<std::pair<std::string, std::string>> &shardings) {
  MeshAttr mesh = (*module.getOps<MeshOp>().begin()).getMesh();
  for (const auto &[glob, text] : shardings) {
    ShardingAttr sharding = parseSharding(module, text);
    bool matched = false;
    for (auto function : module.getOps<func::FuncOp>()) {
      for (unsigned i = 0; i < function.getNumArguments(); ++i) {
        auto name = function.getArgAttrOfType<StringAttr>(i, kParameter);
        if (!name || fnmatch(glob.c_str(), name.str().c_str(), 0) != 0)
          continue;
        matched = true;
        std::string message;
        ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
          message = diagnostic.str();
          return success();
        });
        if (failed(sharding.verifyFor([&] { return mlir::emitError(function.getLoc()); }, mesh,
                                      function.getArgumentTypes()[i])))
          throw Error("--shard-weight: " + text + " does not fit parameter '" + name.str() + "': " + message);
        function.setArgAttr(i, kSharding, sharding);
      }
    }
    if (!matched)
      throw Error("--shard-weight: no parameter matches '" + glob + "'");
  }
}
