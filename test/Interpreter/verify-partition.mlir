// A partition is compared with the whole program value by value, and each collective is counted.
// RUN: tp-opt %s --tp-apply-strategy=strategy=megatron --tp-decompose-layers --cse --tp-propagate-shardings --tp-verify-partition=print -o /dev/null | FileCheck %s --check-prefix=MEGATRON
// RUN: tp-opt %s --tp-apply-strategy=strategy=sequence --tp-decompose-layers --cse --tp-propagate-shardings "--tp-verify-partition=print pipeline=tp-partition,tp-optimize-collectives" -o /dev/null | FileCheck %s --check-prefix=SEQUENCE
// RUN: tp-opt %s --tp-apply-strategy=strategy=replicate --tp-decompose-layers --cse --tp-propagate-shardings "--tp-verify-partition=print seed=7 max-calls=0" -o /dev/null | FileCheck %s --check-prefix=REPLICATE
// RUN: not tp-opt %s "--tp-verify-partition=pipeline=tp-no-such-pass" -o /dev/null 2>&1 | FileCheck %s --check-prefix=PIPELINE
// RUN: not tp-opt %s --tp-verify-partition -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNSHARDED

// Attention and MLP in each of two calls of the layer, and the embedding: 5 all_reduces of 4 * 36 floats, of which a device sends 2 * 2/3.
// MEGATRON: @score: {{[0-9]+}} values agree, largest error {{[0-9.]+}}e-0{{[6-9]}}
// MEGATRON-NEXT: all_reduce: 5 times, 3840 bytes
// MEGATRON-NOT: all_gather
// SEQUENCE: @score: {{[0-9]+}} values agree, largest error {{[0-9.]+}}e-0{{[6-9]}}
// SEQUENCE-NOT: all_reduce
// SEQUENCE: reduce_scatter: 5 times
// REPLICATE: @score: {{[0-9]+}} values agree, largest error 0.0e+00
// REPLICATE-NOT: times
// PIPELINE: expected a pass pipeline for the option 'pipeline', found 'tp-no-such-pass'
// UNSHARDED: no sharding: run --tp-propagate-shardings first
tp.mesh @mesh <["tp" = 3]>
func.func private @layer(%x: tensor<1x4x36xf32>, %wq: tensor<36x36xf32>, %wk: tensor<12x36xf32>, %wv: tensor<12x36xf32>, %wo: tensor<36x36xf32>,
    %g: tensor<50x36xf32>, %u: tensor<50x36xf32>, %d: tensor<36x50xf32>, %kc: tensor<1x16x3x4xf32>, %vc: tensor<1x16x3x4xf32>,
    %pos: tensor<1xi32>) -> (tensor<1x4x36xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>) {
  %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%kc, %vc at %pos)
        {heads = 9, kv_heads = 3, head_size = 4, causal, rotary = #tp.rotary<base = 10000.0>}
        : (tensor<1x4x36xf32>, tensor<36x36xf32>, tensor<12x36xf32>, tensor<12x36xf32>, tensor<36x36xf32>, tensor<1x16x3x4xf32>,
    tensor<1x16x3x4xf32>, tensor<1xi32>)
        -> (tensor<1x4x36xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>)
  %a = arith.addf %x, %y : tensor<1x4x36xf32>
  %m = tp.mlp %a gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>} : (tensor<1x4x36xf32>, tensor<50x36xf32>, tensor<50x36xf32>,
    tensor<36x50xf32>) -> tensor<1x4x36xf32>
  %b = arith.addf %a, %m : tensor<1x4x36xf32>
  return %b, %k1, %v1 : tensor<1x4x36xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>
}
func.func @score(%ids: tensor<1x4xi32> {tp.input = "tokens"}, %t: tensor<100x36xf32> {tp.parameter = "emb"},
    %wq: tensor<36x36xf32> {tp.parameter="wq"}, %wk: tensor<12x36xf32> {tp.parameter = "wk"}, %wv: tensor<12x36xf32> {tp.parameter="wv"},
    %wo: tensor<36x36xf32> {tp.parameter="wo"}, %g: tensor<50x36xf32> {tp.parameter="g"}, %u: tensor<50x36xf32> {tp.parameter="u"},
    %d: tensor<36x50xf32> {tp.parameter="d"}, %kc: tensor<1x16x3x4xf32> {tp.state="k"}, %vc: tensor<1x16x3x4xf32> {tp.state="v"},
    %pos: tensor<1xi32> {tp.input="position"}) -> (tensor<1x4x100xf32>) attributes {tp.entry = "score"} {
  %x = tp.embedding %ids, %t : (tensor<1x4xi32>, tensor<100x36xf32>) -> tensor<1x4x36xf32>
  %1:3 = call @layer(%x, %wq, %wk, %wv, %wo, %g, %u, %d, %kc, %vc, %pos) : (tensor<1x4x36xf32>, tensor<36x36xf32>, tensor<12x36xf32>,
    tensor<12x36xf32>, tensor<36x36xf32>, tensor<50x36xf32>, tensor<50x36xf32>, tensor<36x50xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>,
    tensor<1xi32>) -> (tensor<1x4x36xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>)
  %2:3 = call @layer(%1#0, %wq, %wk, %wv, %wo, %g, %u, %d, %kc, %vc, %pos) : (tensor<1x4x36xf32>, tensor<36x36xf32>, tensor<12x36xf32>,
    tensor<12x36xf32>, tensor<36x36xf32>, tensor<50x36xf32>, tensor<50x36xf32>, tensor<36x50xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>,
    tensor<1xi32>) -> (tensor<1x4x36xf32>, tensor<1x16x3x4xf32>, tensor<1x16x3x4xf32>)
  %l = tp.logits %2#0, %t : (tensor<1x4x36xf32>, tensor<100x36xf32>) -> tensor<1x4x100xf32>
  return %l : tensor<1x4x100xf32>
}
