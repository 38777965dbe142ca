// RUN: tp-opt %s | FileCheck %s
// RUN: tp-opt %s | tp-opt | FileCheck %s
// RUN: tp-opt %s --emit-bytecode | tp-opt | FileCheck %s

func.func @attributes() attributes {
  // CHECK: a00 = #tp.mesh<["dp" = 2, "tp" = 4]>
  a00 = #tp.mesh<["dp" = 2, "tp" = 4]>,
  // CHECK-SAME: a01 = #tp.mesh<[]>
  a01 = #tp.mesh<[]>,
  // CHECK-SAME: a02 = #tp.split<{"tp"}>
  a02 = #tp.split<{"tp"}>,
  // CHECK-SAME: a03 = #tp.split<{}>
  a03 = #tp.split<{}>,
  // CHECK-SAME: a04 = #tp.split<{?}>
  a04 = #tp.split<{?}>,
  // CHECK-SAME: a05 = #tp.split<{"dp", "tp", unit = 64, repeat = 3, ?}p2>
  a05 = #tp.split<{"dp", "tp", unit = 64, repeat = 3, ?}p2>,
  // Order within a split is free.
  // CHECK-SAME: a06 = #tp.split<{"dp", unit = 64, ?}>
  a06 = #tp.split<{?, unit = 64, "dp"}p0>,
  // CHECK-SAME: a07 = #tp.sharding<@mesh, []>
  a07 = #tp.sharding<@mesh, []>,
  // CHECK-SAME: a08 = #tp.sharding<@mesh, [{"dp"}, {}, {"tp", ?}], replicated = {"pp"}, partial = sum {"ep"}>
  a08 = #tp.sharding<@mesh, [{"dp"}, {}, {"tp", ?}], replicated = {"pp"}, partial = sum {"ep"}>,
  // CHECK-SAME: a09 = #tp.sharding<@mesh, [{}], replicated = {"a", "b"}, partial = max {"c", "d"}>
  a09 = #tp.sharding<@mesh, [{}], partial = max {"c", "d"}, replicated = {"a", "b"}>,
  // CHECK-SAME: a10 = #tp.rotary<base = 1.000000e+04>
  a10 = #tp.rotary<base = 10000.0>,
  // CHECK-SAME: a11 = #tp.rotary<base = 1.000000e+05, dim = 32, interleaved, linear, factor = 2.000000e+00>
  a11 = #tp.rotary<base = 100000.0, dim = 32, interleaved, linear, factor = 2.0>,
  // CHECK-SAME: a12 = #tp.rotary<base = 5.000000e+05, llama3, factor = 8.000000e+00, low = 1.000000e+00, high = 4.000000e+00, context = 8192>
  a12 = #tp.rotary<base = 500000.0, llama3, factor = 8.0, low = 1.0, high = 4.0, context = 8192>,
  // CHECK-SAME: a13 = #tp.activation_kind<gelu_tanh>
  a13 = #tp.activation_kind<gelu_tanh>,
  // CHECK-SAME: a14 = #tp.reduce<max>
  a14 = #tp.reduce<max>,
  // CHECK-SAME: a15 = #tp.rotary<base = 1.000000e+06, yarn, factor = 4.000000e+00, low = 1.000000e+00, high = 3.200000e+01, context = 32768>
  a15 = #tp.rotary<base = 1000000.0, yarn, factor = 4.0, low = 1.0, high = 32.0, context = 32768>,
  // CHECK-SAME: a16 = #tp.split<{"tp", unit = 2, outer = 3, sections = [4, 1, 1], ?}>
  a16 = #tp.split<{"tp", sections = [4, 1, 1], outer = 3, unit = 2, ?}>
} {
  return
}
