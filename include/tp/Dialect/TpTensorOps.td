// The ops that layers are made of. Each brings its sharding rule.

class Tp_RuledOp<string mnemonic, list<Trait> traits = []>
    : Tp_PureOp<mnemonic, !listconcat([DeclareOpInterfaceMethods<ShardingRuleOpInterface>], traits)>;

def Tp_LinearOp : Tp_RuledOp<"linear"> {
  let summary = "x times the transpose of w, plus a bias";
  let description = [{
    `input` [..., K], `weight` [N, K], `bias` [N], result [..., N].

    ```mlir
    %y = tp.linear %x, %w : (tensor<2x3x32xf32>, tensor<64x32xf32>) -> tensor<2x3x64xf32>
    %z = tp.linear %x, %w bias %b : (tensor<2x3x32xf32>, tensor<64x32xf32>, tensor<64xf32>) -> tensor<2x3x64xf32>
    ```

    Constraints: (C1) the input's last dimension is the weight's second; (C2) the result's shape is the input's with N last; (C3) the bias is [N].
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$weight, Optional<Tp_FloatTensor>:$bias);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Tp_RmsNormOp : Tp_RuledOp<"rms_norm"> {
  let summary = "root-mean-square norm over the last dimension";
  let description = [{
    `x / sqrt(mean(x^2) + eps) * weight`, `weight` [D].

    ```mlir
    %y = tp.rms_norm %x, %w {eps = 1.0e-5 : f64} : (tensor<2x3x32xf32>, tensor<32xf32>) -> tensor<2x3x32xf32>
    ```

    Constraints: (C1) the result has the input's shape; (C2) the weight is [D].
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$weight, F64Attr:$eps);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
}

def Tp_LayerNormOp : Tp_RuledOp<"layer_norm"> {
  let summary = "layer norm over the last dimension";
  let description = [{
    `(x - mean(x)) / sqrt(var(x) + eps) * weight + bias`, `weight` and `bias` [D].

    ```mlir
    %y = tp.layer_norm %x, %w bias %b {eps = 1.0e-5 : f64} : (tensor<2x3x32xf32>, tensor<32xf32>, tensor<32xf32>) -> tensor<2x3x32xf32>
    ```

    Constraints: (C1) the result has the input's shape; (C2) weight and bias are [D].
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_FloatTensor:$weight, Optional<Tp_FloatTensor>:$bias, F64Attr:$eps);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Tp_ActivationOp : Tp_RuledOp<"activation"> {
  let summary = "an elementwise activation function";
  let description = [{
    silu: x * sigmoid(x); gelu: with erf; gelu_tanh: the tanh approximation; relu.

    ```mlir
    %y = tp.activation silu %x : (tensor<2x3x32xf32>) -> tensor<2x3x32xf32>
    ```

    Constraints: (C1) the result has the input's shape.
  }];
  let arguments = (ins Tp_ActivationKindAttr:$kind, Tp_FloatTensor:$input);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "custom<ActivationKind>($kind) $input attr-dict `:` functional-type(operands, results)";
}

def Tp_RopeOp : Tp_RuledOp<"rope"> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates `input` [B, S, H, E]; row s of sequence b is at position `position[b] + s` (`position` absent: s).

    ```mlir
    %y = tp.rope %x at %pos {rotary = #tp.rotary<base = 10000.0>} : (tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x3x4x8xf32>
    ```

    Constraints: (C1) the result has the input's shape; (C2) rank 4; (C3) `position` is [B]; (C4) the rotating part is even and within E.
  }];
  let arguments = (ins Tp_FloatTensor:$input, Optional<Tp_IndexTensor>:$position, Tp_RotaryAttr:$rotary);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input (`at` $position^)? attr-dict `:` functional-type(operands, results)";
}

def Tp_KvUpdateOp : Tp_RuledOp<"kv_update", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "writes rows into a cache";
  let description = [{
    The result is `cache` [B, T, H, E] with `rows` [B, S, H, E] written at T = `position[b]` ... `position[b] + S - 1`. The caller keeps
    `position[b] + S <= T`; rows beyond T are dropped.

    ```mlir
    %c1 = tp.kv_update %c, %rows at %pos : (tensor<2x16x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2xi32>) -> tensor<2x16x4x8xf32>
    ```

    Constraints: (C1) cache and rows agree in B, H and E; (C2) `position` is [B]; (C3) S <= T.
  }];
  let arguments = (ins Tp_FloatTensor:$cache, Tp_FloatTensor:$rows, Tp_IndexTensor:$position);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$cache `,` $rows `at` $position attr-dict `:` functional-type(operands, results)";
}

def Tp_SdpaOp : Tp_RuledOp<"sdpa", [AttrSizedOperandSegments]> {
  let summary = "scaled dot-product attention";
  let description = [{
    `query` [B, S, H, E], `key` and `value` [B, T, Hk, E], result [B, S, H, E]. Query head h reads key head
    `(h + o) / group - o / group` (integer divisions) where o is `head_offset`, the global number of the first query head on this device (absent: 0).

    Query row s stands at p = `position[b] + s` (absent: s). Causal: it sees keys t <= p; with `window` w > 0 only t > p - w.
    Not causal: it sees all T keys. In either case only keys t < `length[b]`, where that is given. A row that sees no key gives zeros.
    `softcap` c > 0: scaled scores s become `c * tanh(s / c)`. `bias` [B, H, S, T] is added to them last.

    ```mlir
    %o = tp.sdpa %q, %k, %v at %pos {causal, group = 2, scale = 0.35 : f64}
        : (tensor<1x3x4x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1xi32>) -> tensor<1x3x4x8xf32>
    ```

    Constraints: (C1) shapes as above; (C2) H = Hk * `group` unless `head_offset` is given; (C3) `position` and `length` are [B],
    `head_offset` has no dimension.
  }];
  let arguments = (ins Tp_FloatTensor:$query, Tp_FloatTensor:$key, Tp_FloatTensor:$value, Optional<Tp_IndexTensor>:$position,
      Optional<Tp_IndexTensor>:$length, Optional<Tp_FloatTensor>:$bias, Optional<Tp_IndexTensor>:$head_offset, UnitAttr:$causal, ConfinedAttr<I64Attr, [IntPositive]>:$group, F64Attr:$scale,
      DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F64Attr, "0.0">:$softcap);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`at` $position^)? (`length` $length^)? (`bias` $bias^)? (`head_offset` $head_offset^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_EmbeddingOp : Tp_RuledOp<"embedding"> {
  let summary = "looks up rows of a table";
  let description = [{
    `ids` [...], `table` [V, D], result [..., D]. An id outside [0, V) gives a row of zeros: so a device that holds a part of the vocabulary
    gives its part of the sum.

    ```mlir
    %x = tp.embedding %ids, %table : (tensor<2x3xi32>, tensor<100x32xf32>) -> tensor<2x3x32xf32>
    ```

    Constraints: (C1) the result's shape is the ids' shape followed by D.
  }];
  let arguments = (ins Tp_IndexTensor:$ids, Tp_FloatTensor:$table);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
}

def Tp_TakeRowOp : Tp_RuledOp<"take_row"> {
  let summary = "one row of each sequence";
  let description = [{
    `input` [B, S, D], `row` [B], result [B, 1, D]: row `row[b]` of sequence b; zeros where it is outside [0, S).

    ```mlir
    %l = tp.take_row %x, %last : (tensor<2x8x32xf32>, tensor<2xi32>) -> tensor<2x1x32xf32>
    ```

    Constraints: (C1) the result is [B, 1, D]; (C2) `row` is [B].
  }];
  let arguments = (ins Tp_FloatTensor:$input, Tp_IndexTensor:$row);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$input `,` $row attr-dict `:` functional-type(operands, results)";
}
