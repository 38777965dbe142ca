#include "tp/Cost/Flops.h"
#include "tp/Cost/Report.h"
#include "tp/Pipelines/Passes.h"

#include <nlohmann/json.hpp>

namespace tp {
#define GEN_PASS_DEF_REPORTCOST
#include "tp/Pipelines/Passes.h.inc"
} // namespace tp

using namespace mlir;
using namespace tp;

namespace {
struct ReportCost : tp::impl::ReportCostBase<ReportCost> {
  void runOnOperation() override {
    std::vector<CollectiveUse> uses = collectCollectives(getOperation());
    nlohmann::ordered_json entries = nlohmann::ordered_json::object();
    for (func::FuncOp entry : entryFunctions(getOperation())) {
      int64_t bytes = 0;
      for (const CollectiveUse &use : uses)
        if (use.entry == entry.getName())
          bytes += use.bytes * use.count;
      entries[entry.getName().str()] = {{"flops", countFlops(entry)}, {"bytes", bytes}};
    }
    llvm::outs() << nlohmann::ordered_json(
                        {{"entries", entries}, {"collectives", nlohmann::ordered_json::parse(toJson(uses))}})
                        .dump()
                 << "\n";
    markAllAnalysesPreserved();
  }
};
} // namespace
