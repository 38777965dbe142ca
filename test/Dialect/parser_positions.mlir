// Parser errors point at the character.
// RUN: not tp-opt %s --split-input-file 2>&1 | FileCheck %s --strict-whitespace

// CHECK: :[[#@LINE+1]]:49: error: axis "tp" is used twice
func.func @f() attributes {a = #tp.split<{"tp", "tp"}>} {
  return
}

// -----

// CHECK: :[[#@LINE+1]]:{{.*}}error: expected an axis name in quotes, 'unit', 'repeat', 'outer', 'sections' or '?'
func.func @f() attributes {a = #tp.sharding<@mesh, [{}, {tp}]>} {
  return
}
// CHECK-NEXT: {{^}}func.func @f() attributes {a = #tp.sharding<@mesh, [{}, {tp}]>} {
// CHECK-NEXT: {{^}}                                                         ^

// -----

// CHECK: error: expected a priority, p0 to p9
func.func @f() attributes {a = #tp.sharding<@mesh, [{"tp"}p12, {}]>} {
  return
}
// CHECK-NEXT: {{^}}func.func
// CHECK-NEXT: {{^}}                                                          ^

// -----

// CHECK: error: expected 'sum' or 'max', found 'mean'
func.func @f() attributes {a = #tp.sharding<@mesh, [{}], partial = mean {"tp"}>} {
  return
}
// CHECK-NEXT: {{^}}func.func
// CHECK-NEXT: {{^}}                                                                   ^

// -----

// CHECK: error: {{.*}}unknown kind 'swish'
func.func @f(%x: tensor<2xf32>) {
  %y = tp.activation swish %x : (tensor<2xf32>) -> tensor<2xf32>
  return
}
// CHECK-NEXT: {{^}}  %y = tp.activation swish
// CHECK-NEXT: {{^}}                     ^
