// A transformer's layer, twice, as a chunk of 13 rows and then as a step, with every fusion: agrees with the interpreter.
// RUN: tp-cpu-check %s --tolerance 1e-4
// RUN: tp-gpu-check %s --tolerance 1e-4
// RUN: tp-cpu-check %s --tolerance 1e-4 --cpu x86-64-v3

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func private @layer_s13(%x: tensor<2x13x37xf32>, %n1: tensor<37xf32>, %wq: tensor<40x37xf32>, %wk: tensor<16x37xf32>, %wv: tensor<16x37xf32>, %wo: tensor<37x40xf32>, %n2: tensor<37xf32>, %wg: tensor<29x37xf32>, %wu: tensor<29x37xf32>, %wd: tensor<37x29xf32>, %kc: tensor<2x24x2x8xf32>, %vc: tensor<2x24x2x8xf32>, %p: tensor<2xi32>, %o: tensor<i32>) -> (tensor<2x13x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>) {
  %h = tp.rms_norm %x, %n1 {eps = 1.0e-5 : f64} : (tensor<2x13x37xf32>, tensor<37xf32>) -> tensor<2x13x37xf32>
  %q0 = tp.linear %h, %wq : (tensor<2x13x37xf32>, tensor<40x37xf32>) -> tensor<2x13x40xf32>
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 13, 5, 8] : tensor<2x13x40xf32> into tensor<2x13x5x8xf32>
  %q = tp.rope %q1 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x13x5x8xf32>, tensor<2xi32>) -> tensor<2x13x5x8xf32>
  %k0 = tp.linear %h, %wk : (tensor<2x13x37xf32>, tensor<16x37xf32>) -> tensor<2x13x16xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 13, 2, 8] : tensor<2x13x16xf32> into tensor<2x13x2x8xf32>
  %k = tp.rope %k1 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x13x2x8xf32>, tensor<2xi32>) -> tensor<2x13x2x8xf32>
  %v0 = tp.linear %h, %wv : (tensor<2x13x37xf32>, tensor<16x37xf32>) -> tensor<2x13x16xf32>
  %v = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 13, 2, 8] : tensor<2x13x16xf32> into tensor<2x13x2x8xf32>
  %kn = tp.kv_update %kc, %k at %p : (tensor<2x24x2x8xf32>, tensor<2x13x2x8xf32>, tensor<2xi32>) -> tensor<2x24x2x8xf32>
  %vn = tp.kv_update %vc, %v at %p : (tensor<2x24x2x8xf32>, tensor<2x13x2x8xf32>, tensor<2xi32>) -> tensor<2x24x2x8xf32>
  %a0 = tp.sdpa %q, %kn, %vn at %p head_offset %o {causal, group = 3, scale = 0.35 : f64} : (tensor<2x13x5x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> tensor<2x13x5x8xf32>
  %a = tensor.collapse_shape %a0 [[0], [1], [2, 3]] : tensor<2x13x5x8xf32> into tensor<2x13x40xf32>
  %y0 = tp.linear %a, %wo : (tensor<2x13x40xf32>, tensor<37x40xf32>) -> tensor<2x13x37xf32>
  %y = arith.addf %x, %y0 : tensor<2x13x37xf32>
  %h2 = tp.rms_norm %y, %n2 {eps = 1.0e-5 : f64} : (tensor<2x13x37xf32>, tensor<37xf32>) -> tensor<2x13x37xf32>
  %g0 = tp.linear %h2, %wg : (tensor<2x13x37xf32>, tensor<29x37xf32>) -> tensor<2x13x29xf32>
  %g = tp.activation silu %g0 : (tensor<2x13x29xf32>) -> tensor<2x13x29xf32>
  %u = tp.linear %h2, %wu : (tensor<2x13x37xf32>, tensor<29x37xf32>) -> tensor<2x13x29xf32>
  %m0 = arith.mulf %g, %u : tensor<2x13x29xf32>
  %d = tp.linear %m0, %wd : (tensor<2x13x29xf32>, tensor<37x29xf32>) -> tensor<2x13x37xf32>
  %z = arith.addf %y, %d : tensor<2x13x37xf32>
  return %z, %kn, %vn : tensor<2x13x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>
}
func.func @s13(%x: tensor<2x13x37xf32> {tp.input = "x"}, %n1: tensor<37xf32> {tp.parameter = "n1"}, %wq: tensor<40x37xf32> {tp.parameter = "wq"}, %wk: tensor<16x37xf32> {tp.parameter = "wk"}, %wv: tensor<16x37xf32> {tp.parameter = "wv"}, %wo: tensor<37x40xf32> {tp.parameter = "wo"}, %n2: tensor<37xf32> {tp.parameter = "n2"}, %wg: tensor<29x37xf32> {tp.parameter = "wg"}, %wu: tensor<29x37xf32> {tp.parameter = "wu"}, %wd: tensor<37x29xf32> {tp.parameter = "wd"}, %kc: tensor<2x24x2x8xf32> {tp.state = "kc"}, %vc: tensor<2x24x2x8xf32> {tp.state = "vc"}, %p: tensor<2xi32> {tp.input = "p", tp.low = 0, tp.high = 0}, %o: tensor<i32> {tp.input = "o", tp.low = 1, tp.high = 1}, %kc2: tensor<2x24x2x8xf32> {tp.state = "kc2"}, %vc2: tensor<2x24x2x8xf32> {tp.state = "vc2"})
    -> (tensor<2x13x37xf32> {tp.output = "y"}, tensor<2x24x2x8xf32> {tp.state = "kc"}, tensor<2x24x2x8xf32> {tp.state = "vc"}, tensor<2x24x2x8xf32> {tp.state = "kc2"}, tensor<2x24x2x8xf32> {tp.state = "vc2"}) attributes {tp.entry = "s13"} {
  %y0:3 = call @layer_s13(%x, %n1, %wq, %wk, %wv, %wo, %n2, %wg, %wu, %wd, %kc, %vc, %p, %o) : (tensor<2x13x37xf32>, tensor<37xf32>, tensor<40x37xf32>, tensor<16x37xf32>, tensor<16x37xf32>, tensor<37x40xf32>, tensor<37xf32>, tensor<29x37xf32>, tensor<29x37xf32>, tensor<37x29xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> (tensor<2x13x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>)
  %y1:3 = call @layer_s13(%y0#0, %n1, %wq, %wk, %wv, %wo, %n2, %wg, %wu, %wd, %kc2, %vc2, %p, %o) : (tensor<2x13x37xf32>, tensor<37xf32>, tensor<40x37xf32>, tensor<16x37xf32>, tensor<16x37xf32>, tensor<37x40xf32>, tensor<37xf32>, tensor<29x37xf32>, tensor<29x37xf32>, tensor<37x29xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> (tensor<2x13x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>)
  return %y1#0, %y0#1, %y0#2, %y1#1, %y1#2 : tensor<2x13x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>
}
func.func private @layer_s1(%x: tensor<2x1x37xf32>, %n1: tensor<37xf32>, %wq: tensor<40x37xf32>, %wk: tensor<16x37xf32>, %wv: tensor<16x37xf32>, %wo: tensor<37x40xf32>, %n2: tensor<37xf32>, %wg: tensor<29x37xf32>, %wu: tensor<29x37xf32>, %wd: tensor<37x29xf32>, %kc: tensor<2x24x2x8xf32>, %vc: tensor<2x24x2x8xf32>, %p: tensor<2xi32>, %o: tensor<i32>) -> (tensor<2x1x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>) {
  %h = tp.rms_norm %x, %n1 {eps = 1.0e-5 : f64} : (tensor<2x1x37xf32>, tensor<37xf32>) -> tensor<2x1x37xf32>
  %q0 = tp.linear %h, %wq : (tensor<2x1x37xf32>, tensor<40x37xf32>) -> tensor<2x1x40xf32>
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 1, 5, 8] : tensor<2x1x40xf32> into tensor<2x1x5x8xf32>
  %q = tp.rope %q1 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x1x5x8xf32>, tensor<2xi32>) -> tensor<2x1x5x8xf32>
  %k0 = tp.linear %h, %wk : (tensor<2x1x37xf32>, tensor<16x37xf32>) -> tensor<2x1x16xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 1, 2, 8] : tensor<2x1x16xf32> into tensor<2x1x2x8xf32>
  %k = tp.rope %k1 at %p {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x1x2x8xf32>, tensor<2xi32>) -> tensor<2x1x2x8xf32>
  %v0 = tp.linear %h, %wv : (tensor<2x1x37xf32>, tensor<16x37xf32>) -> tensor<2x1x16xf32>
  %v = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 1, 2, 8] : tensor<2x1x16xf32> into tensor<2x1x2x8xf32>
  %kn = tp.kv_update %kc, %k at %p : (tensor<2x24x2x8xf32>, tensor<2x1x2x8xf32>, tensor<2xi32>) -> tensor<2x24x2x8xf32>
  %vn = tp.kv_update %vc, %v at %p : (tensor<2x24x2x8xf32>, tensor<2x1x2x8xf32>, tensor<2xi32>) -> tensor<2x24x2x8xf32>
  %a0 = tp.sdpa %q, %kn, %vn at %p head_offset %o {causal, group = 3, scale = 0.35 : f64} : (tensor<2x1x5x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> tensor<2x1x5x8xf32>
  %a = tensor.collapse_shape %a0 [[0], [1], [2, 3]] : tensor<2x1x5x8xf32> into tensor<2x1x40xf32>
  %y0 = tp.linear %a, %wo : (tensor<2x1x40xf32>, tensor<37x40xf32>) -> tensor<2x1x37xf32>
  %y = arith.addf %x, %y0 : tensor<2x1x37xf32>
  %h2 = tp.rms_norm %y, %n2 {eps = 1.0e-5 : f64} : (tensor<2x1x37xf32>, tensor<37xf32>) -> tensor<2x1x37xf32>
  %g0 = tp.linear %h2, %wg : (tensor<2x1x37xf32>, tensor<29x37xf32>) -> tensor<2x1x29xf32>
  %g = tp.activation silu %g0 : (tensor<2x1x29xf32>) -> tensor<2x1x29xf32>
  %u = tp.linear %h2, %wu : (tensor<2x1x37xf32>, tensor<29x37xf32>) -> tensor<2x1x29xf32>
  %m0 = arith.mulf %g, %u : tensor<2x1x29xf32>
  %d = tp.linear %m0, %wd : (tensor<2x1x29xf32>, tensor<37x29xf32>) -> tensor<2x1x37xf32>
  %z = arith.addf %y, %d : tensor<2x1x37xf32>
  return %z, %kn, %vn : tensor<2x1x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>
}
func.func @s1(%x: tensor<2x1x37xf32> {tp.input = "x"}, %n1: tensor<37xf32> {tp.parameter = "n1"}, %wq: tensor<40x37xf32> {tp.parameter = "wq"}, %wk: tensor<16x37xf32> {tp.parameter = "wk"}, %wv: tensor<16x37xf32> {tp.parameter = "wv"}, %wo: tensor<37x40xf32> {tp.parameter = "wo"}, %n2: tensor<37xf32> {tp.parameter = "n2"}, %wg: tensor<29x37xf32> {tp.parameter = "wg"}, %wu: tensor<29x37xf32> {tp.parameter = "wu"}, %wd: tensor<37x29xf32> {tp.parameter = "wd"}, %kc: tensor<2x24x2x8xf32> {tp.state = "kc"}, %vc: tensor<2x24x2x8xf32> {tp.state = "vc"}, %p: tensor<2xi32> {tp.input = "p", tp.low = 13, tp.high = 13}, %o: tensor<i32> {tp.input = "o", tp.low = 1, tp.high = 1}, %kc2: tensor<2x24x2x8xf32> {tp.state = "kc2"}, %vc2: tensor<2x24x2x8xf32> {tp.state = "vc2"})
    -> (tensor<2x1x37xf32> {tp.output = "y"}, tensor<2x24x2x8xf32> {tp.state = "kc"}, tensor<2x24x2x8xf32> {tp.state = "vc"}, tensor<2x24x2x8xf32> {tp.state = "kc2"}, tensor<2x24x2x8xf32> {tp.state = "vc2"}) attributes {tp.entry = "s1"} {
  %y0:3 = call @layer_s1(%x, %n1, %wq, %wk, %wv, %wo, %n2, %wg, %wu, %wd, %kc, %vc, %p, %o) : (tensor<2x1x37xf32>, tensor<37xf32>, tensor<40x37xf32>, tensor<16x37xf32>, tensor<16x37xf32>, tensor<37x40xf32>, tensor<37xf32>, tensor<29x37xf32>, tensor<29x37xf32>, tensor<37x29xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> (tensor<2x1x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>)
  %y1:3 = call @layer_s1(%y0#0, %n1, %wq, %wk, %wv, %wo, %n2, %wg, %wu, %wd, %kc2, %vc2, %p, %o) : (tensor<2x1x37xf32>, tensor<37xf32>, tensor<40x37xf32>, tensor<16x37xf32>, tensor<16x37xf32>, tensor<37x40xf32>, tensor<37xf32>, tensor<29x37xf32>, tensor<29x37xf32>, tensor<37x29xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2xi32>, tensor<i32>) -> (tensor<2x1x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>)
  return %y1#0, %y0#1, %y0#2, %y1#1, %y1#2 : tensor<2x1x37xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>, tensor<2x24x2x8xf32>
}
}
