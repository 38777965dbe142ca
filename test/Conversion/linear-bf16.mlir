// Linears in bf16 of odd shapes agree with the interpreter, on any number of threads.
// RUN: tp-cpu-check %s --tolerance 0.02
// RUN: tp-gpu-check %s --tolerance 0.02
// RUN: tp-cpu-check %s --tolerance 0.02 --cpu x86-64-v3

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @one(%x: tensor<1x1x33xbf16> {tp.input = "x"}, %w: tensor<17x33xbf16> {tp.parameter = "w"}) -> (tensor<1x1x17xf32> {tp.output = "y"}) attributes {tp.entry = "one"} {
  %y = tp.linear %x, %w : (tensor<1x1x33xbf16>, tensor<17x33xbf16>) -> tensor<1x1x17xf32>
  return %y : tensor<1x1x17xf32>
}
func.func @two(%x: tensor<1x2x33xbf16> {tp.input = "x"}, %w: tensor<17x33xbf16> {tp.parameter = "w"}, %b: tensor<17xbf16> {tp.parameter = "b"}) -> (tensor<1x2x17xf32> {tp.output = "y"}) attributes {tp.entry = "two"} {
  %y = tp.linear %x, %w bias %b : (tensor<1x2x33xbf16>, tensor<17x33xbf16>, tensor<17xbf16>) -> tensor<1x2x17xf32>
  return %y : tensor<1x2x17xf32>
}
func.func @five(%x: tensor<5x40xbf16> {tp.input = "x"}, %w: tensor<1x40xbf16> {tp.parameter = "narrow"}) -> (tensor<5x1xf32> {tp.output = "y"}) attributes {tp.entry = "five"} {
  %y = tp.linear %x, %w : (tensor<5x40xbf16>, tensor<1x40xbf16>) -> tensor<5x1xf32>
  return %y : tensor<5x1xf32>
}
func.func @thirteen(%x: tensor<13x7xbf16> {tp.input = "x"}, %w: tensor<80x7xbf16> {tp.parameter = "wide"}) -> (tensor<13x80xf32> {tp.output = "y"}) attributes {tp.entry = "thirteen"} {
  %y = tp.linear %x, %w : (tensor<13x7xbf16>, tensor<80x7xbf16>) -> tensor<13x80xf32>
  return %y : tensor<13x80xf32>
}
func.func @many(%x: tensor<43x64xbf16> {tp.input = "x"}, %w: tensor<100x64xbf16> {tp.parameter = "many"}, %r: tensor<43x100xf32> {tp.input = "r"}) -> (tensor<43x100xf32> {tp.output = "y"}) attributes {tp.entry = "many"} {
  %y = tp.linear %x, %w : (tensor<43x64xbf16>, tensor<100x64xbf16>) -> tensor<43x100xf32>
  %z = arith.addf %y, %r : tensor<43x100xf32>
  return %z : tensor<43x100xf32>
}
// A weight that is computed is packed when it is there.
func.func @computed(%x: tensor<3x5xbf16> {tp.input = "x"}, %w: tensor<9x5xbf16> {tp.input = "w"}) -> (tensor<3x9xf32> {tp.output = "y"}) attributes {tp.entry = "computed"} {
  %y = tp.linear %x, %w : (tensor<3x5xbf16>, tensor<9x5xbf16>) -> tensor<3x9xf32>
  return %y : tensor<3x9xf32>
}
}
