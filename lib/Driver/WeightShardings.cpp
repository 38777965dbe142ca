#include "WeightShardings.h"

#include "tp/Dialect/LayerStack.h"
#include "tp/Dialect/Tp.h"
#include "tp/Sharding/Sharding.h"
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

static bool matches(const std::string &glob, const std::string &name) {
  return fnmatch(glob.c_str(), name.c_str(), 0) == 0;
}

bool tp::shardedAlike(const std::vector<std::pair<std::string, std::string>> &shardings, const std::string &first,
                      const std::string &second) {
  return llvm::all_of(shardings,
                      [&](const auto &each) { return matches(each.first, first) == matches(each.first, second); });
}

// Whether a parameter is meant; throws where only some layers of a stack are.
static bool isMeant(const std::string &glob, StringRef name) {
  std::optional<LayerStack> stack = LayerStack::parse(name);
  if (!stack)
    return matches(glob, name.str());
  int64_t found = llvm::count_if(llvm::seq(stack->count), [&](int64_t i) { return matches(glob, stack->nameOf(i)); });
  if (found != 0 && found != stack->count)
    throw Error("--shard-weight: '" + glob + "' matches " + std::to_string(found) + " of the " +
                std::to_string(stack->count) + " tensors of the stack '" + name.str() +
                "', which are split alike; expected a pattern that matches all or none");
  return found != 0;
}

// Of a stack of layers, what `sharding` is of one.
static ShardingAttr forStack(ShardingAttr sharding) {
  Sharding stacked = Sharding::from(sharding);
  stacked.dims.insert(stacked.dims.begin(), Sharding::whole(1).dims[0]);
  return stacked.toAttribute(sharding.getMesh(), sharding.getContext());
}

void tp::shardWeights(ModuleOp module, const std::vector<std::pair<std::string, std::string>> &shardings) {
  MeshAttr mesh = (*module.getOps<MeshOp>().begin()).getMesh();
  for (const auto &[glob, text] : shardings) {
    ShardingAttr sharding = parseSharding(module, text);
    bool matched = false;
    for (auto function : module.getOps<func::FuncOp>()) {
      for (unsigned i = 0; i < function.getNumArguments(); ++i) {
        auto name = function.getArgAttrOfType<StringAttr>(i, kParameter);
        if (!name || !isMeant(glob, name))
          continue;
        matched = true;
        const bool isStack = LayerStack::parse(name).has_value();
        auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
        if (isStack)
          type = type.clone(type.getShape().drop_front());
        std::string message;
        ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
          message = diagnostic.str();
          return success();
        });
        if (failed(sharding.verifyFor([&] { return mlir::emitError(function.getLoc()); }, mesh, type)))
          throw Error("--shard-weight: " + text + " does not fit parameter '" + name.str() + "': " + message);
        function.setArgAttr(i, kSharding, isStack ? forStack(sharding) : sharding);
      }
    }
    if (!matched)
      throw Error("--shard-weight: no parameter matches '" + glob + "'");
  }
}
