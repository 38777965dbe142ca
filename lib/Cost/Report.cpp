#include "tp/Cost/Report.h"
#include "tp/Cost/Bytes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace tp;

namespace {
// What asked for a collective: "function: op operand", several with "; " between them.
void setOrigin(StringRef origins, CollectiveUse &use) {
  SmallVector<StringRef> list;
  origins.split(list, "; ");
  for (StringRef origin : list) {
    auto [op, operand] = origin.split(": ").second.split(' ');
    use.op += (use.op.empty() ? "" : "; ") + op.str();
    use.operand += (use.operand.empty() ? "" : "; ") + operand.str();
  }
}

// Kind, axes and bytes of a collective; false for other ops.
bool describe(Operation *op, CollectiveUse &use) {
  std::optional<CollectiveCost> cost = costOf(op);
  if (!cost)
    return false;
  use.kind = op->getName().stripDialect();
  for (StringAttr axis : cost->axes)
    use.axes.push_back(axis.str());
  use.groupSize = cost->groupSize;
  use.bytes = cost->total();
  if (auto origin = op->getAttrOfType<StringAttr>("origin"))
    setOrigin(origin.getValue(), use);
  return true;
}

struct Collector {
  ModuleOp module;
  llvm::MapVector<Operation *, CollectiveUse> uses;

  void visit(func::FuncOp function, StringRef entry, int64_t times) {
    // Calls of one function are counted, not walked one by one.
    llvm::MapVector<StringRef, int64_t> calls;
    function.walk([&](Operation *op) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        ++calls[call.getCallee()];
        return;
      }
      CollectiveUse use;
      if (!describe(op, use))
        return;
      use.entry = entry;
      use.function = function.getName();
      auto [it, added] = uses.insert({op, use});
      it->second.count += times;
    });
    for (auto [callee, count] : calls)
      if (auto target = module.lookupSymbol<func::FuncOp>(callee))
        visit(target, entry, times * count);
  }
};
} // namespace

std::vector<CollectiveUse> tp::collectCollectives(ModuleOp partitioned) {
  std::vector<CollectiveUse> result;
  auto functions = partitioned.getOps<func::FuncOp>();
  bool marked = llvm::any_of(functions, [](func::FuncOp function) { return function->hasAttr(kEntry); });
  for (func::FuncOp function : functions) {
    if (marked ? !function->hasAttr(kEntry) : function.isPrivate())
      continue;
    Collector collector{partitioned, {}};
    collector.visit(function, function.getName(), 1);
    for (auto &[op, use] : collector.uses)
      result.push_back(use);
  }
  return result;
}

std::string tp::toJson(const std::vector<CollectiveUse> &uses) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const CollectiveUse &use : uses)
    json.push_back({{"entry", use.entry},
                    {"function", use.function},
                    {"kind", use.kind},
                    {"axes", use.axes},
                    {"group_size", use.groupSize},
                    {"count", use.count},
                    {"bytes", use.bytes},
                    {"op", use.op},
                    {"operand", use.operand}});
  return json.dump(1) + "\n";
}

std::string tp::toTable(const std::vector<CollectiveUse> &uses) {
  std::string text;
  llvm::raw_string_ostream out(text);
  StringRef entry;
  int64_t total = 0;
  auto finish = [&] {
    if (!entry.empty())
      out << llvm::format("  %48s %12lld bytes a call\n", "total", (long long)total);
  };
  for (const CollectiveUse &use : uses) {
    if (use.entry != entry) {
      finish();
      entry = use.entry;
      total = 0;
      out << entry << "\n";
      out << "  collective      axes      ranks  count  bytes each         bytes  asked for by\n";
    }
    std::string axes = llvm::join(use.axes, ",");
    out << llvm::format("  %-15s %-8s %6lld %6lld %11lld %13lld  ", use.kind.c_str(), axes.c_str(),
                        (long long)use.groupSize, (long long)use.count, (long long)use.bytes,
                        (long long)(use.bytes * use.count))
        << use.function << ": " << use.op << " " << use.operand << "\n";
    total += use.bytes * use.count;
  }
  finish();
  if (uses.empty())
    out << "no collectives\n";
  return text;
}
