// Everything but linear and attention.
#include "Kernels.h"

#include "tp/Sharding/Sharding.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tp;
using namespace tp::cpu;

Value tp::cpu::groupPosition(Emit &e, MeshAttr mesh, ArrayRef<StringAttr> axes) {
  Value position = e.i(0);
  for (StringAttr axis : axes) {
    int64_t stride = 1;
    for (auto [name, size] : llvm::reverse(llvm::zip(mesh.getAxes(), mesh.getSizes()))) {
      if (name == axis)
        break;
      stride *= size;
    }
    int64_t size = *mesh.sizeOf(axis);
    position = e.add(e.mul(position, size), e.rem(e.div(e.rank, e.i(stride)), e.i(size)));
  }
  return position;
}

static Geometry geometry(SplitAttr split, int64_t size, MeshAttr mesh) {
  return Geometry{size, mesh.sizeOf(split.getAxes()), split.getUnit(), split.getRepeat()};
}

// 16 elements at a time over a contiguous tensor.
static void elementwise(Emit &e, Buffer y, llvm::function_ref<Value(Value index, int64_t count)> compute) {
  int64_t full = y.size() / kLanes, rest = y.size() % kLanes;
  e.parallel(full, [&](Value i) {
    Value index = e.mul(i, kLanes);
    e.storeV(compute(index, kLanes), y.base, index, y.element());
  });
  if (rest)
    e.parallel(1, [&](Value) {
      Value index = e.i(full * kLanes);
      e.storeV(compute(index, rest), y.base, index, y.element(), rest);
    });
}

static Value activate(Emit &e, ActivationKind kind, Value x) {
  auto mul = [&](Value a, Value b) { return e.create<arith::MulFOp>(a, b).getResult(); };
  auto sigmoid = [&](Value v) {
    Value negated = e.create<arith::NegFOp>(v);
    return e.create<arith::DivFOp>(e.vf(1), e.create<arith::AddFOp>(e.vf(1), e.exp(negated))).getResult();
  };
  switch (kind) {
  case ActivationKind::Silu:
    return mul(x, sigmoid(x));
  case ActivationKind::GeluTanh: {
    // tanh(u) = 2 sigmoid(2u) - 1
    Value cubed = mul(mul(x, x), x);
    Value u = mul(e.vf(2 * 0.7978845608028654), e.fma(cubed, e.vf(0.044715), x));
    return mul(x, sigmoid(u));
  }
  case ActivationKind::Gelu:
    return mul(mul(x, e.vf(0.5)), e.create<arith::AddFOp>(e.vf(1), e.create<math::ErfOp>(mul(x, e.vf(0.70710678118654752)))));
  case ActivationKind::Relu:
    return e.create<arith::MaximumFOp>(x, e.vf(0));
  }
  llvm_unreachable("all kinds are handled");
}

static void emitNorm(Emit &e, Buffer x, Buffer weight, const Buffer *bias, double eps, bool centred, Buffer y) {
  int64_t d = weight.size(), chunks = (d + kLanes - 1) / kLanes, last = d - (chunks - 1) * kLanes;
  e.parallel(x.size() / d, [&](Value r) {
    Value start = e.mul(r, d);
    auto sumOf = [&](llvm::function_ref<Value(Value)> map) {
      Value sum = e.loop(e.i(0), e.i((chunks - 1) * kLanes), kLanes, {e.vf(0)}, [&](Value c, ValueRange s) -> SmallVector<Value> {
        return {e.create<arith::AddFOp>(s[0], map(e.loadV(x.base, e.add(start, c), x.element())))};
      })[0];
      Value end = map(e.loadV(x.base, e.add(start, (chunks - 1) * kLanes), x.element(), last));
      if (last < kLanes)
        end = e.create<arith::SelectOp>(e.mask(last), end, e.vf(0));
      return e.create<arith::DivFOp>(e.reduceAdd(e.create<arith::AddFOp>(sum, end)), e.f(d)).getResult();
    };
    Value mean = e.vf(0);
    if (centred)
      mean = e.splat(sumOf([](Value v) { return v; }));
    Value variance = sumOf([&](Value v) {
      Value c = centred ? e.create<arith::SubFOp>(v, mean).getResult() : v;
      return e.create<arith::MulFOp>(c, c).getResult();
    });
    Value factor = e.splat(e.create<arith::DivFOp>(e.f(1), e.create<math::SqrtOp>(e.create<arith::AddFOp>(variance, e.f(eps)))));
    auto write = [&](Value c, int64_t count) {
      Value v = e.loadV(x.base, e.add(start, c), x.element(), count);
      if (centred)
        v = e.create<arith::SubFOp>(v, mean);
      v = e.create<arith::MulFOp>(e.create<arith::MulFOp>(v, factor), e.loadV(weight.base, c, weight.element(), count));
      if (bias)
        v = e.create<arith::AddFOp>(v, e.loadV(bias->base, c, bias->element(), count));
      e.storeV(v, y.base, e.add(start, c), y.element(), count);
    };
    e.loop(e.i(0), e.i((chunks - 1) * kLanes), kLanes, [&](Value c) { write(c, kLanes); });
    write(e.i((chunks - 1) * kLanes), last);
  });
}

static Value positionOf(Emit &e, const Buffer *position, Value b) {
  if (!position)
    return e.i(0);
  return e.create<arith::ExtSIOp>(e.getI64Type(), e.load(e.at(position->base, b, e.getI32Type()), e.getI32Type()));
}

static void emitRope(Emit &e, const KernelContext &context, RopeOp op, Buffer x, const Buffer *position, Buffer y) {
  int64_t B = x.dim(0), S = x.dim(1), H = x.dim(2), E = x.dim(3);
  RotaryAttr rotary = op.getRotary();
  int64_t n = rotary.rotating(E), half = n / 2;
  SmallVector<double> frequencies = rotary.frequencies(E);
  std::vector<float> angles;
  for (int64_t p = 0; p < context.maxPosition; ++p)
    for (int64_t i = 0; i < half; ++i) {
      angles.push_back(std::cos(p * frequencies[i]));
      angles.push_back(std::sin(p * frequencies[i]));
    }
  Value table = context.table(angles, "rotary");
  e.parallel(B * S * H, [&](Value task) {
    Value s = e.rem(e.div(task, e.i(H)), e.i(S)), b = e.div(task, e.i(H * S)), row = e.mul(task, E);
    Value p = e.max(e.min(e.add(s, positionOf(e, position, b)), e.i(context.maxPosition - 1)), e.i(0));
    e.loop(e.i(0), e.i(half), 1, [&](Value i) {
      Value entry = e.mul(e.add(e.mul(p, half), i), 2);
      Value c = e.load(e.at(table, entry, e.getF32Type()), e.getF32Type()), sn = e.load(e.at(table, e.add(entry, 1), e.getF32Type()), e.getF32Type());
      Value ia = e.add(row, rotary.getInterleaved() ? e.mul(i, 2) : i);
      Value ib = e.add(ia, rotary.getInterleaved() ? 1 : half);
      Value a = e.loadF(x.base, ia, x.element()), bb = e.loadF(x.base, ib, x.element());
      auto mul = [&](Value u, Value v) { return e.create<arith::MulFOp>(u, v).getResult(); };
      e.storeF(e.create<arith::SubFOp>(mul(a, c), mul(bb, sn)), y.base, ia, y.element());
      e.storeF(e.create<arith::AddFOp>(mul(bb, c), mul(a, sn)), y.base, ib, y.element());
    });
    e.loop(e.i(n), e.i(E), 1, [&](Value i) { e.storeF(e.loadF(x.base, e.add(row, i), x.element()), y.base, e.add(row, i), y.element()); });
  });
}

static void emitKvUpdate(Emit &e, Buffer cache, Buffer rows, Buffer position) {
  int64_t B = rows.dim(0), S = rows.dim(1), H = rows.dim(2), E = rows.dim(3), T = cache.dim(1);
  e.parallel(B * S * H, [&](Value task) {
    Value h = e.rem(task, e.i(H)), s = e.rem(e.div(task, e.i(H)), e.i(S)), b = e.div(task, e.i(H * S));
    Value t = e.add(s, positionOf(e, &position, b));
    Value inside = e.create<arith::AndIOp>(e.cmp(arith::CmpIPredicate::sge, t, e.i(0)), e.cmp(arith::CmpIPredicate::slt, t, e.i(T)));
    e.when(inside, [&] {
      Value to = e.mul(e.add(e.mul(e.add(e.mul(b, H), h), T), t), E), from = e.mul(task, E);
      e.loop(e.i(0), e.i(E), 1, [&](Value i) { e.storeF(e.loadF(rows.base, e.add(from, i), rows.element()), cache.base, e.add(to, i), cache.element()); });
    });
  });
}

static void emitEmbedding(Emit &e, Buffer ids, Buffer table, Buffer y) {
  int64_t V = table.dim(0), D = table.dim(1), pairs = table.element().isBF16() ? 2 : 1;
  int64_t panel = (D + pairs - 1) / pairs * pairs * kLanes;
  e.parallel(ids.size(), [&](Value row) {
    Value id = e.create<arith::ExtSIOp>(e.getI64Type(), e.load(e.at(ids.base, row, e.getI32Type()), e.getI32Type()));
    Value inside = e.create<arith::AndIOp>(e.cmp(arith::CmpIPredicate::sge, id, e.i(0)), e.cmp(arith::CmpIPredicate::slt, id, e.i(V)));
    Value safe = e.create<arith::SelectOp>(inside, id, e.i(0));
    Value base = table.panel ? e.add(e.mul(e.div(safe, e.i(kLanes)), panel), e.mul(e.rem(safe, e.i(kLanes)), pairs)) : e.mul(safe, D);
    e.loop(e.i(0), e.i(D), 1, [&](Value c) {
      Value index = c;
      if (table.panel)
        index = e.add(e.mul(e.div(c, e.i(pairs)), kLanes * pairs), e.rem(c, e.i(pairs)));
      Value v = e.loadF(table.base, e.add(base, index), table.element());
      e.storeF(e.create<arith::SelectOp>(inside, v, e.f(0)), y.base, e.add(e.mul(row, D), c), y.element());
    });
  });
}

static void emitTakeRow(Emit &e, Buffer x, Buffer rows, Buffer y) {
  int64_t S = x.dim(1), D = x.dim(2);
  e.parallel(x.dim(0), [&](Value b) {
    Value s = positionOf(e, &rows, b);
    Value inside = e.create<arith::AndIOp>(e.cmp(arith::CmpIPredicate::sge, s, e.i(0)), e.cmp(arith::CmpIPredicate::slt, s, e.i(S)));
    Value from = e.mul(e.add(e.mul(b, S), e.create<arith::SelectOp>(inside, s, e.i(0))), D);
    e.loop(e.i(0), e.i(D), 1, [&](Value c) {
      Value v = e.create<arith::SelectOp>(inside, e.loadF(x.base, e.add(from, c), x.element()), e.f(0));
      e.storeF(v, y.base, e.add(e.mul(b, D), c), y.element());
    });
  });
}

// Copies rows of a dimension, zeros where `source` says there is none (a number below 0).
static void copyRows(Emit &e, Buffer x, Buffer y, int64_t dim, llvm::function_ref<std::pair<Value, Value>(Value)> source) {
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < y.type.getRank(); ++i)
    (i < dim ? outer : inner) *= i == dim ? 1 : y.dim(i);
  int64_t nx = x.dim(dim), ny = y.dim(dim);
  Type element = y.element();
  Value zero = e.create<arith::ConstantOp>(e.getZeroAttr(element));
  e.parallel(outer * ny, [&](Value task) {
    auto [from, inside] = source(e.rem(task, e.i(ny)));
    Value row = e.mul(e.add(e.mul(e.div(task, e.i(ny)), nx), e.create<arith::SelectOp>(inside, from, e.i(0))), inner);
    e.loop(e.i(0), e.i(inner), 1, [&](Value c) {
      Value v = e.load(e.at(x.base, e.add(row, c), element), element);
      e.store(e.create<arith::SelectOp>(inside, v, zero), e.at(y.base, e.add(e.mul(task, inner), c), element));
    });
  });
}

static Value shardStart(Emit &e, const Geometry &g, Value position) {
  return e.mul(e.div(e.mul(position, g.chunk()), e.i(g.repeat)), g.unit);
}

static void emitSlice(Emit &e, MeshAttr mesh, int64_t dim, int64_t size, SplitAttr split, Buffer x, Buffer y) {
  Geometry g = geometry(split, size, mesh);
  Value start = shardStart(e, g, groupPosition(e, mesh, split.getAxes()));
  copyRows(e, x, y, dim, [&](Value i) {
    Value from = e.add(start, i);
    return std::make_pair(from, e.cmp(arith::CmpIPredicate::slt, from, e.i(size)));
  });
}

bool tp::cpu::emitOp(Emit &e, const KernelContext &context, Operation *op, ArrayRef<Buffer> in, Buffer y) {
  MeshAttr mesh = context.mesh;
  auto second = [&]() -> const Buffer * { return in.size() > 1 ? &in[1] : nullptr; };
  auto binary = [&](auto make) {
    elementwise(e, y, [&](Value i, int64_t n) {
      return make(e.loadV(in[0].base, i, in[0].element(), n), e.loadV(in[1].base, i, in[1].element(), n)).getResult();
    });
    return true;
  };
  auto binaryInt = [&](auto make) {
    e.parallel(y.size(), [&](Value i) {
      Type t = e.getI32Type();
      e.store(make(e.load(e.at(in[0].base, i, t), t), e.load(e.at(in[1].base, i, t), t)), e.at(y.base, i, t));
    });
    return true;
  };
  return TypeSwitch<Operation *, bool>(op)
      .Case<LinearOp>([&](LinearOp) { return emitLinear(e, context, in[0], in[1], in.size() > 2 ? &in[2] : nullptr, y), true; })
      .Case<SdpaOp>([&](SdpaOp sdpa) {
        const Buffer *position = sdpa.getPosition() ? &in[3] : nullptr;
        emitSdpa(e, sdpa, in[0], in[1], in[2], position, sdpa.getHeadOffset() ? &in[position ? 4 : 3] : nullptr, y);
        return true;
      })
      .Case<RmsNormOp>([&](RmsNormOp norm) { return emitNorm(e, in[0], in[1], nullptr, norm.getEps().convertToDouble(), false, y), true; })
      .Case<LayerNormOp>([&](LayerNormOp norm) {
        return emitNorm(e, in[0], in[1], in.size() > 2 ? &in[2] : nullptr, norm.getEps().convertToDouble(), true, y), true;
      })
      .Case<ActivationOp>([&](ActivationOp activation) {
        elementwise(e, y, [&](Value i, int64_t n) { return activate(e, activation.getKind(), e.loadV(in[0].base, i, in[0].element(), n)); });
        return true;
      })
      .Case<RopeOp>([&](RopeOp rope) { return emitRope(e, context, rope, in[0], second(), y), true; })
      .Case<KvUpdateOp>([&](KvUpdateOp) { return emitKvUpdate(e, in[0], in[1], in[2]), true; })
      .Case<EmbeddingOp>([&](EmbeddingOp) { return emitEmbedding(e, in[0], in[1], y), true; })
      .Case<TakeRowOp>([&](TakeRowOp) { return emitTakeRow(e, in[0], in[1], y), true; })
      .Case<arith::AddFOp>([&](auto) { return binary([&](Value a, Value b) { return e.create<arith::AddFOp>(a, b); }); })
      .Case<arith::SubFOp>([&](auto) { return binary([&](Value a, Value b) { return e.create<arith::SubFOp>(a, b); }); })
      .Case<arith::MulFOp>([&](auto) { return binary([&](Value a, Value b) { return e.create<arith::MulFOp>(a, b); }); })
      .Case<arith::DivFOp>([&](auto) { return binary([&](Value a, Value b) { return e.create<arith::DivFOp>(a, b); }); })
      .Case<arith::AddIOp>([&](auto) { return binaryInt([&](Value a, Value b) { return e.add(a, b); }); })
      .Case<arith::MulIOp>([&](auto) { return binaryInt([&](Value a, Value b) { return e.mul(a, b); }); })
      .Case<arith::TruncFOp, arith::ExtFOp>([&](auto) {
        elementwise(e, y, [&](Value i, int64_t n) { return e.loadV(in[0].base, i, in[0].element(), n); });
        return true;
      })
      .Case<arith::ConstantOp>([&](arith::ConstantOp constant) {
        auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
        if (!value || !value.isSplat())
          return false;
        Value splat = e.create<arith::ConstantOp>(cast<TypedAttr>(value.getSplatValue<Attribute>()));
        e.parallel(y.size(), [&](Value i) { e.store(splat, e.at(y.base, i, y.element())); });
        return true;
      })
      .Case<AllSliceOp>([&](AllSliceOp s) { return emitSlice(e, mesh, s.getDim(), s.getSize(), s.getSplit(), in[0], y), true; })
      .Case<MaskPaddingOp>([&](MaskPaddingOp s) {
        Value start = shardStart(e, geometry(s.getSplit(), s.getSize(), mesh), groupPosition(e, mesh, s.getSplit().getAxes()));
        copyRows(e, in[0], y, s.getDim(), [&](Value i) {
          return std::make_pair(i, e.cmp(arith::CmpIPredicate::slt, e.add(start, i), e.i(s.getSize())));
        });
        return true;
      })
      .Case<AsPartialOp>([&](AsPartialOp s) {
        SmallVector<StringAttr> axes(s.getAxes().getAsRange<StringAttr>());
        Value first = e.cmp(arith::CmpIPredicate::eq, groupPosition(e, mesh, axes), e.i(0));
        Value zero = e.create<arith::ConstantOp>(e.getZeroAttr(y.element()));
        e.parallel(y.size(), [&](Value i) {
          e.store(e.create<arith::SelectOp>(first, e.load(e.at(in[0].base, i, y.element()), y.element()), zero), e.at(y.base, i, y.element()));
        });
        return true;
      })
      .Case<ShiftIndexOp>([&](ShiftIndexOp s) {
        Geometry g = geometry(s.getSplit(), s.getSize(), mesh);
        Value by = e.mul(groupPosition(e, mesh, s.getSplit().getAxes()), g.chunk() * g.unit);
        Value by32 = e.create<arith::TruncIOp>(e.getI32Type(), by);
        e.parallel(y.size(), [&](Value i) {
          Type t = e.getI32Type();
          Value v = e.load(e.at(in[0].base, i, t), t);
          e.store(s.getMinus() ? e.sub(v, by32) : e.add(v, by32), e.at(y.base, i, t));
        });
        return true;
      })
      .Default([](Operation *) { return false; });
}
