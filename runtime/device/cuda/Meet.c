// Kernels by which ranks on one GPU, or on GPUs that see each other's memory, meet in device memory. Device code in C:
// scripts/meet-kernels makes Meet.ptx.inc from it, which the runtime carries.
//
// One launch a rank and collective. Every rank has a control block and two staging buffers, used in turn: a rank puts
// its source into its staging buffer, says so in its control block, waits until all others have, and takes what it
// needs from their buffers. A buffer is written again two collectives later, when everyone has come to the one between,
// so nobody still reads it. All blocks wait, so there are few enough to be on the GPU together.
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;
typedef long long i64;

#define KERNEL __attribute__((nvptx_kernel, used))

// 16 words, one per rank. `arrived` counts blocks that have filled their part of the buffer, over all collectives.
struct Control {
  u32 arrived;
  u32 total;  // `arrived` when this collective began
  u32 parity; // which buffer is next
  u32 done;   // blocks of this launch that have ended
  u32 unused[12];
};

// Transfer of comm/Transfer.h.
struct Box {
  i64 extent[5], srcStride[5], dstStride[5], srcOffset, dstOffset;
};

static u32 threadIndex(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static u32 blockIndex(void) { return __nvvm_read_ptx_sreg_ctaid_x(); }
static u32 blockSize(void) { return __nvvm_read_ptx_sreg_ntid_x(); }
static u32 blocks(void) { return __nvvm_read_ptx_sreg_nctaid_x(); }
static u32 first(void) { return blockIndex() * blockSize() + threadIndex(); }
static u32 step(void) { return blockSize() * blocks(); }
static u32 count(u32 *word) { return __scoped_atomic_fetch_add(word, 1, __ATOMIC_RELAXED, __MEMORY_SCOPE_SYSTEM); }
static u32 read(const u32 *word) { return __scoped_atomic_load_n(word, __ATOMIC_ACQUIRE, __MEMORY_SCOPE_SYSTEM); }

enum { f32, bf16, i32 };
static u64 bytesOf(u64 type) { return type == bf16 ? 2 : 4; }

static float load(const char *p, u64 at, u64 type) {
  u32 bits = type == bf16 ? (u32)((const u16 *)p)[at] << 16 : ((const u32 *)p)[at];
  return __builtin_bit_cast(float, bits);
}

static void store(char *p, u64 at, u64 type, float value) {
  u32 bits = __builtin_bit_cast(u32, value);
  if (type == f32)
    ((u32 *)p)[at] = bits;
  else // to nearest even; a quiet NaN stays one
    ((u16 *)p)[at] = value != value ? (u16)(bits >> 16 | 0x40) : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Elements of the box, in order; gives the offsets on both sides.
static void locate(const struct Box *box, i64 index, i64 *src, i64 *dst) {
  *src = box->srcOffset;
  *dst = box->dstOffset;
  if (box->extent[4] > index && box->extent[0] * box->extent[1] * box->extent[2] * box->extent[3] == 1) { // one run
    *src += index;
    *dst += index;
    return;
  }
  for (int d = 4; d >= 0; --d) {
    i64 i = index % box->extent[d];
    index /= box->extent[d];
    *src += i * box->srcStride[d];
    *dst += i * box->dstStride[d];
  }
}

static i64 elements(const struct Box *box) {
  return box->extent[0] * box->extent[1] * box->extent[2] * box->extent[3] * box->extent[4];
}

static void move(const struct Box *box, const char *src, char *dst, u64 type) {
  const i64 n = elements(box);
  for (i64 i = first(); i < n; i += step()) {
    i64 from, to;
    locate(box, i, &from, &to);
    if (type == bf16)
      ((u16 *)dst)[to] = ((const u16 *)src)[from];
    else
      ((u32 *)dst)[to] = ((const u32 *)src)[from];
  }
}

// dst[i] = sum or maximum over ranks, in their order, of their element i of the box (all boxes have one shape).
static void reduce(const struct Box *boxes, char *const *buffers, u64 offset, u64 ranks, char *dst, u64 type,
                   u64 maximum) {
  const i64 n = elements(boxes);
  for (i64 i = first(); i < n; i += step()) {
    i64 from, to;
    locate(boxes, i, &from, &to);
    float value = 0;
    int sum = 0;
    for (u64 r = 0; r < ranks; ++r) {
      locate(boxes + r, i, &from, &to);
      if (type == i32) {
        int x = ((const int *)(buffers[r] + offset))[from];
        sum = r == 0 ? x : maximum ? (x > sum ? x : sum) : sum + x;
      } else {
        float x = load(buffers[r] + offset, (u64)from, type);
        value = r == 0 ? x : maximum ? (x > value ? x : value) : value + x;
      }
    }
    if (type == i32)
      ((int *)dst)[to] = sum;
    else
      store(dst, (u64)to, type, value);
  }
}

// Returns when all ranks have filled their buffers, or the run was given up.
static void meet(struct Control *const *controls, u64 me, u64 ranks, u32 base, const u32 *abort) {
  __nvvm_bar_sync(0);
  if (threadIndex() == 0) {
    __nvvm_membar_sys();
    count(&controls[me]->arrived);
    for (u64 r = 0; r < ranks; ++r)
      for (u32 turn = 0; (int)(read(&controls[r]->arrived) - (base + blocks())) < 0; ++turn)
        if (turn % 256 == 255 && read(abort))
          break;
  }
  __nvvm_bar_sync(0);
}

// controls, buffers: by position in the group; a rank's buffer holds 2 * stride bytes. boxes: by position, what this
// rank takes from it. Waiting ends early when *abort is not 0.
KERNEL void tp_meet(struct Control *const *controls, char *const *buffers, u64 stride, u64 me, u64 ranks,
                    const u32 *src, u64 srcBytes, const struct Box *boxes, char *dst, u64 type, u64 reduces,
                    u64 maximum, const u32 *abort) {
  struct Control *own = controls[me];
  const u32 base = own->total, parity = own->parity;
  u32 *mine = (u32 *)(buffers[me] + parity * stride);
  for (u64 i = first(); i < srcBytes / 4; i += step())
    mine[i] = src[i];
  if (srcBytes % 4 && first() == 0)
    ((u16 *)mine)[srcBytes / 2 - 1] = ((const u16 *)src)[srcBytes / 2 - 1];
  meet(controls, me, ranks, base, abort);
  if (reduces) {
    reduce(boxes, buffers, parity * stride, ranks, dst, type, maximum);
  } else {
    for (u64 r = 0; r < ranks; ++r)
      move(boxes + r, buffers[r] + parity * stride, dst, type);
  }
  __nvvm_bar_sync(0);
  if (threadIndex() != 0)
    return;
  __nvvm_membar_sys();
  if (count(&own->done) + 1 == blocks()) { // the last to end
    own->total = base + blocks();
    own->parity = 1 - parity;
    own->done = 0;
  }
}

// One box, from one buffer of this rank to another.
KERNEL void tp_move(const struct Box *box, const char *src, char *dst, u64 type) { move(box, src, dst, type); }
