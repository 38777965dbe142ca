// Kernels by which ranks on one GPU, or on GPUs that see each other's memory, meet in device memory. Device code in C:
// scripts/meet-kernels makes Meet.ptx.inc from it, which the runtime carries.
//
// One launch a rank and collective. Every rank has a control block and two staging buffers, used in turn: a rank puts
// its source into its staging buffer, says so in the control block of every other, waits in its own until all have, and
// takes what it needs from their buffers. So what crosses between GPUs is a flag to each rank, which nobody waits for,
// and reads of the data. A buffer is written again two collectives later, when everyone has come to the one between, so
// nobody still reads it. All blocks wait, so there are few enough to be on the GPU together.
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;
typedef long long i64;

#define KERNEL __attribute__((nvptx_kernel, used))

// One per rank. Blocks are counted over all collectives; every rank launches as many.
struct Control {
  u32 arrived;  // blocks that have filled their part of the buffer
  u32 total;    // `arrived` when this collective began
  u32 parity;   // which buffer is next
  u32 done;     // blocks of this launch that have ended
  u32 filled[]; // by position: what that rank's `arrived` was when all its blocks had
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
static void write(u32 *word, u32 value) {
  __scoped_atomic_store_n(word, value, __ATOMIC_RELAXED, __MEMORY_SCOPE_SYSTEM);
}

// 16 bytes, which a thread reads and writes at once where everything is aligned to that.
typedef u32 Words __attribute__((vector_size(16)));
enum { wordsBytes = 16 };

enum { f32, bf16, i32 };
static u64 bytesOf(u64 type) { return type == bf16 ? 2 : 4; }
static float asFloat(u32 bits) { return __builtin_bit_cast(float, bits); }

static float load(const char *p, u64 at, u64 type) {
  return asFloat(type == bf16 ? (u32)((const u16 *)p)[at] << 16 : ((const u32 *)p)[at]);
}

// To nearest even; a quiet NaN stays one.
static u16 roundToBf16(float value) {
  u32 bits = __builtin_bit_cast(u32, value);
  return value != value ? (u16)(bits >> 16 | 0x40) : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void store(char *p, u64 at, u64 type, float value) {
  if (type == f32)
    ((u32 *)p)[at] = __builtin_bit_cast(u32, value);
  else
    ((u16 *)p)[at] = roundToBf16(value);
}

static int isRun(const struct Box *box) {
  return box->extent[0] * box->extent[1] * box->extent[2] * box->extent[3] == 1;
}

// Elements of the box, in order; gives the offsets on both sides.
static void locate(const struct Box *box, i64 index, i64 *src, i64 *dst) {
  *src = box->srcOffset;
  *dst = box->dstOffset;
  if (isRun(box)) {
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

static int areAligned(const char *a, const char *b) { return ((u64)a | (u64)b) % wordsBytes == 0; }

static void copy(char *dst, const char *src, u64 n, u64 type) {
  const u64 words = areAligned(dst, src) ? n * bytesOf(type) / wordsBytes : 0;
  for (u64 i = first(); i < words; i += step())
    ((Words *)dst)[i] = ((const Words *)src)[i];
  for (u64 i = words * wordsBytes / bytesOf(type) + first(); i < n; i += step())
    if (type == bf16)
      ((u16 *)dst)[i] = ((const u16 *)src)[i];
    else
      ((u32 *)dst)[i] = ((const u32 *)src)[i];
}

static void move(const struct Box *box, const char *src, char *dst, u64 type) {
  const i64 n = elements(box), size = (i64)bytesOf(type);
  if (isRun(box))
    return copy(dst + box->dstOffset * size, src + box->srcOffset * size, (u64)n, type);
  for (i64 i = first(); i < n; i += step()) {
    i64 from, to;
    locate(box, i, &from, &to);
    if (type == bf16)
      ((u16 *)dst)[to] = ((const u16 *)src)[from];
    else
      ((u32 *)dst)[to] = ((const u32 *)src)[from];
  }
}

static float combine(float sum, float x, u64 maximum) { return maximum ? (x > sum ? x : sum) : sum + x; }
static int combineInt(int sum, int x, u64 maximum) { return maximum ? (x > sum ? x : sum) : sum + x; }

// What ranks send to this one, of one shape each; `offset` is that of their buffers in use.
struct Addends {
  const struct Box *boxes;
  char *const *buffers;
  u64 offset, ranks, type, maximum;
};

static const char *addend(const struct Addends *a, u64 rank) {
  return a->buffers[rank] + a->offset + a->boxes[rank].srcOffset * (i64)bytesOf(a->type);
}

static int allAligned(const struct Addends *a, const char *dst) {
  int aligned = isRun(a->boxes);
  for (u64 r = 0; r < a->ranks; ++r)
    aligned &= areAligned(addend(a, r), dst);
  return aligned;
}

// 16 bytes of the result, in the order of the ranks.
static Words reduceWords(const struct Addends *a, u64 at) {
  float value[8];
  Words result;
  for (u64 r = 0; r < a->ranks; ++r) {
    const Words x = ((const Words *)addend(a, r))[at];
    for (int k = 0; k < 4; ++k) {
      if (a->type == i32) {
        result[k] = r == 0 ? x[k] : (u32)combineInt((int)result[k], (int)x[k], a->maximum);
      } else if (a->type == f32) {
        value[k] = r == 0 ? asFloat(x[k]) : combine(value[k], asFloat(x[k]), a->maximum);
      } else {
        const float low = asFloat(x[k] << 16), high = asFloat(x[k] & 0xffff0000);
        value[2 * k] = r == 0 ? low : combine(value[2 * k], low, a->maximum);
        value[2 * k + 1] = r == 0 ? high : combine(value[2 * k + 1], high, a->maximum);
      }
    }
  }
  for (int k = 0; k < 4; ++k)
    if (a->type == f32)
      result[k] = __builtin_bit_cast(u32, value[k]);
    else if (a->type == bf16)
      result[k] = (u32)roundToBf16(value[2 * k]) | (u32)roundToBf16(value[2 * k + 1]) << 16;
  return result;
}

// dst[i] = sum or maximum over ranks, in their order, of their element i.
static void reduce(const struct Addends *a, char *dst) {
  const i64 n = elements(a->boxes), size = (i64)bytesOf(a->type);
  char *to = dst + a->boxes->dstOffset * size;
  const i64 words = allAligned(a, to) ? n * size / wordsBytes : 0;
  for (i64 i = first(); i < words; i += step())
    ((Words *)to)[i] = reduceWords(a, (u64)i);
  for (i64 i = words * wordsBytes / size + first(); i < n; i += step()) {
    i64 source, target;
    float value = 0;
    int sum = 0;
    for (u64 r = 0; r < a->ranks; ++r) {
      locate(a->boxes + r, i, &source, &target);
      const char *from = a->buffers[r] + a->offset;
      if (a->type == i32) {
        const int x = ((const int *)from)[source];
        sum = r == 0 ? x : combineInt(sum, x, a->maximum);
      } else {
        const float x = load(from, (u64)source, a->type);
        value = r == 0 ? x : combine(value, x, a->maximum);
      }
    }
    if (a->type == i32)
      ((int *)dst)[target] = sum;
    else
      store(dst, (u64)target, a->type, value);
  }
}

// Returns when all ranks have filled their buffers, or the run was given up.
static void meet(struct Control *const *controls, u64 me, u64 ranks, u32 base, const u32 *abort) {
  struct Control *own = controls[me];
  const u32 full = base + blocks();
  __nvvm_bar_sync(0);
  if (threadIndex() == 0) {
    __nvvm_membar_sys(); // behind what this block has written
    if (count(&own->arrived) + 1 == full) {
      __nvvm_membar_sys(); // behind what the other blocks have
      for (u64 r = 0; r < ranks; ++r)
        write(&controls[r]->filled[me], full);
    }
  }
  for (u64 r = threadIndex(); r < ranks; r += blockSize())
    for (u32 turn = 0; (int)(read(&own->filled[r]) - full) < 0; ++turn)
      if (turn % 256 == 255 && read(abort))
        break;
  __nvvm_bar_sync(0);
}

// controls, buffers: by position in the group; a rank's buffer holds 2 * stride bytes. boxes: by position, what this
// rank takes from it. src: n elements. Waiting ends early when *abort is not 0.
KERNEL void tp_meet(struct Control *const *controls, char *const *buffers, u64 stride, u64 me, u64 ranks,
                    const char *src, u64 n, const struct Box *boxes, char *dst, u64 type, u64 reduces, u64 maximum,
                    const u32 *abort) {
  struct Control *own = controls[me];
  const u32 base = own->total, parity = own->parity;
  const struct Addends addends = {boxes, buffers, parity * stride, ranks, type, maximum};
  copy(buffers[me] + parity * stride, src, n, type);
  meet(controls, me, ranks, base, abort);
  if (reduces) {
    reduce(&addends, dst);
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
