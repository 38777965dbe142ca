// RUN: tp-opt %s --tp-add-token-entries | FileCheck %s

tp.mesh @mesh <["tp" = 2]>

// Each rank looks for the best of its part, or gathers the logits and draws.
// CHECK-LABEL: func.func @decode(
// CHECK: tp.all_gather
// CHECK-LABEL: func.func @decode_token(
// CHECK-SAME: tp.output = "token"
// CHECK-SAME: tp.entry = "decode_token"
// CHECK-NEXT: %[[PAIRS:.*]] = tp.top_pairs %{{.*}} of 49 split <{"tp"}> on @mesh : tensor<2x25xf32> -> tensor<2x1x2xi32>
// CHECK-NEXT: %[[ALL:.*]] = tp.all_gather %[[PAIRS]]
// CHECK-NEXT: %[[TOKEN:.*]] = tp.best_index %[[ALL]] : tensor<2x2x2xi32> -> tensor<2xi32>
// CHECK-NEXT: return %[[TOKEN]]
// CHECK-LABEL: func.func @decode_sample(
// CHECK-SAME: %[[SETTINGS:[a-z0-9]+]]: tensor<2x4xi32> {tp.input = "sampling"}
// CHECK-SAME: tp.output = "token"
// CHECK-SAME: tp.entry = "decode_sample"
// CHECK-NEXT: %[[LOGITS:.*]] = tp.all_gather
// CHECK-NEXT: %[[DRAWN:.*]] = tp.sample %[[LOGITS]] with %[[SETTINGS]] : tensor<2x49xf32>, tensor<2x4xi32> -> tensor<2xi32>
// CHECK-NEXT: return %[[DRAWN]]
func.func @decode(%x: tensor<2x25xf32> {tp.input = "x"}) -> (tensor<2x49xf32> {tp.output = "logits"}) attributes {tp.entry = "decode"} {
  %0 = tp.all_gather %x dim 1 of 49 split <{"tp"}> on @mesh : tensor<2x25xf32> -> tensor<2x49xf32>
  return %0 : tensor<2x49xf32>
}
