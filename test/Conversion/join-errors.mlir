// Slices and concatenations are views where memory allows it (GPU), else copies; other slices have no lowering.
// RUN: split-file %s %t
// RUN: tp-opt %t/parts.mlir --tp-assign-layouts | FileCheck %s --check-prefix=CPU
// RUN: tp-opt %t/parts.mlir --tp-assign-layouts=target=cuda | FileCheck %s --check-prefix=CUDA
// RUN: not tp-opt %t/strided.mlir --tp-assign-layouts 2>&1 | FileCheck %s --check-prefix=STRIDED
// RUN: not tp-opt %t/two.mlir --tp-assign-layouts=target=cuda 2>&1 | FileCheck %s --check-prefix=TWO

// CPU: tensor.extract_slice {{.*}} {tp.copied} : tensor<1x16x8xf32>
// CPU: tensor.extract_slice {{.*}} {tp.copied} : tensor<2x16x8xf32>
// CPU: tensor.concat dim(1) {{.*}} {tp.copied} :
// CUDA: tensor.extract_slice {{.*}} : tensor<1x16x8xf32>
// CUDA-NOT: tp.copied
// CUDA: tensor.extract_slice {{.*}} {tp.copied} : tensor<2x16x8xf32>
// CUDA: tensor.concat dim(1) {{.*}} {tp.copied} :
// STRIDED: error: no CPU lowering for op 'tensor.extract_slice'
// TWO: error: no CUDA lowering for op 'tensor.extract_slice'

//--- parts.mlir
func.func @f(%x: tensor<1x16x8xf32>, %y: tensor<2x16x8xf32>, %z: tensor<1x8x8xf32>) -> (tensor<1x8x8xf32>, tensor<2x8x8xf32>, tensor<1x16x8xf32>) {
  %0 = tensor.extract_slice %x[0, 0, 0] [1, 8, 8] [1, 1, 1] : tensor<1x16x8xf32> to tensor<1x8x8xf32>
  %1 = tensor.extract_slice %y[0, 0, 0] [2, 8, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x8x8xf32>
  %2 = tensor.concat dim(1) %z, %z : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x16x8xf32>
  return %0, %1, %2 : tensor<1x8x8xf32>, tensor<2x8x8xf32>, tensor<1x16x8xf32>
}
//--- strided.mlir
func.func @f(%x: tensor<2x16x8xf32>) -> tensor<2x8x8xf32> {
  %0 = tensor.extract_slice %x[0, 0, 0] [2, 8, 8] [1, 2, 1] : tensor<2x16x8xf32> to tensor<2x8x8xf32>
  return %0 : tensor<2x8x8xf32>
}
//--- two.mlir
func.func @f(%x: tensor<2x16x8xf32>) -> tensor<1x8x8xf32> {
  %0 = tensor.extract_slice %x[0, 0, 0] [1, 8, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<1x8x8xf32>
  return %0 : tensor<1x8x8xf32>
}
