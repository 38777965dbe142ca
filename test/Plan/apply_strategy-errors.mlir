// RUN: tp-opt %s --split-input-file --verify-diagnostics --tp-apply-strategy=strategy=pipeline

// expected-error @+1 {{unknown strategy 'pipeline': expected megatron, sequence or replicate}}
module {
  tp.mesh @mesh <["tp" = 2]>
}

// -----

// expected-error @+1 {{expected one tp.mesh in the module, found 0}}
module {
}
