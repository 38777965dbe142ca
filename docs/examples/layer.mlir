// A transformer layer written by hand, with two annotations: docs/getting-started.md splits it.
tp.mesh @mesh <["tp" = 2]>

func.func @layer(%x: tensor<1x8x32xf32>,
                 %wq: tensor<32x32xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>},
                 %wk: tensor<16x32xf32>, %wv: tensor<16x32xf32>, %wo: tensor<32x32xf32>,
                 %gate: tensor<64x32xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>},
                 %up: tensor<64x32xf32>, %down: tensor<32x64xf32>, %norm: tensor<32xf32>) -> tensor<1x8x32xf32> {
  %0 = tp.rms_norm %x, %norm {eps = 1.0e-5 : f64} : (tensor<1x8x32xf32>, tensor<32xf32>) -> tensor<1x8x32xf32>
  %1 = tp.attention %0 weights(%wq, %wk, %wv, %wo)
      {heads = 4, kv_heads = 2, head_size = 8, causal, rotary = #tp.rotary<base = 10000.0>}
      : (tensor<1x8x32xf32>, tensor<32x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>, tensor<32x32xf32>) -> tensor<1x8x32xf32>
  %2 = arith.addf %x, %1 : tensor<1x8x32xf32>
  %3 = tp.mlp %2 gate(%gate) up(%up) down(%down) {activation = #tp.activation_kind<silu>}
      : (tensor<1x8x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<32x64xf32>) -> tensor<1x8x32xf32>
  %4 = arith.addf %2, %3 : tensor<1x8x32xf32>
  return %4 : tensor<1x8x32xf32>
}
