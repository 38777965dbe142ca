// Attention as another front end writes it: a fused query/key/value weight cut in three, heads and batch collapsed, one
// annotation. The cut costs nothing, and one all_reduce is left.
// RUN: tp-opt %s --tp-propagate-shardings --tp-partition | FileCheck %s

// CHECK-LABEL: func.func @attn(
// CHECK-SAME: %arg1: tensor<32x24xf32> {{[^%]*}}[{}, {"tp", outer = 3}]
// CHECK-SAME: %arg2: tensor<8x32xf32>
// CHECK-NOT: tp.all_
// CHECK: linalg.batch_matmul {{.*}} -> tensor<4x8x8xf32>
// CHECK: linalg.index
// CHECK-NOT: tp.all_
// CHECK: tp.all_reduce sum {{.*}} over ["tp"] on @mesh {{.*}} : tensor<2x8x32xf32>
// CHECK-NOT: tp.all_
#id3 = affine_map<(d0,d1,d2) -> (d0,d1,d2)>
#row3 = affine_map<(d0,d1,d2) -> (d0,d1)>
#id = affine_map<(d0,d1,d2,d3) -> (d0,d1,d2,d3)>
tp.mesh @mesh <["tp" = 4]>
// fused qkv [D,3D], B=2,S=8,H=8,E=4, D=32
func.func @attn(%x: tensor<2x8x32xf32>, %wqkv: tensor<32x96xf32> {tp.sharding = #tp.sharding<@mesh, [{?}, {"tp"}]>}, %wo: tensor<32x32xf32>) -> tensor<2x8x32xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %scale = arith.constant 0.5 : f32
  %x2 = tensor.collapse_shape %x [[0,1],[2]] : tensor<2x8x32xf32> into tensor<16x32xf32>
  %e0 = tensor.empty() : tensor<16x96xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<16x96xf32>) -> tensor<16x96xf32>
  %qkv = linalg.matmul ins(%x2, %wqkv : tensor<16x32xf32>, tensor<32x96xf32>) outs(%f0 : tensor<16x96xf32>) -> tensor<16x96xf32>
  %q0 = tensor.extract_slice %qkv[0,0][16,32][1,1] : tensor<16x96xf32> to tensor<16x32xf32>
  %k0 = tensor.extract_slice %qkv[0,32][16,32][1,1] : tensor<16x96xf32> to tensor<16x32xf32>
  %v0 = tensor.extract_slice %qkv[0,64][16,32][1,1] : tensor<16x96xf32> to tensor<16x32xf32>
  %q1 = tensor.expand_shape %q0 [[0,1],[2,3]] output_shape [2,8,8,4] : tensor<16x32xf32> into tensor<2x8x8x4xf32>
  %k1 = tensor.expand_shape %k0 [[0,1],[2,3]] output_shape [2,8,8,4] : tensor<16x32xf32> into tensor<2x8x8x4xf32>
  %v1 = tensor.expand_shape %v0 [[0,1],[2,3]] output_shape [2,8,8,4] : tensor<16x32xf32> into tensor<2x8x8x4xf32>
  %e1 = tensor.empty() : tensor<2x8x8x4xf32>
  %q2 = linalg.transpose ins(%q1 : tensor<2x8x8x4xf32>) outs(%e1 : tensor<2x8x8x4xf32>) permutation = [0,2,1,3]
  %v2 = linalg.transpose ins(%v1 : tensor<2x8x8x4xf32>) outs(%e1 : tensor<2x8x8x4xf32>) permutation = [0,2,1,3]
  %ek = tensor.empty() : tensor<2x8x4x8xf32>
  %k2 = linalg.transpose ins(%k1 : tensor<2x8x8x4xf32>) outs(%ek : tensor<2x8x4x8xf32>) permutation = [0,2,3,1]
  %q3 = tensor.collapse_shape %q2 [[0,1],[2],[3]] : tensor<2x8x8x4xf32> into tensor<16x8x4xf32>
  %k3 = tensor.collapse_shape %k2 [[0,1],[2],[3]] : tensor<2x8x4x8xf32> into tensor<16x4x8xf32>
  %v3 = tensor.collapse_shape %v2 [[0,1],[2],[3]] : tensor<2x8x8x4xf32> into tensor<16x8x4xf32>
  %e2 = tensor.empty() : tensor<16x8x8xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<16x8x8xf32>) -> tensor<16x8x8xf32>
  %s = linalg.batch_matmul ins(%q3, %k3 : tensor<16x8x4xf32>, tensor<16x4x8xf32>) outs(%f2 : tensor<16x8x8xf32>) -> tensor<16x8x8xf32>
  %masked = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel","parallel","parallel"]} ins(%s : tensor<16x8x8xf32>) outs(%e2 : tensor<16x8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.cmpi sge, %i, %j : index
    %m = arith.mulf %a, %scale : f32
    %r = arith.select %c, %m, %ninf : f32
    linalg.yield %r : f32
  } -> tensor<16x8x8xf32>
  %er = tensor.empty() : tensor<16x8xf32>
  %fr = linalg.fill ins(%ninf : f32) outs(%er : tensor<16x8xf32>) -> tensor<16x8xf32>
  %max = linalg.reduce { arith.maximumf } ins(%masked : tensor<16x8x8xf32>) outs(%fr : tensor<16x8xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#id3, #row3, #id3], iterator_types = ["parallel","parallel","parallel"]} ins(%masked, %max : tensor<16x8x8xf32>, tensor<16x8xf32>) outs(%e2 : tensor<16x8x8xf32>) {
  ^bb0(%a: f32, %mx: f32, %o: f32):
    %d = arith.subf %a, %mx : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<16x8x8xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%er : tensor<16x8xf32>) -> tensor<16x8xf32>
  %sum = linalg.reduce { arith.addf } ins(%p : tensor<16x8x8xf32>) outs(%f3 : tensor<16x8xf32>) dimensions = [2]
  %pn = linalg.generic {indexing_maps = [#id3, #row3, #id3], iterator_types = ["parallel","parallel","parallel"]} ins(%p, %sum : tensor<16x8x8xf32>, tensor<16x8xf32>) outs(%e2 : tensor<16x8x8xf32>) {
  ^bb0(%a: f32, %mx: f32, %o: f32):
    %r = arith.divf %a, %mx : f32
    linalg.yield %r : f32
  } -> tensor<16x8x8xf32>
  %e4 = tensor.empty() : tensor<16x8x4xf32>
  %f4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<16x8x4xf32>) -> tensor<16x8x4xf32>
  %o = linalg.batch_matmul ins(%pn, %v3 : tensor<16x8x8xf32>, tensor<16x8x4xf32>) outs(%f4 : tensor<16x8x4xf32>) -> tensor<16x8x4xf32>
  %o1 = tensor.expand_shape %o [[0,1],[2],[3]] output_shape [2,8,8,4] : tensor<16x8x4xf32> into tensor<2x8x8x4xf32>
  %o2 = linalg.transpose ins(%o1 : tensor<2x8x8x4xf32>) outs(%e1 : tensor<2x8x8x4xf32>) permutation = [0,2,1,3]
  %o3 = tensor.collapse_shape %o2 [[0,1],[2,3]] : tensor<2x8x8x4xf32> into tensor<16x32xf32>
  %e5 = tensor.empty() : tensor<16x32xf32>
  %f5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<16x32xf32>) -> tensor<16x32xf32>
  %y = linalg.matmul ins(%o3, %wo : tensor<16x32xf32>, tensor<32x32xf32>) outs(%f5 : tensor<16x32xf32>) -> tensor<16x32xf32>
  %y1 = tensor.expand_shape %y [[0,1],[2]] output_shape [2,8,32] : tensor<16x32xf32> into tensor<2x8x32xf32>
  %res = arith.addf %x, %y1 : tensor<2x8x32xf32>
  return %res : tensor<2x8x32xf32>
}
