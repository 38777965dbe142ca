// RUN: not tp-opt %s --tp-overlap-collectives 2>&1 | FileCheck %s
// RUN: not tp-opt %s --tp-overlap-collectives=mode=maybe 2>&1 | FileCheck %s --check-prefix=MODE
// RUN: not tp-compile %s --overlap on --stop-after collectives 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not tp-compile %s --overlap maybe --stop-after collectives 2>&1 | FileCheck %s --check-prefix=OPTION

// CHECK: error: expected a partitioned module (tp.partitioned)
// MODE: error: unknown mode 'maybe': expected auto, on or off
// TARGET: tp-compile: error: --overlap=on: expected --target cuda; all threads of a CPU rank take part
// OPTION: tp-compile: error: --overlap: maybe not in
module {}
