target datalayout = "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64"
target triple = "nvptx64-nvidia-cuda"

@sums = internal addrspace(3) global [4 x float] undef, align 4
@tile = internal addrspace(3) global [64 x float] undef, align 16
@async = internal addrspace(3) global [128 x i32] undef, align 16

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare float @llvm.nvvm.shfl.sync.bfly.f32(i32, float, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.down.i32(i32, i32, i32, i32)
declare float @llvm.exp2.f32(float)
declare void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3), ptr addrspace(1))
declare void @llvm.nvvm.cp.async.commit.group()
declare void @llvm.nvvm.cp.async.wait.group(i32 immarg)
declare { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32, i32, i32, i32, i32, i32, float, float, float, float)

define ptx_kernel void @exp2_all(ptr %x, ptr %y, i64 %n) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %w = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %bw = mul i32 %b, %w
  %i32 = add i32 %bw, %t
  %i = zext i32 %i32 to i64
  %in = icmp ult i64 %i, %n
  br i1 %in, label %body, label %end
body:
  %px = getelementptr float, ptr %x, i64 %i
  %v = load float, ptr %px, align 4
  %e = call float @llvm.exp2.f32(float %v)
  %py = getelementptr float, ptr %y, i64 %i
  store float %e, ptr %py, align 4
  br label %end
end:
  ret void
}

define ptx_kernel void @block_sum(ptr %x, ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr float, ptr %x, i32 %t
  %v = load float, ptr %p, align 4
  %s16 = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v, i32 16, i32 31)
  %v16 = fadd float %v, %s16
  %s8 = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v16, i32 8, i32 31)
  %v8 = fadd float %v16, %s8
  %s4 = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v8, i32 4, i32 31)
  %v4 = fadd float %v8, %s4
  %s2 = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v4, i32 2, i32 31)
  %v2 = fadd float %v4, %s2
  %s1 = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %v2, i32 1, i32 31)
  %v1 = fadd float %v2, %s1
  %lane = and i32 %t, 31
  %warp = lshr i32 %t, 5
  %first = icmp eq i32 %lane, 0
  br i1 %first, label %put, label %meet
put:
  %ps = getelementptr float, ptr addrspace(3) @sums, i32 %warp
  store float %v1, ptr addrspace(3) %ps, align 4
  br label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %a = load float, ptr addrspace(3) @sums, align 4
  %b = load float, ptr addrspace(3) getelementptr (i8, ptr addrspace(3) @sums, i64 4), align 4
  %c = load float, ptr addrspacecast (ptr addrspace(3) getelementptr (i8, ptr addrspace(3) @sums, i64 8) to ptr), align 4
  %d = load float, ptr addrspace(3) getelementptr (i8, ptr addrspace(3) @sums, i64 12), align 4
  %ab = fadd float %a, %b
  %cd = fadd float %c, %d
  %all = fadd float %ab, %cd
  %zero = icmp eq i32 %t, 0
  br i1 %zero, label %write, label %end
write:
  store float %all, ptr %y, align 4
  br label %end
end:
  ret void
}

define ptx_kernel void @count(ptr %n) {
  %old = atomicrmw add ptr %n, i32 1 monotonic, align 4
  ret void
}

define ptx_kernel void @grid_barrier(ptr %n, i64 %blocks64) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %blocks = trunc i64 %blocks64 to i32
  %first = icmp eq i32 %t, 0
  br i1 %first, label %arrive, label %meet
arrive:
  %old = atomicrmw add ptr %n, i32 1 syncscope("device") release, align 4
  br label %wait
wait:
  %now = load atomic i32, ptr %n syncscope("device") acquire, align 4
  %missing = icmp ult i32 %now, %blocks
  br i1 %missing, label %wait, label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ret void
}

; a: 16 x 16 row-major, b: 8 columns of 16, d: 16 x 8 row-major.
define ptx_kernel void @mma(ptr %a, ptr %b, ptr %d) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %group = lshr i32 %t, 2
  %member = and i32 %t, 3
  %pair = shl i32 %member, 1
  %row = shl i32 %group, 4
  %i0 = add i32 %row, %pair
  %i1 = add i32 %i0, 128
  %i2 = add i32 %i0, 8
  %i3 = add i32 %i0, 136
  %pa0 = getelementptr i16, ptr %a, i32 %i0
  %pa1 = getelementptr i16, ptr %a, i32 %i1
  %pa2 = getelementptr i16, ptr %a, i32 %i2
  %pa3 = getelementptr i16, ptr %a, i32 %i3
  %a0 = load i32, ptr %pa0, align 4
  %a1 = load i32, ptr %pa1, align 4
  %a2 = load i32, ptr %pa2, align 4
  %a3 = load i32, ptr %pa3, align 4
  %pb0 = getelementptr i16, ptr %b, i32 %i0
  %pb1 = getelementptr i16, ptr %b, i32 %i2
  %b0 = load i32, ptr %pb0, align 4
  %b1 = load i32, ptr %pb1, align 4
  %r = call { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32 %a0, i32 %a1, i32 %a2, i32 %a3, i32 %b0, i32 %b1, float 0.0, float 0.0, float 0.0, float 0.0)
  %row8 = shl i32 %group, 3
  %o0 = add i32 %row8, %pair
  %o2 = add i32 %o0, 64
  %d0 = extractvalue { float, float, float, float } %r, 0
  %d1 = extractvalue { float, float, float, float } %r, 1
  %d2 = extractvalue { float, float, float, float } %r, 2
  %d3 = extractvalue { float, float, float, float } %r, 3
  %v0 = insertelement <2 x float> poison, float %d0, i32 0
  %v1 = insertelement <2 x float> %v0, float %d1, i32 1
  %w0 = insertelement <2 x float> poison, float %d2, i32 0
  %w1 = insertelement <2 x float> %w0, float %d3, i32 1
  %po0 = getelementptr float, ptr %d, i32 %o0
  %po2 = getelementptr float, ptr %d, i32 %o2
  store <2 x float> %v1, ptr %po0, align 8
  store <2 x float> %w1, ptr %po2, align 8
  ret void
}

define ptx_kernel void @async_copy(ptr %x, ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %i = shl i32 %t, 2
  %gx = addrspacecast ptr %x to ptr addrspace(1)
  %px = getelementptr i32, ptr addrspace(1) %gx, i32 %i
  %ps = getelementptr i32, ptr addrspace(3) @async, i32 %i
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %ps, ptr addrspace(1) %px)
  call void @llvm.nvvm.cp.async.commit.group()
  call void @llvm.nvvm.cp.async.wait.group(i32 0)
  %v = load <4 x i32>, ptr addrspace(3) %ps, align 16
  %py = getelementptr i32, ptr %y, i32 %i
  store <4 x i32> %v, ptr %py, align 16
  ret void
}

define ptx_kernel void @async_copy_unwaited(ptr %x, ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %i = shl i32 %t, 2
  %gx = addrspacecast ptr %x to ptr addrspace(1)
  %px = getelementptr i32, ptr addrspace(1) %gx, i32 %i
  %ps = getelementptr i32, ptr addrspace(3) @async, i32 %i
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %ps, ptr addrspace(1) %px)
  call void @llvm.nvvm.cp.async.commit.group()
  %v = load <4 x i32>, ptr addrspace(3) %ps, align 16
  %py = getelementptr i32, ptr %y, i32 %i
  store <4 x i32> %v, ptr %py, align 16
  ret void
}

define ptx_kernel void @vector_copy(ptr %x, ptr %y) {
  %v = load <4 x float>, ptr %x, align 16
  store <4 x float> %v, ptr %y, align 16
  ret void
}

define ptx_kernel void @barrier_in_branch() {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %upper = icmp uge i32 %t, 32
  br i1 %upper, label %meet, label %end
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %end
end:
  ret void
}

; The lower half of a warp shuffles from the upper.
define ptx_kernel void @shuffle_half(ptr %y, i64 %mask64) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %mask = trunc i64 %mask64 to i32
  %lower = icmp ult i32 %t, 16
  br i1 %lower, label %shuffle, label %end
shuffle:
  %v = call i32 @llvm.nvvm.shfl.sync.down.i32(i32 %mask, i32 %t, i32 16, i32 31)
  %p = getelementptr i32, ptr %y, i32 %t
  store i32 %v, ptr %p, align 4
  br label %end
end:
  ret void
}

define ptx_kernel void @no_barrier(ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %own = getelementptr i32, ptr addrspace(3) @tile, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  %mirrored = sub i32 63, %t
  %other = getelementptr i32, ptr addrspace(3) @tile, i32 %mirrored
  %v = load i32, ptr addrspace(3) %other, align 4
  %p = getelementptr i32, ptr %y, i32 %t
  store i32 %v, ptr %p, align 4
  ret void
}

; Written again while others may still read.
define ptx_kernel void @no_second_barrier(ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %own = getelementptr i32, ptr addrspace(3) @tile, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %mirrored = sub i32 63, %t
  %other = getelementptr i32, ptr addrspace(3) @tile, i32 %mirrored
  %v = load i32, ptr addrspace(3) %other, align 4
  store i32 %v, ptr addrspace(3) %own, align 4
  ret void
}

define ptx_kernel void @shared_overrun(ptr %y) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %own = getelementptr i32, ptr addrspace(3) @tile, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  ret void
}

define ptx_kernel void @between_variables() {
  store i32 1, ptr addrspace(3) getelementptr (i8, ptr addrspace(3) @sums, i64 16), align 4
  store i32 1, ptr addrspace(3) @tile, align 4
  ret void
}
