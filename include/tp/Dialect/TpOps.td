#ifndef TP_OPS_TD
#define TP_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tp/Dialect/TpDialect.td"
include "tp/Dialect/TpAttrs.td"
include "tp/Dialect/TpInterfaces.td"

class Tp_Op<string mnemonic, list<Trait> traits = []> : Op<Tp_Dialect, mnemonic, traits>;

// A pure op on tensors.
class Tp_PureOp<string mnemonic, list<Trait> traits = []> : Tp_Op<mnemonic, !listconcat([Pure], traits)> { let hasVerifier = 1; }

def Tp_Float : AnyTypeOf<[F32, BF16, F16, F64], "floating point">;
def Tp_FloatTensor : StaticShapeTensorOf<[Tp_Float]>;
def Tp_IndexTensor : StaticShapeTensorOf<[I32]>;
def Tp_Tensor : StaticShapeTensorOf<[Tp_Float, I1, I8, I32, I64, Index]>;

include "tp/Dialect/TpMeshOps.td"
include "tp/Dialect/TpLayerOps.td"
include "tp/Dialect/TpTensorOps.td"
include "tp/Dialect/TpExpertOps.td"
include "tp/Dialect/TpRelativeOps.td"
include "tp/Dialect/TpCollectiveOps.td"

#endif
