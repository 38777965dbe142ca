// The bias is added on both devices.
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
  func.func private @block(%x: tensor<1x2x2xf32>, %w: tensor<3x2xf32>, %b: tensor<3xf32>) -> tensor<1x2x3xf32> {
    %0 = tp.linear %x, %w bias %b {tp.value = 0 : i64, tp.shardings = [#tp.sharding<@mesh, [{}, {}, {}], partial = sum {"tp"}>]}
        : (tensor<1x2x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x2x3xf32>
    %1 = tp.all_reduce sum %0 over ["tp"] on @mesh : tensor<1x2x3xf32>
    return %1 : tensor<1x2x3xf32>
  }
  func.func @main(%x: tensor<1x2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {"tp"}]>},
      %w: tensor<3x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
      %b: tensor<3xf32> {tp.sharding = #tp.sharding<@mesh, [{}]>}) -> tensor<1x2x3xf32> {
    %0 = call @block(%x, %w, %b) : (tensor<1x2x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x2x3xf32>
    %1 = tp.activation relu %0 {tp.value = 1 : i64, tp.shardings = [#tp.sharding<@mesh, [{}, {}, {}]>]}
        : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
    return %1 : tensor<1x2x3xf32>
  }
}
