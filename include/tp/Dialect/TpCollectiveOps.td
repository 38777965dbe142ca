// Ops of the partitioned (local) program. Types are those of one device. `origin` says what asked for the op: reports and errors print it.

class Tp_LocalOp<string mnemonic, list<Trait> traits = []> : Tp_PureOp<mnemonic,
    !listconcat([DeclareOpInterfaceMethods<SymbolUserOpInterface>], traits)>;

// A collective of one or more values, which meet once; the results correspond to the inputs.
class Tp_JoinedCollectiveOp<string mnemonic, list<Trait> traits = []> : Tp_LocalOp<mnemonic, traits> {
  let results = (outs Variadic<Tp_Tensor>:$results);
  let extraClassDeclaration = [{
    // Of a collective of one value.
    ::mlir::Value getInput() { return getInputs().front(); }
    ::mlir::Value getResult() { return getResults().front(); }
    ::mlir::Type getType() { return getResult().getType(); }
    operator ::mlir::Value() { return getResult(); }
  }];
}

def Tp_AllReduceOp : Tp_JoinedCollectiveOp<"all_reduce", [RangedTypesMatchWith<"results have the types of the inputs", "results", "inputs", "$_self">]> {
  let summary = "combines the values of a group; every device gets the result";
  let description = [{
    Several values are combined each for itself, in one meeting of the devices.

    ```mlir
    %y = tp.all_reduce sum %x over ["tp"] on @mesh : tensor<2x3xf32>
    %u, %v = tp.all_reduce sum %a, %b over ["tp"] on @mesh : tensor<2x3xf32>, tensor<7xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) no axis twice; (C5) at least one value.
  }];
  let arguments = (ins Tp_ReduceKindAttr:$kind, Variadic<Tp_Tensor>:$inputs, StrArrayAttr:$axes, FlatSymbolRefAttr:$mesh,
      OptionalAttr<StrAttr>:$origin);
  let assemblyFormat = "custom<ReduceKind>($kind) $inputs `over` $axes `on` $mesh attr-dict `:` type($results)";
}

def Tp_AllGatherOp : Tp_JoinedCollectiveOp<"all_gather"> {
  let summary = "makes a split dimension whole on every device of the group";
  let description = [{
    Several values that are split alike are gathered in one meeting of the devices.

    ```mlir
    %y = tp.all_gather %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x5xf32> -> tensor<2x9xf32>
    %k, %v = tp.all_gather %a, %b dim 0 of 9 split <{"tp"}> on @mesh : tensor<5xf32>, tensor<5x2xf32> -> tensor<9xf32>, tensor<9x2xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) each input's `dim` is the shard of `size` under `split`, its result's is
    `size`; (C3) other dimensions are equal; (C5) as many results as inputs, at least one.
  }];
  let arguments = (ins Variadic<Tp_Tensor>:$inputs, I64Attr:$dim, I64Attr:$size, Tp_SplitAttr:$split, FlatSymbolRefAttr:$mesh,
      OptionalAttr<StrAttr>:$origin);
  let assemblyFormat = "$inputs `dim` $dim `of` $size `split` $split `on` $mesh attr-dict `:` type($inputs) `->` type($results)";
}

def Tp_AllSliceOp : Tp_LocalOp<"all_slice"> {
  let summary = "takes this device's shard of a dimension that is whole";
  let description = [{
    No communication. Padding is zero.

    ```mlir
    %y = tp.all_slice %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x9xf32> -> tensor<2x5xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) the input's `dim` is `size`, the result's is its shard under `split`;
    (C3) other dimensions are equal.
  }];
  let arguments = (ins Tp_Tensor:$input, I64Attr:$dim, I64Attr:$size, Tp_SplitAttr:$split, FlatSymbolRefAttr:$mesh, OptionalAttr<StrAttr>:$origin);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = "$input `dim` $dim `of` $size `split` $split `on` $mesh attr-dict `:` type($input) `->` type($result)";
}

def Tp_ReduceScatterOp : Tp_JoinedCollectiveOp<"reduce_scatter"> {
  let summary = "combines the values of a group; each device gets its shard of the result";
  let description = [{
    Padding is zero. Several values that are split alike are combined each for itself, in one meeting of the devices.

    ```mlir
    %y = tp.reduce_scatter sum %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x9xf32> -> tensor<2x5xf32>
    ```

    Constraints: as for `tp.all_slice`; (C5) as many results as inputs, at least one.
  }];
  let arguments = (ins Tp_ReduceKindAttr:$kind, Variadic<Tp_Tensor>:$inputs, I64Attr:$dim, I64Attr:$size, Tp_SplitAttr:$split, FlatSymbolRefAttr:$mesh,
      OptionalAttr<StrAttr>:$origin);
  let assemblyFormat = [{
    custom<ReduceKind>($kind) $inputs `dim` $dim `of` $size `split` $split `on` $mesh attr-dict `:` type($inputs) `->` type($results)
  }];
}

def Tp_AllToAllOp : Tp_LocalOp<"all_to_all"> {
  let summary = "moves a split from one dimension to another";
  let description = [{
    The input is split in dimension `from_dim` by `from` and whole in `to_dim`; the result is whole in `from_dim` and split in `to_dim` by `to`.

    ```mlir
    %y = tp.all_to_all %x from 0 of 4 split <{"tp"}> to 1 of 6 split <{"tp"}> on @mesh : tensor<2x6xf32> -> tensor<4x3xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) both splits have the same axes; (C3) sizes agree as in `tp.all_gather` for
    `from_dim` and `tp.all_slice` for `to_dim`; (C4) other dimensions are equal.
  }];
  let arguments = (ins Tp_Tensor:$input, I64Attr:$from_dim, I64Attr:$from_size, Tp_SplitAttr:$from, I64Attr:$to_dim, I64Attr:$to_size,
      Tp_SplitAttr:$to, FlatSymbolRefAttr:$mesh, OptionalAttr<StrAttr>:$origin);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = [{
    $input `from` $from_dim `of` $from_size `split` $from `to` $to_dim `of` $to_size `split` $to `on` $mesh attr-dict
    `:` type($input) `->` type($result)
  }];
}

def Tp_PermuteOp : Tp_LocalOp<"permute", [AllTypesMatch<["input", "result"]>]> {
  let summary = "each device of a group receives another's value";
  let description = [{
    Position p of the group receives from position `sources[p]`; -1 gives zeros.

    ```mlir
    %y = tp.permute %x over ["tp"] from [1, 2, 0] on @mesh : tensor<2x3xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) one source per position, each -1 or a position, none twice.
  }];
  let arguments = (ins Tp_Tensor:$input, StrArrayAttr:$axes, DenseI64ArrayAttr:$sources, FlatSymbolRefAttr:$mesh, OptionalAttr<StrAttr>:$origin);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = "$input `over` $axes `from` $sources `on` $mesh attr-dict `:` type($result)";
}

def Tp_AsPartialOp : Tp_LocalOp<"as_partial", [AllTypesMatch<["input", "result"]>]> {
  let summary = "a replicated value as a partial sum";
  let description = [{
    The first device of each group keeps the value, the others hold zeros, so that the sum over the group is the value once. No communication. This is how a bias
    meets a partial sum.

    ```mlir
    %y = tp.as_partial %x over ["tp"] on @mesh : tensor<2x3xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one.
  }];
  let arguments = (ins Tp_Tensor:$input, StrArrayAttr:$axes, FlatSymbolRefAttr:$mesh);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = "$input `over` $axes `on` $mesh attr-dict `:` type($result)";
}

def Tp_ShiftIndexOp : Tp_LocalOp<"shift_index", [AllTypesMatch<["input", "result"]>]> {
  let summary = "global indices to local ones, or back";
  let description = [{
    Adds (`plus`) or subtracts (`minus`) the global number of the first element of this device's shard of a dimension of `size` elements. With
    `plus`, a row's position follows its split sequence; with `minus`, a token id becomes an index into this device's part of the vocabulary.
    For a split with a `unit` the number counts elements, for a `repeat` virtual elements.

    ```mlir
    %y = tp.shift_index plus %pos size 128 split <{"tp"}> on @mesh : tensor<2xi32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one.
  }];
  let arguments = (ins UnitAttr:$minus, Tp_IndexTensor:$input, I64Attr:$size, Tp_SplitAttr:$split, FlatSymbolRefAttr:$mesh);
  let results = (outs Tp_IndexTensor:$result);
  let assemblyFormat = "(`minus` $minus^):(`plus`)? $input `size` $size `split` $split `on` $mesh attr-dict `:` type($result)";
}

def Tp_MaskPaddingOp : Tp_LocalOp<"mask_padding", [AllTypesMatch<["input", "result"]>]> {
  let summary = "zeros in the padding of a shard";
  let description = [{
    Elements of this device's shard of dimension `dim` that lie beyond the dimension's end (`size` elements when whole) become zero.

    ```mlir
    %y = tp.mask_padding %x dim 1 of 9 split <{"tp"}> on @mesh : tensor<2x5xf32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) the input's `dim` is the shard of `size` under `split`.
  }];
  let arguments = (ins Tp_Tensor:$input, I64Attr:$dim, I64Attr:$size, Tp_SplitAttr:$split, FlatSymbolRefAttr:$mesh);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = "$input `dim` $dim `of` $size `split` $split `on` $mesh attr-dict `:` type($result)";
}

def Tp_TopPairsOp : Tp_LocalOp<"top_pairs"> {
  let summary = "the largest element of each piece of a row, with its index";
  let description = [{
    `input` [B, V] is a row of logits, or this device's shard of rows of `size` elements. It is cut into P pieces of ceil(V / P) elements; the result
    [B, P, 2] holds, for each, the bits of the largest element as f32 and that element's index in the whole row (the lowest of equal ones). Padding
    does not count; a piece without elements gives minus infinity. What `tp.best_index` makes a token of, after an all_gather of the pairs: a few bytes
    instead of the logits.

    ```mlir
    %p = tp.top_pairs %x of 49 split <{"tp"}> on @mesh : tensor<1x25xf32> -> tensor<1x4x2xi32>
    %q = tp.top_pairs %y : tensor<1x49xf32> -> tensor<1x4x2xi32>
    ```

    Constraints: (C1) the mesh exists and has the axes, at least one; (C2) the input's second dimension is the shard of `size` under `split`;
    (C3) the input is [B, V], the result [B, P, 2]; (C4) size, split and mesh are given together or not at all.
  }];
  let arguments = (ins Tp_FloatTensor:$input, OptionalAttr<I64Attr>:$size, OptionalAttr<Tp_SplitAttr>:$split, OptionalAttr<FlatSymbolRefAttr>:$mesh);
  let results = (outs Tp_IndexTensor:$result);
  let assemblyFormat = "$input (`of` $size^ `split` $split `on` $mesh)? attr-dict `:` type($input) `->` type($result)";
}

def Tp_BestIndexOp : Tp_PureOp<"best_index"> {
  let summary = "the index of the largest of pairs";
  let description = [{
    `pairs` [B, P, 2] as `tp.top_pairs` makes them, result [B]: the index of the largest element, the lowest of equal ones.

    ```mlir
    %t = tp.best_index %p : tensor<1x8x2xi32> -> tensor<1xi32>
    ```

    Constraints: (C1) the shapes are [B, P, 2] and [B].
  }];
  let arguments = (ins Tp_IndexTensor:$pairs);
  let results = (outs Tp_IndexTensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$pairs attr-dict `:` type($pairs) `->` type($result)";
}

def Tp_SampleOp : Tp_PureOp<"sample"> {
  let summary = "a token drawn from logits";
  let description = [{
    `logits` [B, V], result [B]: for each row an index drawn with the probabilities of softmax(logits / temperature). `settings` [B, 4] holds for each row
    the bits of log2(e) / temperature as f32; top-k: only the k largest logits, and those equal to the least of them, can be drawn (0: all); the bits of
    top-p as f32: of these, only the largest that together reach the probability p (1: all); the bits of a random f32 in [0, 1). That number decides: the
    probabilities of the indices that can be drawn, one behind the other in their order, divide [0, 1). So the same number gives the same index wherever
    it is computed. A row without a finite largest logit gives -1.

    ```mlir
    %t = tp.sample %x with %settings : tensor<1x49xf32>, tensor<1x4xi32> -> tensor<1xi32>
    ```

    Constraints: (C1) the shapes are [B, V], [B, 4] and [B].
  }];
  let arguments = (ins Tp_FloatTensor:$logits, Tp_IndexTensor:$settings);
  let results = (outs Tp_IndexTensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$logits `with` $settings attr-dict `:` type($logits) `,` type($settings) `->` type($result)";
}
