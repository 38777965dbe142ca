#include "Rows.h"

#include "Layouts.h"

using namespace mlir;

namespace tp::cpu {

static void findRows(func::FuncOp function, int64_t rows, DenseMap<Operation *, int64_t> &found) {
  auto [it, added] = found.try_emplace(function, rows);
  if (!added && it->second == rows)
    return;
  it->second = rows = added ? rows : 0;
  function.walk([&](func::CallOp call) { findRows(calleeOf(call), rows, found); });
}

DenseMap<Operation *, int64_t> rowsOfEntries(ModuleOp module) {
  DenseMap<Operation *, int64_t> rows;
  for (auto function : module.getOps<func::FuncOp>())
    if (isEntry(function))
      findRows(function, entryRows(function), rows);
  return rows;
}

} // namespace tp::cpu
