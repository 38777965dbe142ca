// # Vocabulary-split embedding and head
//
// The table is split by words, and the tied head with it. A device looks up the ids that are its own and gives zeros for others: one all_reduce makes
// the rows whole. The logits stay split by words.
//
// RUN: tp-opt %s --tp-partition-pipeline --tp-report-cost | FileCheck %s
// RUN: tp-opt %s --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition="pipeline=tp-partition,tp-optimize-collectives" -o /dev/null

// CHECK: "bytes":1536
// CHECK-LABEL: func.func @model
// CHECK: %[[IDS:.*]] = tp.shift_index minus %arg0 size 100
// CHECK-NEXT: %[[X:.*]] = tp.embedding %[[IDS]], %arg1
// CHECK-NEXT: %[[S:.*]] = tp.all_reduce sum %[[X]]
// CHECK-NEXT: %[[L:.*]] = tp.linear %[[S]], %arg1 {{.*}} -> tensor<2x8x25xf32>
// CHECK-NEXT: return %[[L]]

tp.mesh @mesh <["tp" = 4]>
func.func @model(%ids: tensor<2x8xi32>, %table: tensor<100x16xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>}) -> tensor<2x8x100xf32> {
  %x = tp.embedding %ids, %table : (tensor<2x8xi32>, tensor<100x16xf32>) -> tensor<2x8x16xf32>
  %l = tp.logits %x, %table : (tensor<2x8x16xf32>, tensor<100x16xf32>) -> tensor<2x8x100xf32>
  return %l : tensor<2x8x100xf32>
}
