// A parser of this project's that dies is a failure, not one of upstream's deaths.
// RUN: not tp-text-fuzz --plant --cases 40 --jobs 1 --save %t %s | FileCheck %s
// RUN: tp-text-fuzz --cases 40 --jobs 1 --save %t %s | FileCheck %s --check-prefix=UNPLANTED
// CHECK: FAIL case {{[0-9]+}}: parse: Aborted
// CHECK: 0 died in MLIR's own parser
// UNPLANTED: 40 passed, 0 failed
module attributes {a = #planted<crash>} {
}
