// Scores that depend on the distance between a query and a key: the `bias` of tp.sdpa.

def Tp_RelativeBiasOp : Tp_RuledOp<"relative_bias"> {
  let summary = "a learned number for each head and distance";
  let description = [{
    `table` [N, H], result [B, H, S, T]: row s of sequence b stands at p = `position[b] + s` (absent: s), and its entry for key t is that of
    the bucket of the distance t - p. Buckets are T5's: half of them (`bidirectional`: of those of either direction) hold one distance each, the others
    grow by logarithms up to `max_distance`; without `bidirectional` keys behind the query share bucket 0.

    ```mlir
    %b = tp.relative_bias %t at %pos {max_distance = 128} : (tensor<32x4xf32>, tensor<2xi32>) -> tensor<2x4x1x16xf32>
    ```

    Constraints: (C1) `position` is [B]; (C2) the table is [N, H]; (C3) N is at least 4 (`bidirectional`: and even), and `max_distance` more than
    the distances that have buckets of their own, up to 2^24.
  }];
  let arguments = (ins Tp_FloatTensor:$table, Optional<Tp_IndexTensor>:$position, ConfinedAttr<I64Attr, [IntPositive]>:$max_distance,
      UnitAttr:$bidirectional);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$table (`at` $position^)? attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    // Bucket of a distance t - p.
    int64_t bucketOf(int64_t distance);
  }];
}

def Tp_SinusoidOp : Tp_RuledOp<"sinusoid"> {
  let summary = "the vectors of positions as sines and cosines";
  let description = [{
    Result [P, D]: row i is the sines, then the cosines, of `(first - i) / 10000^(2j/D)` for j in 0 .. D/2 - 1.

    ```mlir
    %r = tp.sinusoid {first = 3} : () -> tensor<6x32xf32>
    ```

    Constraints: (C1) the result is [P, D] with an even D.
  }];
  let arguments = (ins I64Attr:$first);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "attr-dict `:` functional-type(operands, results)";
}

def Tp_RelativeScoresOp : Tp_RuledOp<"relative_scores"> {
  let summary = "scores of relative positions and segments";
  let description = [{
    `query` [B, S, H, E] has `content_bias` in it; `relative` [2S, H, E] holds keys of the distances S, S - 1, ... 1 - S; the biases are [H * E],
    `segments` [2, H * E] and `types` [B, S]. With q = query - content_bias the result [B, H, S, S] is

        result[b, h, i, j] = scale * ((q[b, i, h] + position_bias[h]) . relative[S - i + j, h]
                                      + (q[b, i, h] + segment_bias[h]) . segments[types[b, i] != types[b, j], h])

    and 1e30 less where `mask` [B, S, S] is not zero (`sees_self`: except where i = j).

    ```mlir
    %s = tp.relative_scores %q, %r types(%t) biases(%c, %p, %g) segments(%e) {scale = 0.35 : f64}
        : (tensor<1x3x4x8xf32>, tensor<6x4x8xf32>, tensor<1x3xi32>, tensor<32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<2x32xf32>)
        -> tensor<1x4x3x3xf32>
    ```

    Constraints: (C1) shapes as above.
  }];
  let arguments = (ins Tp_FloatTensor:$query, Tp_FloatTensor:$relative, Tp_IndexTensor:$types, Tp_FloatTensor:$content_bias,
      Tp_FloatTensor:$position_bias, Tp_FloatTensor:$segment_bias, Tp_FloatTensor:$segments, Optional<Tp_FloatTensor>:$mask,
      F64Attr:$scale, UnitAttr:$sees_self);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $relative `types` `(` $types `)` `biases` `(` $content_bias `,` $position_bias `,` $segment_bias `)` `segments` `(` $segments `)`
    (`mask` `(` $mask^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}
