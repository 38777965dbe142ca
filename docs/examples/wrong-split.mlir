// An MLP whose second weight is split the wrong way: docs/debugging-a-split.md finds out.
tp.mesh @mesh <["tp" = 4]>

func.func @mlp(%x: tensor<1x128x512xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>},
               %up: tensor<2048x512xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>},
               %down: tensor<512x2048xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}, {}]>})
    -> (tensor<1x128x512xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %0 = tp.linear %x, %up : (tensor<1x128x512xf32>, tensor<2048x512xf32>) -> tensor<1x128x2048xf32>
  %1 = tp.activation gelu %0 : (tensor<1x128x2048xf32>) -> tensor<1x128x2048xf32>
  %2 = tp.linear %1, %down : (tensor<1x128x2048xf32>, tensor<512x2048xf32>) -> tensor<1x128x512xf32>
  %3 = arith.addf %x, %2 : tensor<1x128x512xf32>
  return %3 : tensor<1x128x512xf32>
}
