// The emulated cuBLASLt: a plain GEMM over any layouts and transposes, with bias, relu and gelu behind it.
#include "Api.h"

#include <cmath>
#include <cstring>

using namespace tp::emu;
using namespace tp::rt::cuda;

namespace {

struct Desc {
  int transA = 0, transB = 0, epilogue = epilogueNone, biasType = -1;
  Pointer bias = 0;
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride; // elements between columns
  uint64_t elementBytes() const { return type == typeBf16 ? 2 : 4; }
  uint64_t bytes() const { return (uint64_t(stride) * (columns - 1) + rows) * elementBytes(); }
};

constexpr int invalidValue = 7, notSupported = 15;

float load(const char *p, int type) {
  if (type == typeF32) {
    float value;
    std::memcpy(&value, p, 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, p, 2);
  const uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void store(char *p, int type, float value) {
  if (type == typeF32) {
    std::memcpy(p, &value, 4);
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const auto half = uint16_t(std::isnan(value) ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  std::memcpy(p, &half, 2);
}

// A column-major matrix as rows of `inner` consecutive floats, one row per outer index.
std::vector<float> rowsOf(const char *data, const Layout &m, bool innerIsRow, uint64_t outer, uint64_t inner) {
  std::vector<float> out(outer * inner);
  for (uint64_t o = 0; o < outer; ++o)
    for (uint64_t i = 0; i < inner; ++i) {
      const uint64_t at = innerIsRow ? o * uint64_t(m.stride) + i : i * uint64_t(m.stride) + o;
      out[o * inner + i] = load(data + at * m.elementBytes(), m.type);
    }
  return out;
}

float dot(const float *a, const float *b, uint64_t n) {
#pragma clang fp reassociate(on) contract(fast)
  float sum = 0;
  for (uint64_t i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

float activate(float x, int epilogue) {
  if (epilogue & epilogueRelu)
    return x > 0 ? x : 0;
  if (epilogue & epilogueGelu)
    return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
  return x;
}

struct Gemm {
  Desc desc;
  Layout a, b, d;
  Pointer aAt, bAt, dAt;
  float alpha;

  std::string run(OpId op) const {
    Memory &memory = Memory::get();
    std::string problem;
    const uint64_t m = d.rows, n = d.columns, k = desc.transA ? a.rows : a.columns;
    const char *aHost = memory.access(aAt, a.bytes(), Access::read, op, problem);
    const char *bHost = aHost ? memory.access(bAt, b.bytes(), Access::read, op, problem) : nullptr;
    const uint64_t biasBytes = desc.biasType == typeBf16 ? 2 : 4;
    const bool biased = desc.epilogue & epilogueBias;
    const char *bias = bHost && biased ? memory.access(desc.bias, m * biasBytes, Access::read, op, problem) : nullptr;
    char *out = bHost && problem.empty() ? memory.access(dAt, d.bytes(), Access::write, op, problem) : nullptr;
    if (!out)
      return "a GEMM " + problem;
    const std::vector<float> as = rowsOf(aHost, a, desc.transA, m, k), bs = rowsOf(bHost, b, !desc.transB, n, k);
    for (uint64_t j = 0; j < n; ++j)
      for (uint64_t i = 0; i < m; ++i) {
        float value = alpha * dot(&as[i * k], &bs[j * k], k);
        if (biased)
          value += load(bias + i * biasBytes, desc.biasType < 0 ? d.type : desc.biasType);
        store(out + (j * uint64_t(d.stride) + i) * d.elementBytes(), d.type, activate(value, desc.epilogue));
      }
    return "";
  }
};

template <typename T, typename H> T *object(H handle) { return reinterpret_cast<T *>(handle); }

template <typename T, typename H> int make(const char *sort, H *handle, T value) {
  ++Emulator::get().others[sort];
  *handle = reinterpret_cast<H>(new T(value));
  return 0;
}

template <typename T, typename H> int destroy(const char *sort, H handle) {
  --Emulator::get().others[sort];
  delete reinterpret_cast<T *>(handle);
  return 0;
}

bool fits(const Gemm &g) {
  const uint64_t am = g.desc.transA ? g.a.columns : g.a.rows, ak = g.desc.transA ? g.a.rows : g.a.columns;
  const uint64_t bn = g.desc.transB ? g.b.rows : g.b.columns, bk = g.desc.transB ? g.b.columns : g.b.rows;
  return am == g.d.rows && bn == g.d.columns && ak == bk && uint64_t(g.a.stride) >= g.a.rows &&
         uint64_t(g.b.stride) >= g.b.rows && uint64_t(g.d.stride) >= g.d.rows;
}

// What the library says it can do: bf16 needs rows aligned to 16 bytes for its best kernels, but all are taken.
bool supported(const Gemm &g) { return g.a.type == g.b.type && (g.a.type == typeF32 || g.a.type == typeBf16); }

} // namespace

#define TP_MAKE(name, sort, handle, value)                                                                             \
  TP_ENTER_ANY(name)                                                                                                   \
  return make(sort, handle, value)
#define TP_DESTROY(name, type, sort, handle)                                                                           \
  TP_RELEASE(name)                                                                                                     \
  destroy<type>(sort, handle);                                                                                         \
  return planned

extern "C" {

int cublasLtCreate(LtHandle *handle) { TP_MAKE(cublasLtCreate, "cuBLASLt handles", handle, currentDevice); }
int cublasLtDestroy(LtHandle handle) { TP_DESTROY(cublasLtDestroy, int, "cuBLASLt handles", handle); }

int cublasLtMatmulDescCreate(LtDesc *desc, int compute, int) {
  if (compute != computeF32)
    return notSupported;
  TP_MAKE(cublasLtMatmulDescCreate, "cuBLASLt descriptors", desc, Desc{});
}
int cublasLtMatmulDescDestroy(LtDesc desc) {
  TP_DESTROY(cublasLtMatmulDescDestroy, Desc, "cuBLASLt descriptors", desc);
}

int cublasLtMatmulDescSetAttribute(LtDesc handle, int attribute, const void *value, size_t bytes) {
  TP_ENTER_ANY(cublasLtMatmulDescSetAttribute)
  Desc &desc = *object<Desc>(handle);
  int *fields[] = {&desc.transA, &desc.transB, &desc.epilogue, &desc.biasType};
  const int attributes[] = {descTransA, descTransB, descEpilogue, descBiasType};
  for (int i = 0; i < 4; ++i)
    if (attribute == attributes[i] && bytes == 4)
      return std::memcpy(fields[i], value, 4), 0;
  if (attribute != descBias || bytes != 8)
    return invalidValue;
  std::memcpy(&desc.bias, value, 8);
  return 0;
}

int cublasLtMatrixLayoutCreate(LtLayout *layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  TP_MAKE(cublasLtMatrixLayoutCreate, "cuBLASLt layouts", layout, (Layout{type, rows, columns, stride}));
}
int cublasLtMatrixLayoutDestroy(LtLayout layout) {
  TP_DESTROY(cublasLtMatrixLayoutDestroy, Layout, "cuBLASLt layouts", layout);
}
int cublasLtMatmulPreferenceCreate(LtPreference *preference) {
  TP_MAKE(cublasLtMatmulPreferenceCreate, "cuBLASLt preferences", preference, uint64_t(0));
}
int cublasLtMatmulPreferenceDestroy(LtPreference preference) {
  TP_DESTROY(cublasLtMatmulPreferenceDestroy, uint64_t, "cuBLASLt preferences", preference);
}
int cublasLtMatmulPreferenceSetAttribute(LtPreference preference, int attribute, const void *value, size_t bytes) {
  TP_ENTER_ANY(cublasLtMatmulPreferenceSetAttribute)
  if (attribute != preferenceWorkspace || bytes != 8)
    return invalidValue;
  std::memcpy(object<uint64_t>(preference), value, 8);
  return 0;
}

int cublasLtMatmulAlgoGetHeuristic(LtHandle, LtDesc desc, LtLayout a, LtLayout b, LtLayout, LtLayout d, LtPreference,
                                   int wanted, LtHeuristic *results, int *found) {
  TP_ENTER_ANY(cublasLtMatmulAlgoGetHeuristic)
  const Gemm gemm{*object<Desc>(desc), *object<Layout>(a), *object<Layout>(b), *object<Layout>(d), 0, 0, 0, 1};
  *found = 0;
  if (wanted < 1 || !fits(gemm))
    return invalidValue;
  if (!supported(gemm))
    return notSupported;
  results[0] = {};
  results[0].algorithm.data[0] = 0x7470;
  *found = 1;
  return 0;
}

int cublasLtMatmul(LtHandle, LtDesc desc, const void *alpha, const void *a, LtLayout aLayout, const void *b,
                   LtLayout bLayout, const void *beta, const void *, LtLayout, void *d, LtLayout dLayout,
                   const LtAlgorithm *algorithm, void *, size_t, Stream streamHandle) {
  TP_ENTER_ANY(cublasLtMatmul)
  auto *stream = e.streams.find(streamHandle);
  auto at = [](const void *p) { return reinterpret_cast<Pointer>(p); };
  Gemm gemm{*object<Desc>(desc),
            *object<Layout>(aLayout),
            *object<Layout>(bLayout),
            *object<Layout>(dLayout),
            at(a),
            at(b),
            at(d),
            0};
  float scale = 1;
  std::memcpy(&gemm.alpha, alpha, 4);
  std::memcpy(&scale, beta, 4);
  if (!stream || !fits(gemm) || !algorithm || algorithm->data[0] != 0x7470)
    return invalidValue;
  if (!supported(gemm) || scale != 0)
    return notSupported;
  e.enqueue(lock, *stream, "a GEMM", [gemm](OpId op) { return gemm.run(op); });
  return 0;
}

} // extern "C"
