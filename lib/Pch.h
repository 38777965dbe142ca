//===- Pch.h - Headers that are compiled once for all MLIR libraries ------===//
//
// Reading MLIR's headers is most of the compile time of a file of lib/. The build compiles these once and gives them to
// every target that links MLIR (tp_use_pch in the top-level CMakeLists.txt). No file includes this one: each still
// includes what it uses.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <map>
#include <string>
#include <vector>
