// 9 query heads that read 3 key and value heads, on two devices: docs/shardings.md shows what is inferred for the keys.
tp.mesh @mesh <["tp" = 2]>

func.func @heads(%q: tensor<1x8x9x64xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}, {}]>},
                 %x: tensor<1x8x576xf32>, %wk: tensor<192x576xf32>, %v: tensor<1x8x3x64xf32>) -> tensor<1x8x9x64xf32> {
  %0 = tp.linear %x, %wk : (tensor<1x8x576xf32>, tensor<192x576xf32>) -> tensor<1x8x192xf32>
  %k = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [1, 8, 3, 64] : tensor<1x8x192xf32> into tensor<1x8x3x64xf32>
  %o = tp.sdpa %q, %k, %v {causal, group = 3, scale = 0.125 : f64}
      : (tensor<1x8x9x64xf32>, tensor<1x8x3x64xf32>, tensor<1x8x3x64xf32>) -> tensor<1x8x9x64xf32>
  return %o : tensor<1x8x9x64xf32>
}
