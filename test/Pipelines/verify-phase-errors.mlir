// RUN: not tp-opt %s --tp-verify-phase=phase=propagate 2>&1 | FileCheck %s --check-prefix=PROPAGATE
// RUN: not tp-opt %s --tp-verify-phase=phase=partition 2>&1 | FileCheck %s --check-prefix=PARTITION
// RUN: not tp-opt %s --tp-verify-phase=phase=import 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// PROPAGATE: error: after phase propagate: argument 0 has no sharding
// PARTITION: error: after phase partition: the module is not marked tp.partitioned
// UNKNOWN: error: unknown phase 'import': expected decompose, propagate or partition
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
