// Layers, as a person thinks of them. --tp-decompose-layers expands them into the ops of TpTensorOps.td.

def Tp_AttentionOp : Tp_PureOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "a self-attention layer";
  let description = [{
    Projects `input` [B, S, D] to queries, keys and values, rotates queries and keys, attends, and projects back. Weights are [out, in]: wq
    [heads * head_size, D], wk and wv [kv_heads * head_size, D], wo [D, heads * head_size].

    With a cache ([B, T, kv_heads, head_size] each) keys and values are written at `position` [B] (the tokens already cached) and attention reads
    the cache; the updated caches are results. `window` > 0: a query sees that many positions, its own included. `scale` defaults to
    1 / sqrt(head_size). `q_norm` and `k_norm` [head_size] are RMS norms of each head before the rotation, with epsilon `norm_eps`. `length` [B]: keys
    from there on are padding, which no query sees. `softcap` c > 0: scores s become `c * tanh(s / c)`. `bias` [B, heads, S, keys] is added to
    the scores.

    ```mlir
    %y, %k1, %v1 = tp.attention %x weights(%wq, %wk, %wv, %wo) cache(%k, %v at %pos)
        {heads = 4, kv_heads = 2, head_size = 8, causal, rotary = #tp.rotary<base = 10000.0>}
        : (tensor<1x3x32xf32>, tensor<32x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>, tensor<32x32xf32>,
           tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>)
        -> (tensor<1x3x32xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>)
    ```

    Constraints: (C1) `heads` is a multiple of `kv_heads`; (C2) weights, biases and norms have the shapes above; (C3) cache operands and
    cache results come together, with equal types; (C4) the result has the input's shape; (C5) `length` is [B]; (C6) `bias` has
    the shape above.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$wq, Tp_FloatTensor:$wk, Tp_FloatTensor:$wv, Tp_FloatTensor:$wo,
      Optional<Tp_FloatTensor>:$bq, Optional<Tp_FloatTensor>:$bk, Optional<Tp_FloatTensor>:$bv, Optional<Tp_FloatTensor>:$bo,
      Optional<Tp_FloatTensor>:$q_norm, Optional<Tp_FloatTensor>:$k_norm,
      Optional<Tp_FloatTensor>:$k_cache, Optional<Tp_FloatTensor>:$v_cache, Optional<Tp_IndexTensor>:$position,
      Optional<Tp_IndexTensor>:$length, Optional<Tp_FloatTensor>:$bias,
      ConfinedAttr<I64Attr, [IntPositive]>:$heads, ConfinedAttr<I64Attr, [IntPositive]>:$kv_heads,
      ConfinedAttr<I64Attr, [IntPositive]>:$head_size, OptionalAttr<Tp_RotaryAttr>:$rotary, UnitAttr:$causal,
      DefaultValuedAttr<I64Attr, "0">:$window, OptionalAttr<F64Attr>:$scale, DefaultValuedAttr<F64Attr, "1e-6">:$norm_eps,
      DefaultValuedAttr<F64Attr, "0.0">:$softcap);
  let results = (outs Tp_FloatTensor:$result, Variadic<Tp_FloatTensor>:$caches);
  let assemblyFormat = [{
    $input `weights` `(` $wq `,` $wk `,` $wv `,` $wo `)` (`bq` `(` $bq^ `)`)? (`bk` `(` $bk^ `)`)? (`bv` `(` $bv^ `)`)? (`bo` `(` $bo^ `)`)?
    (`norms` `(` $q_norm^ `,` $k_norm `)`)? (`cache` `(` $k_cache^ `,` $v_cache `at` $position `)`)? (`length` `(` $length^ `)`)?
    (`bias` `(` $bias^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_CrossAttentionOp : Tp_PureOp<"cross_attention"> {
  let summary = "an attention layer on keys and values that are there already";
  let description = [{
    Projects `input` [B, S, D] to queries, attends to all of `keys` and `values` [B, T, kv_heads, head_size] (`length` [B]: to those before it)
    and projects back. Weights are [out, in]: wq [heads * head_size, D], wo [D, heads * head_size]. `scale` defaults to 1 / sqrt(head_size).

    ```mlir
    %y = tp.cross_attention %x weights(%wq, %wo) to(%k, %v) length(%len) {heads = 4, kv_heads = 4, head_size = 8}
        : (tensor<1x3x32xf32>, tensor<32x32xf32>, tensor<32x32xf32>, tensor<1x16x4x8xf32>, tensor<1x16x4x8xf32>, tensor<1xi32>)
        -> tensor<1x3x32xf32>
    ```

    Constraints: (C1) `heads` is a multiple of `kv_heads`; (C2) operands have the shapes above; (C3) the result has the input's shape.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$wq, Tp_FloatTensor:$wo, Tp_FloatTensor:$keys, Tp_FloatTensor:$values,
      Optional<Tp_IndexTensor>:$length, ConfinedAttr<I64Attr, [IntPositive]>:$heads, ConfinedAttr<I64Attr, [IntPositive]>:$kv_heads,
      ConfinedAttr<I64Attr, [IntPositive]>:$head_size, OptionalAttr<F64Attr>:$scale);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    $input `weights` `(` $wq `,` $wo `)` `to` `(` $keys `,` $values `)` (`length` `(` $length^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_TwoStreamAttentionOp : Tp_PureOp<"two_stream_attention", [AttrSizedOperandSegments]> {
  let summary = "an attention layer with relative positions and segments, of one stream or two";
  let description = [{
    XLNet's attention. The content stream `input` [B, S, D] attends to itself; a query stream [B, S, D], where there is one, has queries of its
    own to the same keys and values. Scores are, times `scale` (1 / sqrt(head_size)),

        (q + content_bias) . k + (q + position_bias) . r + (q + segment_bias) . g

    where r is the key of the distance from the key to the query (`tp.sinusoid` times wr) and g row 0 of `segments` [2, heads * head_size] where
    the two have one segment by `types` [B, S], else row 1. `mask` [B, S, S] is not zero where a query must not see a key; content always sees
    itself. `length` [B]: keys from there on are padding. Weights are [out, in]: wq, wk, wv and wr [heads * head_size, D], wo
    [D, heads * head_size]; the biases are [heads * head_size].

    ```mlir
    %y = tp.two_stream_attention %x types(%t) weights(%wq, %wk, %wv, %wr, %wo) biases(%c, %p, %g) segments(%s)
        {heads = 4, head_size = 8}
        : (tensor<1x3x32xf32>, tensor<1x3xi32>, tensor<32x32xf32>, tensor<32x32xf32>, tensor<32x32xf32>, tensor<32x32xf32>, tensor<32x32xf32>,
           tensor<32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<2x32xf32>) -> tensor<1x3x32xf32>
    ```

    Constraints: (C1) operands have the shapes above; (C2) one result for each stream, of the input's shape.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Optional<Tp_FloatTensor>:$query_stream, Tp_IndexTensor:$types,
      Tp_FloatTensor:$wq, Tp_FloatTensor:$wk, Tp_FloatTensor:$wv, Tp_FloatTensor:$wr, Tp_FloatTensor:$wo,
      Tp_FloatTensor:$content_bias, Tp_FloatTensor:$position_bias, Tp_FloatTensor:$segment_bias, Tp_FloatTensor:$segments,
      Optional<Tp_FloatTensor>:$mask, Optional<Tp_IndexTensor>:$length,
      ConfinedAttr<I64Attr, [IntPositive]>:$heads, ConfinedAttr<I64Attr, [IntPositive]>:$head_size);
  let results = (outs Variadic<Tp_FloatTensor>:$results);
  let assemblyFormat = [{
    $input (`query` `(` $query_stream^ `)`)? `types` `(` $types `)` `weights` `(` $wq `,` $wk `,` $wv `,` $wr `,` $wo `)`
    `biases` `(` $content_bias `,` $position_bias `,` $segment_bias `)` `segments` `(` $segments `)` (`mask` `(` $mask^ `)`)?
    (`length` `(` $length^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_MlpOp : Tp_PureOp<"mlp", [AttrSizedOperandSegments]> {
  let summary = "a feed-forward layer";
  let description = [{
    `down(act(up(x)))`, or gated, `down(act(gate(x)) * up(x))`. Weights are [out, in]: gate and up [F, D], down [D, F].

    ```mlir
    %y = tp.mlp %x gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>}
        : (tensor<1x3x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<32x64xf32>) -> tensor<1x3x32xf32>
    ```

    Constraints: (C1) weights and biases have the shapes above; (C2) the result has the input's shape.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Optional<Tp_FloatTensor>:$gate, Tp_FloatTensor:$up, Tp_FloatTensor:$down,
      Optional<Tp_FloatTensor>:$gate_bias, Optional<Tp_FloatTensor>:$up_bias, Optional<Tp_FloatTensor>:$down_bias, Tp_ActivationKindAttr:$activation);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`gate` `(` $gate^ `)`)? (`gate_bias` `(` $gate_bias^ `)`)? `up` `(` $up `)` (`up_bias` `(` $up_bias^ `)`)? `down` `(` $down `)` (`down_bias` `(` $down_bias^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_MoeOp : Tp_PureOp<"moe"> {
  let summary = "a mixture-of-experts layer";
  let description = [{
    For each row the `top_k` experts that the router likes best, their results added with its weights (see `tp.route`). Expert e is a
    feed-forward layer as in `tp.mlp` with the matrices [e] of `gate` and `up` [X, F, D] and `down` [X, D, F]; `router` is [X, D].

    ```mlir
    %y = tp.moe %x router(%r) gate(%g) up(%u) down(%d) {activation = #tp.activation_kind<silu>, top_k = 2, normalised}
        : (tensor<1x3x32xf32>, tensor<8x32xf32>, tensor<8x64x32xf32>, tensor<8x64x32xf32>, tensor<8x32x64xf32>) -> tensor<1x3x32xf32>
    ```

    Constraints: (C1) weights have the shapes above; (C2) the result has the input's shape; (C3) 1 <= `top_k` <= X.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$router, Optional<Tp_FloatTensor>:$gate, Tp_FloatTensor:$up,
      Tp_FloatTensor:$down, Tp_ActivationKindAttr:$activation, ConfinedAttr<I64Attr, [IntPositive]>:$top_k, UnitAttr:$normalised);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    $input `router` `(` $router `)` (`gate` `(` $gate^ `)`)? `up` `(` $up `)` `down` `(` $down `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_LogitsOp : Tp_PureOp<"logits"> {
  let summary = "the logits head";
  let description = [{
    `input` [..., D] times `weight` [V, D], giving a score for each word of the vocabulary. A tied head has the embedding table as its weight.
    `softcap` c > 0: scores s become `c * tanh(s / c)`.

    ```mlir
    %l = tp.logits %x, %table : (tensor<1x3x32xf32>, tensor<100x32xf32>) -> tensor<1x3x100xf32>
    ```

    Constraints: (C1) shapes agree as in `tp.linear`.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$weight, DefaultValuedAttr<F64Attr, "0.0">:$softcap);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
}
