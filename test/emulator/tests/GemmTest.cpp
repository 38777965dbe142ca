// The emulated cuBLASLt alone: layouts, transposes, types and epilogues against plain loops, and what it refuses.
#include "OnDevice.h"

#include <cmath>

namespace tp::emu {
namespace {

using namespace rt::cuda;

struct Case {
  bool transA, transB;
  int input, output, epilogue, biasType; // biasType -1: the output's
  std::string name() const {
    auto type = [](int t) { return std::string(t == typeBf16 ? "Bf16" : t == typeF32 ? "F32" : "Same"); };
    return std::string(transA ? "T" : "N") + (transB ? "T" : "N") + type(input) + type(output) + "Epilogue" +
           std::to_string(epilogue) + "Bias" + type(biasType);
  }
};

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (bool transA : {false, true})
    for (bool transB : {false, true})
      for (int input : {int(typeF32), int(typeBf16)})
        for (int output : {int(typeF32), int(typeBf16)})
          cases.push_back({transA, transB, input, output, epilogueNone, -1});
  for (int epilogue : {int(epilogueRelu), int(epilogueGelu), int(epilogueBias), int(epilogueBias) | epilogueRelu,
                       int(epilogueBias) | epilogueGelu})
    for (int biasType : {-1, int(typeF32), int(typeBf16)})
      cases.push_back({true, false, typeBf16, typeF32, epilogue, biasType});
  return cases;
}

// A column-major matrix with gaps between its columns, of small numbers that bf16 holds exactly.
struct Matrix {
  int type;
  uint64_t rows, columns, stride;
  std::vector<float> values; // stride x columns
  Matrix(int type, uint64_t rows, uint64_t columns, int seed)
      : type(type), rows(rows), columns(columns), stride(rows + 3), values(stride * columns) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float((int(i) * 7 + seed) % 15 - 7) / 4;
  }
  float at(uint64_t row, uint64_t column) const { return values[column * stride + row]; }
};

DeviceBuffer uploadAs(OnDevice &on, const std::vector<float> &values, int type) {
  if (type == typeF32)
    return on.upload(values);
  std::vector<uint16_t> halves;
  for (float value : values)
    halves.push_back(toBf16(value));
  return on.upload(halves);
}

float activate(float x, int epilogue) {
  if (epilogue & epilogueRelu)
    return std::max(x, 0.0f);
  if (epilogue & epilogueGelu)
    return float(0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (double(x) + 0.044715 * double(x) * x * x))));
  return x;
}

class Gemms : public testing::TestWithParam<Case> {
protected:
  static constexpr uint64_t m = 5, n = 7, k = 9;
  static void SetUpTestSuite() { useEmulator(1); }
  void TearDown() override {
    for (LtLayout layout : {la, lb, ld})
      cublasLt().cublasLtMatrixLayoutDestroy(layout);
    cublasLt().cublasLtMatmulDescDestroy(desc);
    cublasLt().cublasLtMatmulPreferenceDestroy(preference);
    cublasLt().cublasLtDestroy(handle);
    on.reset();
    tpEmuReset();
    EXPECT_STREQ(tpEmuLeaks(), "");
  }
  void describe(const Case &c, const Matrix &a, const Matrix &b, const Matrix &d, Pointer bias) {
    const int transA = c.transA, transB = c.transB;
    TP_CUBLAS(cublasLtCreate, &handle);
    TP_CUBLAS(cublasLtMatmulPreferenceCreate, &preference);
    TP_CUBLAS(cublasLtMatmulDescCreate, &desc, computeF32, typeF32);
    set(descTransA, transA);
    set(descTransB, transB);
    set(descEpilogue, c.epilogue);
    set(descBias, bias);
    if (c.biasType >= 0)
      set(descBiasType, c.biasType);
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &la, a.type, a.rows, a.columns, int64_t(a.stride));
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &lb, b.type, b.rows, b.columns, int64_t(b.stride));
    TP_CUBLAS(cublasLtMatrixLayoutCreate, &ld, d.type, d.rows, d.columns, int64_t(d.stride));
  }
  template <typename T> void set(int attribute, const T &value) {
    TP_CUBLAS(cublasLtMatmulDescSetAttribute, desc, attribute, &value, sizeof(value));
  }
  int choose(LtHeuristic &result) {
    int found = 0;
    return cublasLt().cublasLtMatmulAlgoGetHeuristic(handle, desc, la, lb, ld, ld, preference, 1, &result, &found);
  }
  int multiply(Pointer a, Pointer b, Pointer d, const LtAlgorithm *algorithm, float beta = 0) {
    const float alpha = 1;
    auto at = [](Pointer p) { return reinterpret_cast<void *>(p); };
    return cublasLt().cublasLtMatmul(handle, desc, &alpha, at(a), la, at(b), lb, &beta, at(d), ld, at(d), ld, algorithm,
                                     nullptr, 0, on->stream.get());
  }

  std::unique_ptr<OnDevice> on = std::make_unique<OnDevice>(0);
  LtHandle handle = nullptr;
  LtPreference preference = nullptr;
  LtDesc desc = nullptr;
  LtLayout la = nullptr, lb = nullptr, ld = nullptr;
};

TEST_P(Gemms, AsPlainLoops) {
  const Case &c = GetParam();
  const Matrix a(c.input, c.transA ? k : m, c.transA ? m : k, 1), b(c.input, c.transB ? n : k, c.transB ? k : n, 4);
  const Matrix d(c.output, m, n, 0);
  const int biasType = c.biasType < 0 ? c.output : c.biasType;
  const std::vector<float> bias = Matrix(biasType, m, 1, 2).values;
  const DeviceBuffer da = uploadAs(*on, a.values, c.input), db = uploadAs(*on, b.values, c.input);
  const DeviceBuffer dd = uploadAs(*on, d.values, c.output), dBias = uploadAs(*on, bias, biasType);
  describe(c, a, b, d, dBias.get());
  LtHeuristic result{};
  ASSERT_EQ(choose(result), 0);
  ASSERT_EQ(multiply(da.get(), db.get(), dd.get(), &result.algorithm), 0);
  ASSERT_EQ(on->wait(), "");
  std::vector<float> got;
  if (c.output == typeF32)
    got = on->download<float>(dd, d.values.size());
  else
    for (uint16_t half : on->download<uint16_t>(dd, d.values.size()))
      got.push_back(ofBf16(half));
  for (uint64_t j = 0; j < n; ++j)
    for (uint64_t i = 0; i < d.stride; ++i) {
      float sum = c.epilogue & epilogueBias && i < m ? bias[i] : 0;
      for (uint64_t l = 0; l < k && i < m; ++l)
        sum += (c.transA ? a.at(l, i) : a.at(i, l)) * (c.transB ? b.at(j, l) : b.at(l, j));
      float expected = i < m ? activate(sum, c.epilogue) : d.values[j * d.stride + i]; // the gaps stay
      if (c.output == typeBf16)
        expected = ofBf16(toBf16(expected));
      EXPECT_NEAR(got[j * d.stride + i], expected, 1e-5 * (1 + std::fabs(expected))) << i << " " << j;
    }
}

INSTANTIATE_TEST_SUITE_P(, Gemms, testing::ValuesIn(allCases()), [](const auto &info) { return info.param.name(); });

class BadGemms : public Gemms {
protected:
  const Case plain{true, false, typeF32, typeF32, epilogueNone, -1};
  const Matrix a{typeF32, k, m, 1}, b{typeF32, k, n, 4}, d{typeF32, m, n, 0};
};

TEST_P(BadGemms, SizesThatDoNotFit) {
  describe(plain, a, Matrix(typeF32, k + 1, n, 0), d, 0);
  LtHeuristic result{};
  EXPECT_EQ(choose(result), 7); // CUBLAS_STATUS_INVALID_VALUE
}

TEST_P(BadGemms, TypesThatDiffer) {
  describe(plain, a, Matrix(typeBf16, k, n, 0), d, 0);
  LtHeuristic result{};
  EXPECT_EQ(choose(result), 15); // CUBLAS_STATUS_NOT_SUPPORTED
}

TEST_P(BadGemms, AnAlgorithmThatWasNotChosen) {
  describe(plain, a, b, d, 0);
  const LtAlgorithm none{};
  EXPECT_EQ(multiply(0, 0, 0, &none), 7);
  EXPECT_EQ(multiply(0, 0, 0, nullptr), 7);
}

TEST_P(BadGemms, MemoryIsChecked) {
  describe(plain, a, b, d, 0);
  LtHeuristic result{};
  ASSERT_EQ(choose(result), 0);
  const DeviceBuffer da = on->upload(a.values), dd = on->upload(d.values);
  const DeviceBuffer tooSmall = on->upload(std::vector<float>(b.values.begin(), b.values.end() - 4)); // 3 are a gap
  ASSERT_EQ(multiply(da.get(), tooSmall.get(), dd.get(), &result.algorithm), 0);
  const std::string error = on->wait();
  EXPECT_NE(error.find("a GEMM reads"), std::string::npos) << error;
  EXPECT_NE(error.find("out of bounds"), std::string::npos) << error;
}

TEST_P(BadGemms, UninitialisedInputIsNamed) {
  describe(plain, a, b, d, 0);
  LtHeuristic result{};
  ASSERT_EQ(choose(result), 0);
  const DeviceBuffer da = on->upload(a.values), dd = on->upload(d.values);
  const DeviceBuffer fresh = makeDeviceBuffer(int64_t(b.values.size() * 4), "a test");
  ASSERT_EQ(multiply(da.get(), fresh.get(), dd.get(), &result.algorithm), 0);
  const std::string error = on->wait();
  EXPECT_NE(error.find("a GEMM reads"), std::string::npos) << error;
  EXPECT_NE(error.find("uninitialised memory, byte 0"), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(, BadGemms, testing::Values(Case{}), [](const auto &) { return std::string("Refused"); });

} // namespace
} // namespace tp::emu
