#include "tp/Cost/Report.h"
#include "tp/Cost/Bytes.h"
#include "tp/Cost/Flops.h"

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

void setAlternatives(ArrayAttr list, CollectiveUse &use) {
  for (auto entry : list.getAsRange<DictionaryAttr>()) {
    Alternative &way = use.alternatives.emplace_back();
    way.bytes = entry.getAs<IntegerAttr>("bytes").getInt();
    way.chosen = entry.contains("chosen");
    for (Attribute sharding : entry.getAs<ArrayAttr>("operands")) {
      std::string text;
      llvm::raw_string_ostream(text) << sharding;
      // #tp.sharding<@mesh, ...>
      way.operands.push_back(StringRef(text).split(", ").second.drop_back().str());
    }
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
  if (auto list = op->getAttrOfType<ArrayAttr>(kAlternatives))
    setAlternatives(list, use);
  if (auto overlap = op->getAttrOfType<StringAttr>(kOverlap))
    use.overlap = overlap.str();
  return true;
}
} // namespace

SmallVector<func::FuncOp> tp::entryFunctions(ModuleOp module) {
  auto functions = module.getOps<func::FuncOp>();
  bool marked = llvm::any_of(functions, [](func::FuncOp function) { return function->hasAttr(kEntry); });
  return llvm::filter_to_vector(
      functions, [&](func::FuncOp function) { return marked ? function->hasAttr(kEntry) : !function.isPrivate(); });
}

std::vector<CollectiveUse> tp::collectCollectives(ModuleOp partitioned) {
  std::vector<CollectiveUse> result;
  for (func::FuncOp entry : entryFunctions(partitioned)) {
    llvm::MapVector<Operation *, CollectiveUse> uses;
    visitRuns(entry, [&](Operation *op, func::FuncOp function, int64_t times) {
      CollectiveUse use;
      if (!describe(op, use))
        return;
      use.entry = entry.getName();
      use.function = function.getName();
      uses.insert({op, use}).first->second.count += times;
    });
    for (auto &[op, use] : uses)
      result.push_back(use);
  }
  return result;
}

std::string tp::toJson(const std::vector<CollectiveUse> &uses, const std::vector<IdleRanks> &idle) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const CollectiveUse &use : uses) {
    json.push_back({{"entry", use.entry},
                    {"function", use.function},
                    {"kind", use.kind},
                    {"axes", use.axes},
                    {"group_size", use.groupSize},
                    {"count", use.count},
                    {"bytes", use.bytes},
                    {"op", use.op},
                    {"operand", use.operand}});
    if (!use.overlap.empty())
      json.back()["overlap"] = {{"overlapped", use.overlapped()}, {"why", use.overlap}};
    for (const Alternative &way : use.alternatives)
      json.back()["alternatives"].push_back({{"operands", way.operands}, {"bytes", way.bytes}, {"chosen", way.chosen}});
  }
  // With the keys of a collective that moves nothing, so that a reader may add up all entries.
  for (const IdleRanks &each : idle)
    json.push_back({{"entry", each.entry},
                    {"function", each.function},
                    {"kind", "idle"},
                    {"axes", each.axes},
                    {"group_size", each.ranks.size()},
                    {"count", 0},
                    {"bytes", 0},
                    {"op", "func.func"},
                    {"operand", llvm::join(each.arguments, ", ")},
                    {"ranks", each.ranks}});
  return json.dump(1) + "\n";
}

static void printUse(llvm::raw_ostream &out, const CollectiveUse &use) {
  std::string axes = llvm::join(use.axes, ",");
  out << llvm::format("  %-15s %-8s %6lld %6lld %11lld %13lld  ", use.kind.c_str(), axes.c_str(),
                      (long long)use.groupSize, (long long)use.count, (long long)use.bytes,
                      (long long)(use.bytes * use.count))
      << use.function << ": " << use.op << " " << use.operand << "\n";
  if (!use.overlap.empty())
    out << "      overlapped: " << use.overlap << "\n";
  for (const Alternative &way : use.alternatives)
    out << "      " << (way.chosen ? "chosen: " : "or:     ") << llvm::join(way.operands, " x ") << ": " << way.bytes
        << " bytes\n";
}

// 3, 4, 8, 9: "ranks 3-4, 8-9"
static void printRanks(llvm::raw_ostream &out, ArrayRef<int64_t> ranks) {
  out << (ranks.size() == 1 ? "rank" : "ranks");
  for (size_t first = 0, last; first < ranks.size(); first = last + 1) {
    for (last = first; last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1;)
      ++last;
    out << (first == 0 ? " " : ", ") << ranks[first];
    if (last != first)
      out << "-" << ranks[last];
  }
}

static void printIdle(llvm::raw_ostream &out, const IdleRanks &idle) {
  out << "  idle: ";
  printRanks(out, idle.ranks);
  out << (idle.ranks.size() == 1 ? " holds" : " hold") << " nothing of " << idle.function << "'s argument"
      << (idle.arguments.size() == 1 ? " " : "s ") << llvm::join(idle.arguments, ", ")
      << ": fewer blocks than devices of " << llvm::join(idle.axes, ",") << "\n";
}

std::string tp::toTable(const std::vector<CollectiveUse> &uses, const std::vector<IdleRanks> &idle) {
  llvm::MapVector<StringRef, std::pair<std::vector<const CollectiveUse *>, std::vector<const IdleRanks *>>> entries;
  for (const CollectiveUse &use : uses)
    entries[use.entry].first.push_back(&use);
  for (const IdleRanks &each : idle)
    entries[each.entry].second.push_back(&each);
  std::string text;
  llvm::raw_string_ostream out(text);
  for (const auto &[entry, lists] : entries) {
    out << entry << "\n";
    int64_t total = 0;
    if (!lists.first.empty())
      out << "  collective      axes      ranks  count  bytes each         bytes  asked for by\n";
    for (const CollectiveUse *use : lists.first) {
      printUse(out, *use);
      total += use->bytes * use->count;
    }
    out << llvm::format("  %48s %12lld bytes a call\n", "total", (long long)total);
    for (const IdleRanks *each : lists.second)
      printIdle(out, *each);
  }
  if (uses.empty())
    out << "no collectives\n";
  return text;
}
