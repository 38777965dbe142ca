// What stays whole while other ops are split is told, with the work that is repeated.
// RUN: tp-opt %s --split-input-file --verify-diagnostics --tp-propagate-shardings -o /dev/null

// The user says that the second weight is whole.
tp.mesh @mesh <["tp" = 2]>
func.func @closed(%x: tensor<1x3x8xf32>, %w: tensor<8x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
    %v: tensor<2048x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}]>}) -> tensor<1x3x2048xf32> {
  %a = tp.linear %x, %w : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  // expected-warning @+1 {{stays whole on the 2 devices of axis "tp", which repeat 98304 operations: no operand can be split for less than that saves}}
  %y = tp.linear %a, %v : (tensor<1x3x8xf32>, tensor<2048x8xf32>) -> tensor<1x3x2048xf32>
  return %y : tensor<1x3x2048xf32>
}

// -----

// The sum over devices of a small product costs more than the product.
tp.mesh @mesh <["tp" = 2]>
func.func @small(%x: tensor<1x3x8xf32>, %w: tensor<8x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>},
    %v: tensor<8x8xf32>) -> (tensor<1x3x8xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}, {}]>}) {
  %a = tp.linear %x, %w : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  // expected-warning @+1 {{stays whole}}
  %y = tp.linear %a, %v : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}

// -----

// Nothing is split along "dp" anywhere: nobody asked for it.
tp.mesh @mesh <["dp" = 2]>
func.func @unused(%x: tensor<1x3x8xf32>, %v: tensor<8x8xf32>) -> tensor<1x3x8xf32> {
  %y = tp.linear %x, %v : (tensor<1x3x8xf32>, tensor<8x8xf32>) -> tensor<1x3x8xf32>
  return %y : tensor<1x3x8xf32>
}
