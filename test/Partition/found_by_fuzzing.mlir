// Programs that tp-fuzz found to compute something else, or that did not partition.
// RUN: tp-opt %s --split-input-file --tp-propagate-shardings --tp-verify-partition -o /dev/null

// A constant is passed for an argument that is stated to be a sum over devices.
module {
  tp.mesh @mesh <["a" = 2]>
  func.func private @f0(%arg0: tensor<6xi32>, %arg1: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"a"}>}) -> tensor<36xf32> {
    %0 = tp.embedding %arg0, %arg1 : (tensor<6xi32>, tensor<6x6xf32>) -> tensor<6x6xf32>
    %collapsed = tensor.collapse_shape %0 [[0, 1]] : tensor<6x6xf32> into tensor<36xf32>
    return %collapsed : tensor<36xf32>
  }
  func.func @main(%arg0: tensor<6xi32>) -> tensor<6x6xf32> {
    %cst = arith.constant -2.000000e+00 : f32
    %splat = tensor.splat %cst : tensor<6x6xf32>
    %0 = call @f0(%arg0, %splat) : (tensor<6xi32>, tensor<6x6xf32>) -> tensor<36xf32>
    return %splat : tensor<6x6xf32>
  }
}

// -----

// The same for a weight.
module {
  tp.mesh @mesh <["a" = 2]>
  func.func private @f0(%arg0: tensor<4x3x4x4xf32>, %arg1: tensor<4xf32>, %arg2: tensor<4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"a"}>}) -> tensor<4x3x4x4xf32> {
    %0 = tp.linear %arg0, %arg2 bias %arg1 : (tensor<4x3x4x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x3x4x4xf32>
    return %0 : tensor<4x3x4x4xf32>
  }
  func.func @main(%arg0: tensor<4x3x4x4xf32>, %arg1: tensor<4xf32>, %arg2: tensor<3x4xf32>) -> tensor<3x4xf32> {
    %cst = arith.constant dense<1.000000e+00> : tensor<4x4xf32>
    %0 = call @f0(%arg0, %arg1, %cst) : (tensor<4x3x4x4xf32>, tensor<4xf32>, tensor<4x4xf32>) -> tensor<4x3x4x4xf32>
    return %arg2 : tensor<3x4xf32>
  }
}

// -----

// The same for a vector.
module {
  tp.mesh @mesh <["a" = 2]>
  func.func private @f0(%arg0: tensor<3x7xf32>, %arg1: tensor<7xf32> {tp.sharding = #tp.sharding<@mesh, [{}], partial = sum {"a"}>}) -> tensor<3xf32> {
    %0 = tensor.empty() : tensor<3xf32>
    %1 = linalg.matvec ins(%arg0, %arg1 : tensor<3x7xf32>, tensor<7xf32>) outs(%0 : tensor<3xf32>) -> tensor<3xf32>
    return %1 : tensor<3xf32>
  }
  func.func @main(%arg0: tensor<3x7xf32>) -> tensor<3x7xf32> {
    %cst = arith.constant 2.000000e+00 : f32
    %splat = tensor.splat %cst : tensor<7xf32>
    %0 = call @f0(%arg0, %splat) : (tensor<3x7xf32>, tensor<7xf32>) -> tensor<3xf32>
    return %arg0 : tensor<3x7xf32>
  }
}

// -----

// The same for the tensor that a slice is inserted into.
module {
  tp.mesh @mesh <["a" = 2]>
  func.func private @f0(%arg0: tensor<6x6x6xf32>, %arg1: tensor<6x6xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {}], partial = sum {"a"}>}, %arg2: tensor<6x4xf32>) -> tensor<6x6xf32> {
    %inserted_slice = tensor.insert_slice %arg2 into %arg1[0, 2] [6, 4] [1, 1] : tensor<6x4xf32> into tensor<6x6xf32>
    return %inserted_slice : tensor<6x6xf32>
  }
  func.func @main(%arg0: tensor<6x6x6xf32>, %arg1: tensor<6x4xf32>, %arg2: tensor<6x3xf32>) -> tensor<6x3xf32> {
    %cst = arith.constant -1.000000e+00 : f32
    %splat = tensor.splat %cst : tensor<6x6xf32>
    %0 = call @f0(%arg0, %splat, %arg1) : (tensor<6x6x6xf32>, tensor<6x6xf32>, tensor<6x4xf32>) -> tensor<6x6xf32>
    return %arg2 : tensor<6x3xf32>
  }
}

// -----

// Two padded dimensions are summed; the elements are not zero there.
module {
  tp.mesh @mesh <["a" = 3, "b" = 2]>
  func.func @main(%arg0: tensor<4x1x4x3xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}, {}, {}, {"b"}]>}, %arg1: tensor<1xf32>) -> tensor<1xf32> {
    %cst = arith.constant dense<1.000000e+00> : tensor<4x1x4x3xf32>
    %0 = arith.addf %arg0, %cst : tensor<4x1x4x3xf32>
    %reduced = linalg.reduce { arith.addf } ins(%0 : tensor<4x1x4x3xf32>) outs(%arg1 : tensor<1xf32>) dimensions = [0, 2, 3] 
    return %reduced : tensor<1xf32>
  }
}

// -----

// An inner dimension that is split by blocks of its whole size.
module {
  tp.mesh @mesh <["a" = 2, "b" = 2, "c" = 2]>
  func.func @main(%arg0: tensor<4x4x4xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"b", "a"}, {"c", unit = 4}]>}) -> tensor<4x16xf32> {
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<4x4x4xf32> into tensor<4x16xf32>
    return %collapsed : tensor<4x16xf32>
  }
}

// -----

// A constant that is split without padding is made again in shards that have some, and is summed over.
module {
  tp.mesh @mesh <["a" = 2, "b" = 4]>
  func.func @main(%arg0: tensor<2x2xf32> {tp.sharding = #tp.sharding<@mesh, [{}, {"a", "b"}]>}, %arg1: tensor<2xf32> {tp.sharding = #tp.sharding<@mesh, [{"a"}]>}, %arg2: tensor<3x2xf32>, %arg3: tensor<3xf32>) -> tensor<3x2xf32> {
    %0 = tp.linear %arg0, %arg2 bias %arg3 : (tensor<2x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %cst = arith.constant dense<1.000000e+00> : tensor<3x2xf32>
    %1 = arith.addf %arg2, %cst : tensor<3x2xf32>
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<2x2xf32>
    %2 = tp.linear %1, %cst_0 bias %arg1 : (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
    return %2 : tensor<3x2xf32>
  }
}

// -----

// A slice without elements of what another slice cuts into sections.
module {
  tp.mesh @mesh <["tp" = 2]>
  func.func @main(%a: tensor<12xf32> {tp.sharding = #tp.sharding<@mesh, [{"tp"}]>}) -> (tensor<0xf32>, tensor<0xf32>) {
    %0 = tensor.extract_slice %a[4] [0] [1] : tensor<12xf32> to tensor<0xf32>
    %1 = tensor.extract_slice %a[2] [0] [1] : tensor<12xf32> to tensor<0xf32>
    return %0, %1 : tensor<0xf32>, tensor<0xf32>
  }
}
