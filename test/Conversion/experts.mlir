// Experts agree with the interpreter: sizes that begin within a panel, whole panels, one row, several experts of a row.
// RUN: tp-cpu-check %s
// RUN: tp-cpu-check %s --cpu x86-64-v3
// RUN: tp-gpu-check %s

module attributes {tp.partitioned} {
tp.mesh @mesh <["tp" = 1]>
func.func @uneven(%x: tensor<2x9x19xf32> {tp.input = "x"}, %l: tensor<2x9x5xf32> {tp.input = "l"}, %wg: tensor<5x37x19xf32> {tp.parameter = "wg"},
    %wu: tensor<5x37x19xf32> {tp.parameter = "wu"}, %wd: tensor<5x21x37xf32> {tp.parameter = "wd"})
    -> (tensor<2x9x5xf32> {tp.output = "gates"}, tensor<2x9x5x37xf32> {tp.output = "hidden"}, tensor<2x9x21xf32> {tp.output = "y"}) attributes {tp.entry = "uneven"} {
  %g = tp.route %l {top_k = 2, normalised} : (tensor<2x9x5xf32>) -> tensor<2x9x5xf32>
  %h = tp.expert_up silu %x, %g gate(%wg) up(%wu) : (tensor<2x9x19xf32>, tensor<2x9x5xf32>, tensor<5x37x19xf32>, tensor<5x37x19xf32>) -> tensor<2x9x5x37xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<2x9x5x37xf32>, tensor<2x9x5xf32>, tensor<5x21x37xf32>) -> tensor<2x9x21xf32>
  return %g, %h, %y : tensor<2x9x5xf32>, tensor<2x9x5x37xf32>, tensor<2x9x21xf32>
}
func.func @one_row(%x: tensor<1x1x19xf32> {tp.input = "x"}, %l: tensor<1x1x5xf32> {tp.input = "l"}, %wg: tensor<5x37x19xf32> {tp.parameter = "wg"},
    %wu: tensor<5x37x19xf32> {tp.parameter = "wu"}, %wd: tensor<5x21x37xf32> {tp.parameter = "wd"})
    -> (tensor<1x1x5x37xf32> {tp.output = "hidden"}, tensor<1x1x21xf32> {tp.output = "y"}) attributes {tp.entry = "one_row"} {
  %g = tp.route %l {top_k = 3} : (tensor<1x1x5xf32>) -> tensor<1x1x5xf32>
  %h = tp.expert_up gelu %x, %g gate(%wg) up(%wu) : (tensor<1x1x19xf32>, tensor<1x1x5xf32>, tensor<5x37x19xf32>, tensor<5x37x19xf32>) -> tensor<1x1x5x37xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<1x1x5x37xf32>, tensor<1x1x5xf32>, tensor<5x21x37xf32>) -> tensor<1x1x21xf32>
  return %h, %y : tensor<1x1x5x37xf32>, tensor<1x1x21xf32>
}
// Whole panels; one expert has no row, as logits are positive.
func.func @even(%x: tensor<40x32xf32> {tp.input = "x"}, %gates: tensor<40x18xf32> {tp.input = "g"}, %wu: tensor<18x48x32xf32> {tp.parameter = "wu2"},
    %wd: tensor<18x32x48xf32> {tp.parameter = "wd2"}) -> (tensor<40x18x48xf32> {tp.output = "hidden"}, tensor<40x32xf32> {tp.output = "y"}) attributes {tp.entry = "even"} {
  %g = tp.route %gates {top_k = 1} : (tensor<40x18xf32>) -> tensor<40x18xf32>
  %h = tp.expert_up relu %x, %g up(%wu) : (tensor<40x32xf32>, tensor<40x18xf32>, tensor<18x48x32xf32>) -> tensor<40x18x48xf32>
  %y = tp.expert_down %h, %g down(%wd) : (tensor<40x18x48xf32>, tensor<40x18xf32>, tensor<18x32x48xf32>) -> tensor<40x32xf32>
  return %h, %y : tensor<40x18x48xf32>, tensor<40x32xf32>
}
}
