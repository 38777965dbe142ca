// One annotation, three devices, sizes that do not divide: docs/shardings.md walks through it.
tp.mesh @mesh <["tp" = 3]>

func.func @mlp(%x: tensor<1x4x6xf32>,
               %up: tensor<10x6xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {?}]>},
               %down: tensor<6x10xf32>, %bias: tensor<6xf32>) -> tensor<1x4x6xf32> {
  %0 = tp.linear %x, %up : (tensor<1x4x6xf32>, tensor<10x6xf32>) -> tensor<1x4x10xf32>
  %1 = tp.activation gelu %0 : (tensor<1x4x10xf32>) -> tensor<1x4x10xf32>
  %2 = tp.linear %1, %down bias %bias : (tensor<1x4x10xf32>, tensor<6x10xf32>, tensor<6xf32>) -> tensor<1x4x6xf32>
  %3 = arith.addf %x, %2 : tensor<1x4x6xf32>
  return %3 : tensor<1x4x6xf32>
}
