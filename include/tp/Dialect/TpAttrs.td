#ifndef TP_ATTRS_TD
#define TP_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "tp/Dialect/TpDialect.td"

class Tp_Attr<string name, string mnemonicName> : AttrDef<Tp_Dialect, name> { let mnemonic = mnemonicName; }

def Tp_ReduceKind : I32EnumAttr<"ReduceKind", "how the values of a group are combined",
    [I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">]> {
  let cppNamespace = "::tp";
  let genSpecializedAttr = 0;
}
def Tp_ReduceKindAttr : EnumAttr<Tp_Dialect, Tp_ReduceKind, "reduce"> { let assemblyFormat = "`<` $value `>`"; }

def Tp_ActivationKind : I32EnumAttr<"ActivationKind", "an elementwise activation function", [
    I32EnumAttrCase<"Silu", 0, "silu">, I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">, I32EnumAttrCase<"Relu", 3, "relu">]> {
  let cppNamespace = "::tp";
  let genSpecializedAttr = 0;
}
def Tp_ActivationKindAttr : EnumAttr<Tp_Dialect, Tp_ActivationKind, "activation_kind"> { let assemblyFormat = "`<` $value `>`"; }

def Tp_MeshAttr : Tp_Attr<"Mesh", "mesh"> {
  let summary = "named axes of a device mesh with their sizes";
  let description = [{
    Axes are outermost first: the rank of a device is its coordinates in row-major order (the last axis varies fastest).

    Example: `#tp.mesh<["dp" = 2, "tp" = 4]>` is 8 devices.

    Constraints: (C1) axis names are unique and not empty; (C2) sizes are at least 1; (C3) the product fits in 2^17.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$axes, ArrayRefParameter<"int64_t">:$sizes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    // Size of an axis; std::nullopt if the mesh has no such axis.
    std::optional<int64_t> sizeOf(::mlir::StringAttr axis) const;
    // Product of the sizes of `axes` (all must exist).
    int64_t sizeOf(::llvm::ArrayRef<::mlir::StringAttr> axes) const;
    int64_t devices() const;
  }];
}

def Tp_SplitAttr : Tp_Attr<"Split", "split"> {
  let summary = "how one dimension is split over mesh axes";
  let description = [{
    `{"dp", "tp"}` cuts a dimension into blocks over the named axes, the first axis outermost. `{}` is not split. `{"tp", ?}` and `{?}` are open:
    propagation may add axes. `p1` behind the brace is a priority: 0 (stated first, the default) to 9.

    `unit = 64` says that the dimension is blocks of 64 elements (a head, say) that are never cut. `repeat = 3` says that each block is read as 3
    consecutive virtual blocks and that the virtual blocks are what is divided: this is how grouped key/value heads follow their query heads.
    With `n` elements, `m` devices and `c = ceil(n / unit * repeat / m)`, device `r` holds the blocks that the virtual blocks `[r*c, (r+1)*c)` touch. Every
    device's shard has the size of the largest; what lies beyond the dimension's end is padding. Both are inferred where they are not stated.

    `outer = 3` says that the dimension is 3 equal parts, one after the other, and that each of them is split like this: a device holds its
    share of every part. A fused query/key/value weight is split so, and a dimension that a reshape made of an outer dimension that is whole
    and an inner one that is split. `sections = [4, 1, 1]` says the same of parts of unequal size (of each of the equal ones, where there are
    such): where the dimension has `6 n` elements, they are `4 n`, `n` and `n`. Units and repeats count in the `n`: with `unit = 64`, blocks of
    256, 64 and 64 elements are not cut. A fused weight with fewer key/value heads than query heads is split so.

    Example: 3 kv heads of 64 elements that follow 9 query heads over 2 devices: `{"tp", unit = 64, repeat = 3}`; the devices hold heads 0-1 and 1-2.

    Constraints: (C1) no axis appears twice; (C2) `unit`, `repeat`, `outer` and `sections` are at least 1; (C3) `sections` differ and
    have no common divisor.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$axes, DefaultValuedParameter<"bool", "true">:$closed,
      DefaultValuedParameter<"int64_t", "1">:$unit, DefaultValuedParameter<"int64_t", "1">:$repeat,
      DefaultValuedParameter<"int64_t", "0">:$priority, DefaultValuedParameter<"int64_t", "1">:$outer,
      OptionalArrayRefParameter<"int64_t">:$sections);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tp_ShardingAttr : Tp_Attr<"Sharding", "sharding"> {
  let summary = "how a tensor is laid out on a mesh";
  let description = [{
    One `split` a dimension, axes over which the value is stated to be replicated, and axes over which it is partial: the value is the sum (or
    maximum) of what the devices along these axes hold.

    Example: `#tp.sharding<@mesh, [{"dp"}, {}, {"tp", ?} ], replicated = {"pp"}, partial = sum {"ep"}>`.

    Constraints: (C1) an axis is used at most once in the whole sharding; (C2) axes exist in the mesh; (C3) as many splits as the tensor
    has dimensions; (C4) a split's `unit` times its `outer` times the sum of its
    `sections` divides its dimension.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$mesh, ArrayRefParameter<"::tp::SplitAttr">:$dims,
      OptionalArrayRefParameter<"::mlir::StringAttr">:$replicated, OptionalArrayRefParameter<"::mlir::StringAttr">:$partial,
      DefaultValuedParameter<"::tp::ReduceKind", "::tp::ReduceKind::Sum">:$reduce);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    // (C2)-(C4) against a mesh and a shape.
    ::mlir::LogicalResult verifyFor(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError, ::tp::MeshAttr mesh, ::mlir::Type type) const;
    bool isPartial() const { return !getPartial().empty(); }
  }];
}

def Tp_RotaryAttr : Tp_Attr<"Rotary", "rotary"> {
  let summary = "rotary position embedding";
  let description = [{
    `base` (theta); the first `dim` elements of a head rotate (0: all); `interleaved`: pairs are (2i, 2i+1) instead of (i, i + dim/2). Scaling:
    `linear` divides positions by `factor`; `llama3` scales the low frequencies by `factor`, smoothly between `low` and `high` periods in an original
    context of `context` tokens; `yarn` does so linearly between the pairs that have as many periods there (its factor of the scores is attention's `scale`).

    Example: `#tp.rotary<base = 100000.0, interleaved>`, `#tp.rotary<base = 500000.0, llama3, factor = 8.0, low = 1.0, high = 4.0, context = 8192>`.

    Constraints: (C1) `base` is positive; (C2) `dim` is even; (C3) `factor` is positive; (C4) llama3 and yarn have `high` > `low` > 0 and `context` > 0.
  }];
  let parameters = (ins APFloatParameter<"">:$base, "int64_t":$dim, "bool":$interleaved, "::mlir::StringAttr":$scaling,
      APFloatParameter<"">:$factor, APFloatParameter<"">:$low, APFloatParameter<"">:$high, "int64_t":$originalContext);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    // Angle per position of each rotating pair, `n` / 2 values for `n` rotating elements of a head.
    ::llvm::SmallVector<double> frequencies(int64_t headSize) const;
    int64_t rotating(int64_t headSize) const { return getDim() ? getDim() : headSize; }
  }];
}

#endif
