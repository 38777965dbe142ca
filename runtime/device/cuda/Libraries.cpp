#include "device/cuda/Libraries.h"

#include <cstdlib>
#include <dlfcn.h>
#include <vector>

namespace tp::rt::cuda {
namespace {

// The handle of the first file that opens.
void *openFirst(const char *what, const std::vector<std::string> &names) {
  const char *folder = std::getenv("TP_CUDA_LIBRARIES");
  std::string tried;
  for (const std::string &name : names) {
    const std::string path = folder ? std::string(folder) + "/" + name : name;
    if (void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return handle;
    tried += (tried.empty() ? "" : ", ") + path;
  }
  const char *why = dlerror(); // of the last
  throw Error(std::string(what) + " is missing: looked for " + tried + (why ? " (" + std::string(why) + ")" : ""));
}

void *symbolOf(void *handle, const char *what, const char *name) {
  void *symbol = dlsym(handle, name);
  if (!symbol)
    throw Error(std::string(what) + " has no function " + name + ": it is too old");
  return symbol;
}

CudaTable openDriver() {
  const char *what = "the NVIDIA driver";
  void *handle = openFirst(what, {"libcuda.so.1", "libcuda.so"});
  CudaTable table;
#define TP_LOAD(name, parameters) table.name = reinterpret_cast<decltype(table.name)>(symbolOf(handle, what, #name));
  TP_CUDA_FUNCTIONS(TP_LOAD)
  return table;
}

LtTable openCublasLt() {
  const char *what = "cuBLASLt";
  void *handle = openFirst(what, {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11", "libcublasLt.so"});
  LtTable table;
  TP_CUBLASLT_FUNCTIONS(TP_LOAD)
  return table;
}

NcclTable openNccl() {
  const char *what = "NCCL";
  void *handle = openFirst(what, {"libnccl.so.2", "libnccl.so"});
  NcclTable table;
  TP_NCCL_FUNCTIONS(TP_LOAD)
  table.ncclGetErrorString =
      reinterpret_cast<decltype(table.ncclGetErrorString)>(symbolOf(handle, what, "ncclGetErrorString"));
#undef TP_LOAD
  return table;
}

// The documented name: versions of a function differ in a suffix.
std::string plainName(const char *call) {
  std::string name = call;
  if (name.size() > 3 && name[name.size() - 3] == '_' && name[name.size() - 2] == 'v')
    name.resize(name.size() - 3);
  return name;
}

} // namespace

const CudaTable &driver() {
  static const CudaTable table = openDriver();
  return table;
}

const LtTable &cublasLt() {
  static const LtTable table = openCublasLt();
  return table;
}

const NcclTable &nccl() {
  static const NcclTable table = openNccl();
  return table;
}

std::string cudaMessage(const char *call, int code) {
  const char *name = nullptr, *text = nullptr;
  driver().cuGetErrorName(code, &name);
  driver().cuGetErrorString(code, &text);
  return plainName(call) + ": " + (name ? name : "error " + std::to_string(code)) +
         (text ? std::string(": ") + text : "");
}

std::string cublasMessage(const char *call, int code) {
  static const std::pair<int, const char *> names[] = {
      {1, "CUBLAS_STATUS_NOT_INITIALIZED"}, {3, "CUBLAS_STATUS_ALLOC_FAILED"},   {7, "CUBLAS_STATUS_INVALID_VALUE"},
      {8, "CUBLAS_STATUS_ARCH_MISMATCH"},   {11, "CUBLAS_STATUS_MAPPING_ERROR"}, {13, "CUBLAS_STATUS_EXECUTION_FAILED"},
      {14, "CUBLAS_STATUS_INTERNAL_ERROR"}, {15, "CUBLAS_STATUS_NOT_SUPPORTED"}};
  for (auto [number, name] : names)
    if (number == code)
      return std::string(call) + ": " + name;
  return std::string(call) + ": status " + std::to_string(code);
}

std::string ncclMessage(const char *call, int code) {
  return std::string(call) + ": " + nccl().ncclGetErrorString(code) + " (" + std::to_string(code) + ")";
}

} // namespace tp::rt::cuda
