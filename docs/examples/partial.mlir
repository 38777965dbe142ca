// Two partial sums that are added: reduced once, after the addition. docs/shardings.md shows the result.
tp.mesh @mesh <["tp" = 4]>

func.func @branches(%a: tensor<8x64xf32>, %b: tensor<8x64xf32>,
                    %w: tensor<16x64xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
                    %v: tensor<16x64xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}) -> tensor<8x16xf32> {
  %0 = tp.linear %a, %w : (tensor<8x64xf32>, tensor<16x64xf32>) -> tensor<8x16xf32>
  %1 = tp.linear %b, %v : (tensor<8x64xf32>, tensor<16x64xf32>) -> tensor<8x16xf32>
  %2 = arith.addf %0, %1 : tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}
