// The part of the CUDA driver, cuBLASLt and NCCL interfaces that the runtime uses, declared here so that nothing of
// NVIDIA is needed to build. Names and numbers are those of the libraries' documentation. TP_*_FUNCTIONS list the
// functions as F(symbol, parameters); all return an int, 0 for success.
#ifndef TP_RT_CUDATYPES_H
#define TP_RT_CUDATYPES_H

#include <cstddef>
#include <cstdint>

namespace tp::rt::cuda {

using Pointer = unsigned long long; // CUdeviceptr
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphExec = struct GraphExecTag *;

// CUresult
enum {
  cudaSuccess = 0,
  cudaInvalidValue = 1,
  cudaOutOfMemory = 2,
  cudaNoDevice = 100,
  cudaInvalidDevice = 101,
  cudaInvalidContext = 201,
  cudaMapFailed = 205,
  cudaNoBinary = 209,
  cudaPeerAccessUnsupported = 217,
  cudaUnsupportedPtx = 222,
  cudaInvalidHandle = 400,
  cudaNotFound = 500,
  cudaNotReady = 600,
  cudaIllegalAddress = 700,
  cudaPeerAccessEnabled = 704,
  cudaTooManyPeers = 711,
  cudaLaunchFailed = 719,
  cudaNotSupported = 801,
  cudaCaptureUnsupported = 900,
  cudaCaptureInvalidated = 901,
  cudaCaptureUnjoined = 904,
};
// CUdevice_attribute
enum { attributeMajor = 75, attributeMinor = 76 };
// CUfunction_attribute
enum { functionMaxDynamicShared = 8 };
// CUjit_option
enum { jitErrorLog = 5, jitErrorLogBytes = 6 };
// Flags.
enum { streamNonBlocking = 1, eventNoTiming = 2, captureThreadLocal = 1, hostPortable = 1, ipcLazyPeerAccess = 1 };

struct IpcHandle { // CUipcMemHandle
  char bytes[64];
};

#define TP_CUDA_FUNCTIONS(F)                                                                                           \
  F(cuInit, (unsigned flags))                                                                                          \
  F(cuDriverGetVersion, (int *version))                                                                                \
  F(cuGetErrorName, (int code, const char **name))                                                                     \
  F(cuGetErrorString, (int code, const char **text))                                                                   \
  F(cuDeviceGetCount, (int *count))                                                                                    \
  F(cuDeviceGet, (int *device, int ordinal))                                                                           \
  F(cuDeviceGetName, (char *name, int bytes, int device))                                                              \
  F(cuDeviceGetAttribute, (int *value, int attribute, int device))                                                     \
  F(cuDeviceCanAccessPeer, (int *can, int device, int peer))                                                           \
  F(cuDevicePrimaryCtxRetain, (Context * context, int device))                                                         \
  F(cuDevicePrimaryCtxRelease_v2, (int device))                                                                        \
  F(cuCtxSetCurrent, (Context context))                                                                                \
  F(cuCtxEnablePeerAccess, (Context peer, unsigned flags))                                                             \
  F(cuMemGetInfo_v2, (size_t *free, size_t *total))                                                                    \
  F(cuMemAlloc_v2, (Pointer * pointer, size_t bytes))                                                                  \
  F(cuMemFree_v2, (Pointer pointer))                                                                                   \
  F(cuIpcGetMemHandle, (IpcHandle * handle, Pointer pointer))                                                          \
  F(cuIpcOpenMemHandle_v2, (Pointer * pointer, IpcHandle handle, unsigned flags))                                      \
  F(cuIpcCloseMemHandle, (Pointer pointer))                                                                            \
  F(cuMemHostAlloc, (void **pointer, size_t bytes, unsigned flags))                                                    \
  F(cuMemFreeHost, (void *pointer))                                                                                    \
  F(cuMemcpyHtoDAsync_v2, (Pointer to, const void *from, size_t bytes, Stream stream))                                 \
  F(cuMemcpyDtoHAsync_v2, (void *to, Pointer from, size_t bytes, Stream stream))                                       \
  F(cuMemcpyDtoDAsync_v2, (Pointer to, Pointer from, size_t bytes, Stream stream))                                     \
  F(cuMemsetD8Async, (Pointer to, unsigned char value, size_t bytes, Stream stream))                                   \
  F(cuModuleLoadDataEx, (Module * module, const void *image, unsigned count, int *options, void **values))             \
  F(cuModuleUnload, (Module module))                                                                                   \
  F(cuModuleGetFunction, (Function * function, Module module, const char *name))                                       \
  F(cuFuncSetAttribute, (Function function, int attribute, int value))                                                 \
  F(cuLaunchKernel,                                                                                                    \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,              \
     unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters, void **extra))                           \
  F(cuStreamCreate, (Stream * stream, unsigned flags))                                                                 \
  F(cuStreamDestroy_v2, (Stream stream))                                                                               \
  F(cuStreamQuery, (Stream stream))                                                                                    \
  F(cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))                                                   \
  F(cuStreamBeginCapture_v2, (Stream stream, int mode))                                                                \
  F(cuStreamEndCapture, (Stream stream, Graph * graph))                                                                \
  F(cuEventCreate, (Event * event, unsigned flags))                                                                    \
  F(cuEventDestroy_v2, (Event event))                                                                                  \
  F(cuEventRecord, (Event event, Stream stream))                                                                       \
  F(cuEventQuery, (Event event))                                                                                       \
  F(cuEventElapsedTime, (float *milliseconds, Event begin, Event end))                                                 \
  F(cuGraphInstantiateWithFlags, (GraphExec * exec, Graph graph, unsigned long long flags))                            \
  F(cuGraphLaunch, (GraphExec exec, Stream stream))                                                                    \
  F(cuGraphDestroy, (Graph graph))                                                                                     \
  F(cuGraphExecDestroy, (GraphExec exec))

// ---- cuBLASLt ----

using LtHandle = struct LtHandleTag *;
using LtDesc = struct LtDescTag *;
using LtLayout = struct LtLayoutTag *;
using LtPreference = struct LtPreferenceTag *;

enum { typeF32 = 0, typeBf16 = 14 }; // cudaDataType
enum { computeF32 = 68 };            // cublasComputeType_t
enum { operationNone = 0, operationTranspose = 1 };
// cublasLtMatmulDescAttributes_t
enum { descTransA = 3, descTransB = 4, descEpilogue = 7, descBias = 8, descBiasType = 26 };
enum { epilogueNone = 1, epilogueRelu = 2, epilogueBias = 4, epilogueGelu = 32 }; // with a bias: the sum
enum { preferenceWorkspace = 1 }; // cublasLtMatmulPreferenceAttributes_t

struct LtAlgorithm {
  uint64_t data[8];
};
struct LtHeuristic {
  LtAlgorithm algorithm;
  size_t workspaceBytes;
  int state;
  float waves;
  int reserved[4];
};

#define TP_CUBLASLT_FUNCTIONS(F)                                                                                       \
  F(cublasLtCreate, (LtHandle * handle))                                                                               \
  F(cublasLtDestroy, (LtHandle handle))                                                                                \
  F(cublasLtMatmulDescCreate, (LtDesc * desc, int compute, int scaleType))                                             \
  F(cublasLtMatmulDescDestroy, (LtDesc desc))                                                                          \
  F(cublasLtMatmulDescSetAttribute, (LtDesc desc, int attribute, const void *value, size_t bytes))                     \
  F(cublasLtMatrixLayoutCreate, (LtLayout * layout, int type, uint64_t rows, uint64_t columns, int64_t stride))        \
  F(cublasLtMatrixLayoutDestroy, (LtLayout layout))                                                                    \
  F(cublasLtMatmulPreferenceCreate, (LtPreference * preference))                                                       \
  F(cublasLtMatmulPreferenceDestroy, (LtPreference preference))                                                        \
  F(cublasLtMatmulPreferenceSetAttribute, (LtPreference preference, int attribute, const void *value, size_t bytes))   \
  F(cublasLtMatmulAlgoGetHeuristic, (LtHandle handle, LtDesc desc, LtLayout a, LtLayout b, LtLayout c, LtLayout d,     \
                                     LtPreference preference, int wanted, LtHeuristic *results, int *found))           \
  F(cublasLtMatmul, (LtHandle handle, LtDesc desc, const void *alpha, const void *a, LtLayout aLayout, const void *b,  \
                     LtLayout bLayout, const void *beta, const void *c, LtLayout cLayout, void *d, LtLayout dLayout,   \
                     const LtAlgorithm *algorithm, void *workspace, size_t workspaceBytes, Stream stream))

// ---- NCCL ----

using NcclComm = struct NcclCommTag *;
struct NcclId {
  char bytes[128];
};
// ncclConfig_t as of 2.18; later versions take the older, shorter one by its size.
struct NcclConfig {
  size_t size = sizeof(NcclConfig);
  unsigned magic = 0xcafebeef, version = 21800;
  int blocking = 0, clusterSize = unset, minBlocks = unset, maxBlocks = unset;
  const char *network = nullptr;
  int splitShare = unset;
  static constexpr int unset = INT32_MIN;
};
enum { ncclSuccess = 0, ncclInvalidArgument = 4, ncclInvalidUsage = 5, ncclRemoteError = 6, ncclInProgress = 7 };
enum { ncclTypeI32 = 2, ncclTypeF32 = 7, ncclTypeBf16 = 9 };
enum { ncclReduceSum = 0, ncclReduceMax = 2 };

#define TP_NCCL_FUNCTIONS(F)                                                                                           \
  F(ncclGetVersion, (int *version))                                                                                    \
  F(ncclGetUniqueId, (NcclId * id))                                                                                    \
  F(ncclCommInitRankConfig, (NcclComm * comm, int ranks, NcclId id, int rank, NcclConfig *config))                     \
  F(ncclCommGetAsyncError, (NcclComm comm, int *code))                                                                 \
  F(ncclCommFinalize, (NcclComm comm))                                                                                 \
  F(ncclCommDestroy, (NcclComm comm))                                                                                  \
  F(ncclCommAbort, (NcclComm comm))                                                                                    \
  F(ncclAllReduce, (const void *src, void *dst, size_t count, int type, int op, NcclComm comm, Stream stream))         \
  F(ncclAllGather, (const void *src, void *dst, size_t count, int type, NcclComm comm, Stream stream))                 \
  F(ncclSend, (const void *src, size_t count, int type, int peer, NcclComm comm, Stream stream))                       \
  F(ncclRecv, (void *dst, size_t count, int type, int peer, NcclComm comm, Stream stream))                             \
  F(ncclGroupStart, ())                                                                                                \
  F(ncclGroupEnd, ())

} // namespace tp::rt::cuda

#endif
