// Parts and joins of rows that only the CUDA target lowers, and those that are not one piece of memory.
// RUN: split-file %s %t
// RUN: not tp-opt %t/parts.mlir --tp-assign-layouts 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not tp-opt %t/strided.mlir --tp-assign-layouts=target=cuda 2>&1 | FileCheck %s --check-prefix=STRIDED
// RUN: not tp-opt %t/joined.mlir --tp-assign-layouts=target=cuda 2>&1 | FileCheck %s --check-prefix=JOINED

// CPU: error: no CPU lowering for op 'tensor.extract_slice'
// STRIDED: error: no CUDA lowering for op 'tensor.extract_slice'
// JOINED: error: no CUDA lowering for op 'tensor.concat'

//--- parts.mlir
func.func @f(%x: tensor<1x16x8xf32>) -> tensor<1x8x8xf32> {
  %0 = tensor.extract_slice %x[0, 0, 0] [1, 8, 8] [1, 1, 1] : tensor<1x16x8xf32> to tensor<1x8x8xf32>
  return %0 : tensor<1x8x8xf32>
}
//--- strided.mlir
func.func @f(%x: tensor<2x16x8xf32>) -> tensor<2x8x8xf32> {
  %0 = tensor.extract_slice %x[0, 0, 0] [2, 8, 8] [1, 1, 1] : tensor<2x16x8xf32> to tensor<2x8x8xf32>
  return %0 : tensor<2x8x8xf32>
}
//--- joined.mlir
func.func @f(%x: tensor<1x8x8xf32>) -> tensor<1x16x8xf32> {
  %0 = tensor.concat dim(1) %x, %x : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x16x8xf32>
  return %0 : tensor<1x16x8xf32>
}
