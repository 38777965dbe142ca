// The ops of a mixture of experts. Experts are a dimension, X: it is split like any other.

def Tp_RouteOp : Tp_RuledOp<"route"> {
  let summary = "the weights of a row's experts";
  let description = [{
    `logits` [..., X] -> gates [..., X]: softmax over X, then zero but for the `top_k` largest (of equal ones, the first). `normalised`:
    those that stay are divided by their sum.

    ```mlir
    %g = tp.route %l {top_k = 2, normalised} : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
    ```

    Constraints: (C1) the result has the input's shape; (C2) 1 <= `top_k` <= X.
  }];
  let arguments = (ins Tp_FloatTensor:$logits, ConfinedAttr<I64Attr, [IntPositive]>:$top_k, UnitAttr:$normalised);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$logits attr-dict `:` functional-type(operands, results)";
}

def Tp_ExpertUpOp : Tp_RuledOp<"expert_up"> {
  let summary = "the hidden units of a row's experts";
  let description = [{
    `input` [..., D], `gates` [..., X], `up` [X, F, D], result [..., X, F]: `act(up[x] * input)`, or with `gate` [X, F, D]
    `act(gate[x] * input) * (up[x] * input)`. Zeros, and no work, where the gate of expert x is zero.

    ```mlir
    %h = tp.expert_up silu %x, %g gate(%wg) up(%wu)
        : (tensor<2x3x32xf32>, tensor<2x3x8xf32>, tensor<8x64x32xf32>, tensor<8x64x32xf32>) -> tensor<2x3x8x64xf32>
    ```

    Constraints: (C1) shapes as above.
  }];
  let arguments = (ins Tp_ActivationKindAttr:$activation, Tp_FloatTensor:$input, Tp_FloatTensor:$gates, Optional<Tp_FloatTensor>:$gate,
      Tp_FloatTensor:$up);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = [{
    custom<ActivationKind>($activation) $input `,` $gates (`gate` `(` $gate^ `)`)? `up` `(` $up `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Tp_ExpertDownOp : Tp_RuledOp<"expert_down"> {
  let summary = "the sum of what a row's experts say";
  let description = [{
    `hidden` [..., X, F], `gates` [..., X], `down` [X, D, F], result [..., D]: the sum over x of `gates[x] * (down[x] * hidden[x])`. Experts
    whose gate is zero cost nothing.

    ```mlir
    %y = tp.expert_down %h, %g down(%wd) : (tensor<2x3x8x64xf32>, tensor<2x3x8xf32>, tensor<8x32x64xf32>) -> tensor<2x3x32xf32>
    ```

    Constraints: (C1) shapes as above.
  }];
  let arguments = (ins Tp_FloatTensor:$hidden, Tp_FloatTensor:$gates, Tp_FloatTensor:$down);
  let results = (outs Tp_FloatTensor:$result);
  let assemblyFormat = "$hidden `,` $gates `down` `(` $down `)` attr-dict `:` functional-type(operands, results)";
}
