// RUN: tp-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expected unique axis names, found "a" again}}
func.func @f() attributes {a = #tp.mesh<["a" = 2, "a" = 3]>} {
  return
}

// -----

// expected-error @+1 {{expected unique axis names, found "" again}}
func.func @f() attributes {a = #tp.mesh<["" = 2]>} {
  return
}

// -----

// expected-error @+1 {{expected a size of at least 1 for axis "a", found 0}}
func.func @f() attributes {a = #tp.mesh<["a" = 0]>} {
  return
}

// -----

// expected-error @+1 {{expected a size of at least 1 for axis "a", found -2}}
func.func @f() attributes {a = #tp.mesh<["a" = -2]>} {
  return
}

// -----

// expected-error @+1 {{expected at most 131072 devices}}
func.func @f() attributes {a = #tp.mesh<["a" = 1024, "b" = 129]>} {
  return
}

// -----

// expected-error @+1 {{expected at most 131072 devices}}
func.func @f() attributes {a = #tp.mesh<["a" = 9223372036854775807]>} {
  return
}

// -----

// expected-error @+1 {{axis "tp" is used twice}}
func.func @f() attributes {a = #tp.split<{"tp", "tp"}>} {
  return
}

// -----

// expected-error @+1 {{expected 'unit', 'repeat' and 'outer' of at least 1}}
func.func @f() attributes {a = #tp.split<{"tp", unit = 0}>} {
  return
}

// -----

// expected-error @+1 {{expected 'unit', 'repeat' and 'outer' of at least 1}}
func.func @f() attributes {a = #tp.split<{"tp", repeat = -1}>} {
  return
}

// -----

// expected-error @+1 {{expected sections of at least 1, found 0}}
func.func @f() attributes {a = #tp.split<{"tp", sections = [2, 0]}>} {
  return
}

// -----

// expected-error @+1 {{sections are too large: 9223372036854775807}}
func.func @f() attributes {a = #tp.split<{"tp", sections = [2, 9223372036854775807]}>} {
  return
}

// -----

// expected-error @+1 {{expected sections of different sizes without a common divisor ('outer' is for equal parts)}}
func.func @f() attributes {a = #tp.split<{"tp", sections = [4, 2]}>} {
  return
}

// -----

// expected-error @+1 {{expected sections of different sizes without a common divisor ('outer' is for equal parts)}}
func.func @f() attributes {a = #tp.split<{"tp", sections = [1, 1, 1]}>} {
  return
}

// -----

// expected-error @+1 {{expected an axis name in quotes, 'unit', 'repeat', 'outer', 'sections' or '?'}}
func.func @f() attributes {a = #tp.split<{tp}>} {
  return
}

// -----

// expected-error @+1 {{expected a priority, p0 to p9}}
func.func @f() attributes {a = #tp.split<{"tp"}p10>} {
  return
}

// -----

// expected-error @+1 {{expected a priority, p0 to p9}}
func.func @f() attributes {a = #tp.split<{"tp"}q1>} {
  return
}

// -----

// expected-error @+1 {{axis "tp" is used twice}}
func.func @f() attributes {a = #tp.sharding<@mesh, [{"tp"}, {"tp"}]>} {
  return
}

// -----

// expected-error @+1 {{axis "tp" is used twice}}
func.func @f() attributes {a = #tp.sharding<@mesh, [{"tp"}], replicated = {"tp"}>} {
  return
}

// -----

// expected-error @+1 {{axis "tp" is used twice}}
func.func @f() attributes {a = #tp.sharding<@mesh, [{"tp"}], partial = sum {"tp"}>} {
  return
}

// -----

// expected-error @+1 {{axis "a" is used twice}}
func.func @f() attributes {a = #tp.sharding<@mesh, [{}], partial = sum {"a", "a"}>} {
  return
}

// -----

// expected-error @+1 {{expected 'sum' or 'max', found 'mean'}}
func.func @f() attributes {a = #tp.sharding<@mesh, [{}], partial = mean {"tp"}>} {
  return
}

// -----

// expected-error @+1 {{expected a positive base}}
func.func @f() attributes {a = #tp.rotary<base = 0.0>} {
  return
}

// -----

// expected-error @+1 {{expected a positive base}}
func.func @f() attributes {a = #tp.rotary<base = -1.0>} {
  return
}

// -----

// expected-error @+1 {{expected an even dim, found 3}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, dim = 3>} {
  return
}

// -----

// expected-error @+1 {{expected an even dim, found -2}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, dim = -2>} {
  return
}

// -----

// expected-error @+1 {{expected a positive factor}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, linear, factor = 0.0>} {
  return
}

// -----

// expected-error @+1 {{expected high > low > 0 and context > 0 with llama3}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, llama3, factor = 8.0, low = 4.0, high = 1.0, context = 8192>} {
  return
}

// -----

// expected-error @+1 {{expected high > low > 0 and context > 0 with llama3}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, llama3, factor = 8.0, low = 1.0, high = 4.0>} {
  return
}

// -----

// expected-error @+1 {{expected high > low > 0 and context > 0 with yarn}}
func.func @f() attributes {a = #tp.rotary<base = 10000.0, yarn, factor = 8.0, low = 1.0, high = 32.0>} {
  return
}

// -----

// expected-error @+1 {{expected base, dim, interleaved, linear, llama3, yarn, factor, low, high or context}}
func.func @f() attributes {a = #tp.rotary<theta = 10000.0>} {
  return
}
