// Small helpers to write loops and vector code on raw memory.
#ifndef TP_LIB_CPUDIRECT_EMIT_H
#define TP_LIB_CPUDIRECT_EMIT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tp::cpu {

inline constexpr int64_t kLanes = 16;

struct Emit : mlir::ImplicitLocOpBuilder {
  Emit(mlir::Location loc, mlir::OpBuilder &b) : ImplicitLocOpBuilder(loc, b) {}
  mlir::Value thread, threads, rank; // i64

  mlir::Type ptrType() { return mlir::LLVM::LLVMPointerType::get(getContext()); }
  mlir::VectorType lanes(mlir::Type element) { return mlir::VectorType::get({kLanes}, element); }
  mlir::Value i(int64_t value) { return create<mlir::arith::ConstantOp>(getI64IntegerAttr(value)); }
  mlir::Value f(double value) { return create<mlir::arith::ConstantOp>(getF32FloatAttr(value)); }
  mlir::Value vf(double value) {
    return create<mlir::arith::ConstantOp>(mlir::DenseElementsAttr::get(lanes(getF32Type()), (float)value));
  }
  mlir::Value add(mlir::Value a, mlir::Value b) { return create<mlir::arith::AddIOp>(a, b); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return create<mlir::arith::SubIOp>(a, b); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return create<mlir::arith::MulIOp>(a, b); }
  mlir::Value div(mlir::Value a, mlir::Value b) { return create<mlir::arith::DivSIOp>(a, b); }
  mlir::Value rem(mlir::Value a, mlir::Value b) { return create<mlir::arith::RemSIOp>(a, b); }
  mlir::Value min(mlir::Value a, mlir::Value b) { return create<mlir::arith::MinSIOp>(a, b); }
  mlir::Value max(mlir::Value a, mlir::Value b) { return create<mlir::arith::MaxSIOp>(a, b); }
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, i(b)); }
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, i(b)); }
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) { return create<mlir::math::FmaOp>(a, b, c); }
  mlir::Value splat(mlir::Value scalar) { return create<mlir::vector::BroadcastOp>(lanes(scalar.getType()), scalar); }
  mlir::Value cmp(mlir::arith::CmpIPredicate p, mlir::Value a, mlir::Value b) { return create<mlir::arith::CmpIOp>(p, a, b); }

  mlir::Value at(mlir::Value base, mlir::Value index, mlir::Type element) {
    return create<mlir::LLVM::GEPOp>(ptrType(), element, base, mlir::ValueRange{index});
  }
  mlir::Value bytes(mlir::Value base, int64_t offset) { return at(base, i(offset), getI8Type()); }
  mlir::Value load(mlir::Value p, mlir::Type type) {
    return create<mlir::LLVM::LoadOp>(type, p, mlir::isa<mlir::VectorType>(type) ? 2 : 0);
  }
  void store(mlir::Value v, mlir::Value p) { create<mlir::LLVM::StoreOp>(v, p, mlir::isa<mlir::VectorType>(v.getType()) ? 2 : 0); }

  // f32 from memory of any float type, and back with one rounding.
  mlir::Value loadF(mlir::Value base, mlir::Value index, mlir::Type element) {
    mlir::Value v = load(at(base, index, element), element);
    return element.isF32() ? v : create<mlir::arith::ExtFOp>(getF32Type(), v).getResult();
  }
  void storeF(mlir::Value v, mlir::Value base, mlir::Value index, mlir::Type element) {
    if (!element.isF32())
      v = create<mlir::arith::TruncFOp>(element, v);
    store(v, at(base, index, element));
  }
  // The same for 16 neighbours, the first `count` of them.
  mlir::Value loadV(mlir::Value base, mlir::Value index, mlir::Type element, int64_t count = kLanes) {
    mlir::Value p = at(base, index, element), v;
    if (count >= kLanes)
      v = load(p, lanes(element));
    else
      v = create<mlir::LLVM::MaskedLoadOp>(lanes(element), p, mask(count), zeros(element), 2u);
    return element.isF32() ? v : create<mlir::arith::ExtFOp>(lanes(getF32Type()), v).getResult();
  }
  void storeV(mlir::Value v, mlir::Value base, mlir::Value index, mlir::Type element, int64_t count = kLanes) {
    if (!element.isF32())
      v = create<mlir::arith::TruncFOp>(lanes(element), v);
    mlir::Value p = at(base, index, element);
    if (count >= kLanes)
      store(v, p);
    else
      create<mlir::LLVM::MaskedStoreOp>(v, p, mask(count), 2u);
  }
  mlir::Value zeros(mlir::Type element) { return create<mlir::arith::ConstantOp>(getZeroAttr(lanes(element))); }
  mlir::Value mask(int64_t count) {
    llvm::SmallVector<bool> bits(kLanes);
    for (int64_t l = 0; l < kLanes; ++l)
      bits[l] = l < count;
    return create<mlir::arith::ConstantOp>(mlir::DenseElementsAttr::get(lanes(getI1Type()), bits));
  }
  mlir::Value reduceAdd(mlir::Value v) { return create<mlir::vector::ReductionOp>(mlir::vector::CombiningKind::ADD, v, mlir::arith::FastMathFlags::reassoc); }
  mlir::Value reduceMax(mlir::Value v) { return create<mlir::vector::ReductionOp>(mlir::vector::CombiningKind::MAXNUMF, v, mlir::arith::FastMathFlags::reassoc); }

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value iv, mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> loop(mlir::Value begin, mlir::Value end, int64_t step, mlir::ValueRange init, Body body) {
    auto op = create<mlir::scf::ForOp>(begin, end, i(step), init);
    mlir::OpBuilder::InsertionGuard guard(*this);
    // An empty loop comes with a terminator, one that carries values without.
    if (init.empty())
      setInsertionPoint(op.getBody()->getTerminator());
    else
      setInsertionPointToStart(op.getBody());
    auto results = body(op.getInductionVar(), op.getRegionIterArgs());
    if (!init.empty())
      create<mlir::scf::YieldOp>(results);
    return llvm::SmallVector<mlir::Value>(op.getResults());
  }
  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body) {
    loop(begin, end, step, {}, [&](mlir::Value iv, mlir::ValueRange) -> llvm::SmallVector<mlir::Value> {
      body(iv);
      return {};
    });
  }
  // This thread's share of [0, count).
  void parallel(int64_t count, llvm::function_ref<void(mlir::Value)> body) {
    if (count <= 0)
      return;
    mlir::Value begin = div(mul(i(count), thread), threads), end = div(mul(i(count), add(thread, 1)), threads);
    loop(begin, end, 1, body);
  }
  void when(mlir::Value condition, llvm::function_ref<void()> body) {
    auto op = create<mlir::scf::IfOp>(condition);
    mlir::OpBuilder::InsertionGuard guard(*this);
    setInsertionPoint(op.getThenRegion().front().getTerminator());
    body();
  }
  // exp of 16 values, error below 2 units in the last place.
  mlir::Value exp(mlir::Value x) {
    x = create<mlir::arith::MinNumFOp>(create<mlir::arith::MaxNumFOp>(x, vf(-87.0)), vf(88.3));
    mlir::Value n = create<mlir::math::RoundEvenOp>(create<mlir::arith::MulFOp>(x, vf(1.44269504088896341)));
    mlir::Value r = fma(n, vf(-0.693145751953125), x);
    r = fma(n, vf(-1.42860682030941723212e-6), r);
    mlir::Value p = vf(1.9875691500e-4);
    for (double c : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1})
      p = fma(p, r, vf(c));
    p = fma(create<mlir::arith::MulFOp>(r, r), p, create<mlir::arith::AddFOp>(r, vf(1.0)));
    mlir::Value e = create<mlir::arith::FPToSIOp>(lanes(getI32Type()), n);
    mlir::Value bias = create<mlir::arith::ConstantOp>(mlir::DenseElementsAttr::get(lanes(getI32Type()), (int32_t)127));
    mlir::Value shift = create<mlir::arith::ConstantOp>(mlir::DenseElementsAttr::get(lanes(getI32Type()), (int32_t)23));
    e = create<mlir::arith::ShLIOp>(create<mlir::arith::AddIOp>(e, bias), shift);
    return create<mlir::arith::MulFOp>(p, create<mlir::arith::BitcastOp>(lanes(getF32Type()), e));
  }
};

} // namespace tp::cpu

#endif
