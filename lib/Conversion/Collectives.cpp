#include "Description.h"

#include "tp/Cost/Bytes.h"
#include "tp/Sharding/Geometry.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tp::cpu {

static auto fields(const Windows &w) { return std::tie(w.dim, w.global, w.local, w.starts, w.lengths); }
static auto fields(const Collective &c) {
  return std::tie(c.kind, c.axes, c.type, c.reduce, c.count, c.outer, c.inner, c.shape, c.source, c.bytes, c.origin);
}

bool Collective::operator==(const Collective &other) const {
  return fields(*this) == fields(other) && fields(windows) == fields(other.windows) &&
         fields(split) == fields(other.split) && fields(concat) == fields(other.concat);
}

// `disjoint`: what each position contributes to a whole; else what it holds.
static Windows windowsOf(MeshAttr mesh, SplitAttr split, int64_t dim, int64_t size, bool disjoint) {
  Geometry geometry{size, mesh.sizeOf(split.getAxes()), split.getUnit(), split.getRepeat()};
  SmallVector<int64_t> starts, lengths;
  if (disjoint)
    geometry.disjointWindows(starts, lengths);
  for (int64_t part = 0; !disjoint && part < geometry.parts; ++part) {
    starts.push_back(std::min(geometry.start(part), size));
    lengths.push_back(geometry.valid(part));
  }
  return {dim, size, geometry.local(), {starts.begin(), starts.end()}, {lengths.begin(), lengths.end()}};
}

static void setAround(Collective &c, RankedTensorType type, int64_t dim) {
  for (auto [i, size] : llvm::enumerate(type.getShape()))
    if (int64_t(i) != dim)
      (int64_t(i) < dim ? c.outer : c.inner) *= size;
}

Collective describeCollective(Operation *op, unsigned value) {
  auto in = cast<RankedTensorType>(op->getOperand(value).getType()),
       out = cast<RankedTensorType>(op->getResult(value).getType());
  MeshAttr mesh = lookupMesh(op, op->getAttrOfType<FlatSymbolRefAttr>("mesh"));
  Collective c;
  c.kind = op->getName().stripDialect().str();
  c.type = in.getElementType().isF32()    ? ElementType::f32
           : in.getElementType().isBF16() ? ElementType::bf16
                                          : ElementType::i32;
  if (auto origin = op->getAttrOfType<StringAttr>("origin"))
    c.origin = origin.str();
  CollectiveCost cost = *costOf(op);
  c.bytes = cost.bytes[value];
  for (StringAttr axis : cost.axes)
    c.axes.push_back(axis.str());
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](AllReduceOp r) { c.reduce = stringifyReduceKind(r.getKind()).str(), c.count = in.getNumElements(); })
      .Case([&](AllGatherOp g) {
        setAround(c, out, g.getDim());
        c.windows = windowsOf(mesh, g.getSplit(), g.getDim(), g.getSize(), true);
      })
      .Case([&](ReduceScatterOp r) {
        setAround(c, in, r.getDim());
        c.reduce = stringifyReduceKind(r.getKind()).str();
        c.windows = windowsOf(mesh, r.getSplit(), r.getDim(), r.getSize(), false);
      })
      .Case([&](AllToAllOp a) {
        c.shape.assign(in.getShape().begin(), in.getShape().end());
        c.split = windowsOf(mesh, a.getTo(), a.getToDim(), a.getToSize(), false);
        c.concat = windowsOf(mesh, a.getFrom(), a.getFromDim(), a.getFromSize(), true);
      })
      .Case([&](PermuteOp p) {
        c.count = in.getNumElements();
        c.source.assign(p.getSources().begin(), p.getSources().end());
      });
  return c;
}

} // namespace tp::cpu
