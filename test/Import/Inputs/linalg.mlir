// An MLP as another front end writes it: one weight is annotated.
tp.mesh @mesh <["tp" = 2]>
func.func @mlp(%x: tensor<4x8xf32>, %up: tensor<8x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"tp"}]>}, %down: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %a = tensor.empty() : tensor<4x6xf32>
  %b = linalg.fill ins(%zero : f32) outs(%a : tensor<4x6xf32>) -> tensor<4x6xf32>
  %h = linalg.matmul ins(%x, %up : tensor<4x8xf32>, tensor<8x6xf32>) outs(%b : tensor<4x6xf32>) -> tensor<4x6xf32>
  %t = math.tanh %h : tensor<4x6xf32>
  %c = tensor.empty() : tensor<4x8xf32>
  %d = linalg.fill ins(%zero : f32) outs(%c : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul ins(%t, %down : tensor<4x6xf32>, tensor<6x8xf32>) outs(%d : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
