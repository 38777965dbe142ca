// Mesh and annotations.

def Tp_MeshOp : Tp_Op<"mesh", [Symbol]> {
  let summary = "a mesh of devices";
  let description = [{
    Declares the devices that a module is split over. Shardings name it.

    ```mlir
    tp.mesh @mesh <["dp" = 2, "tp" = 4]>
    ```

    Constraints: those of `#tp.mesh`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Tp_MeshAttr:$mesh);
  let assemblyFormat = "$sym_name $mesh attr-dict";
}

def Tp_ShardingConstraintOp : Tp_PureOp<"sharding_constraint", [AllTypesMatch<["input", "result"]>]> {
  let summary = "states the sharding of a value";
  let description = [{
    The result is the input, with this sharding. Closed dimensions bind; open ones (`?`) may gain axes.

    ```mlir
    %1 = tp.sharding_constraint %0 <@mesh, [{}, {"tp"}, {} ]> : tensor<2x8x16xf32>
    ```

    Constraints: those of `#tp.sharding`.
  }];
  let arguments = (ins Tp_Tensor:$input, Tp_ShardingAttr:$sharding);
  let results = (outs Tp_Tensor:$result);
  let assemblyFormat = "$input $sharding attr-dict `:` type($result)";
}
