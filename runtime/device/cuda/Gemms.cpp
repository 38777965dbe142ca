#include "device/cuda/Gemms.h"

namespace tp::rt::cuda {
namespace {

int typeOf(ElementType type) { return type == ElementType::bf16 ? typeBf16 : typeF32; }

int epilogueOf(const CudaGemm &gemm) {
  int epilogue = gemm.epilogue == "relu" ? epilogueRelu : gemm.epilogue == "gelu_tanh" ? epilogueGelu : 0;
  if (gemm.bias)
    epilogue |= epilogueBias;
  return epilogue ? epilogue : int(epilogueNone);
}

} // namespace

// cuBLASLt counts columns first: in its eyes y is [n, m] = w [k, n] transposed, times x [k, m].
struct GemmTable::Plan {
  explicit Plan(const CudaGemm &gemm) : gemm(gemm) {}
  ~Plan() {
    if (desc)
      cublasLt().cublasLtMatmulDescDestroy(desc);
    for (LtLayout layout : {w, x, y})
      if (layout)
        cublasLt().cublasLtMatrixLayoutDestroy(layout);
  }
  Plan(const Plan &) = delete;

  void make() {
    const int transpose = operationTranspose, epilogue = epilogueOf(gemm);
    TP_CUBLAS(cublasLtMatmulDescCreate, &desc, computeF32, typeF32);
    set(descTransA, transpose);
    set(descEpilogue, epilogue);
    if (gemm.bias)
      set(descBiasType, typeOf(*gemm.bias));
    const auto m = uint64_t(gemm.m), n = uint64_t(gemm.n), k = uint64_t(gemm.k);
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &w, typeOf(gemm.input), k, n, gemm.k);
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &x, typeOf(gemm.input), k, m, gemm.k);
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &y, typeOf(gemm.output), n, m, gemm.n);
  }

  template <typename T> void set(int attribute, const T &value) {
    TP_CUBLAS(cublasLtMatmulDescSetAttribute, desc, attribute, &value, sizeof(value));
  }

  void choose(LtHandle handle, LtPreference preference) {
    LtHeuristic result{};
    int found = 0;
    TP_CUBLAS(cublasLtMatmulAlgoGetHeuristic, handle, desc, w, x, y, y, preference, 1, &result, &found);
    if (found < 1)
      throw Error("cuBLASLt has no algorithm for the GEMM " + std::to_string(gemm.m) + " x " + std::to_string(gemm.n) +
                  " x " + std::to_string(gemm.k));
    algorithm = result.algorithm;
  }

  const CudaGemm &gemm;
  LtDesc desc = nullptr;
  LtLayout w = nullptr, x = nullptr, y = nullptr;
  LtAlgorithm algorithm{};
};

GemmTable::GemmTable(const CudaTarget &target) : workspaceBytes(target.workspaceBytes) {
  if (target.gemms.empty())
    return;
  struct Preference {
    LtPreference handle = nullptr;
    ~Preference() {
      if (handle)
        cublasLt().cublasLtMatmulPreferenceDestroy(handle);
    }
  } preference;
  workspace = makeDeviceBuffer(workspaceBytes, "cuBLASLt's workspace");
  for (const CudaGemm &gemm : target.gemms)
    plans.push_back(std::make_unique<Plan>(gemm));
  TP_CUBLAS(cublasLtMatmulPreferenceCreate, &preference.handle);
  const auto bytes = size_t(workspaceBytes);
  TP_CUBLAS(cublasLtMatmulPreferenceSetAttribute, preference.handle, preferenceWorkspace, &bytes, sizeof(bytes));
  TP_CUBLAS(cublasLtCreate, &handle);
  try {
    for (auto &plan : plans) {
      plan->make();
      plan->choose(handle, preference.handle);
    }
  } catch (...) {
    cublasLt().cublasLtDestroy(handle);
    throw;
  }
}

GemmTable::~GemmTable() {
  plans.clear();
  if (handle)
    cublasLt().cublasLtDestroy(handle);
}

void GemmTable::run(Stream stream, int32_t gemm, Pointer x, Pointer w, Pointer bias, Pointer y) {
  if (gemm < 0 || size_t(gemm) >= plans.size())
    throw Error("the program calls GEMM " + std::to_string(gemm) + ", the manifest has " +
                std::to_string(plans.size()));
  Plan &plan = *plans[size_t(gemm)];
  if (plan.gemm.bias)
    plan.set(descBias, bias);
  const float one = 1, zero = 0;
  auto at = [](Pointer p) { return reinterpret_cast<void *>(p); };
  TP_CUBLAS(cublasLtMatmul, handle, plan.desc, &one, at(w), plan.w, at(x), plan.x, &zero, at(y), plan.y, at(y), plan.y,
            &plan.algorithm, at(workspace.get()), size_t(workspaceBytes), stream);
}

} // namespace tp::rt::cuda
