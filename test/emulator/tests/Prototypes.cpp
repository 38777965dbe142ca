#include <cuda.h>
#include <cublasLt.h>
#include "device/cuda/CudaTypes.h"
#include <type_traits>
// pointer for pointer: same arity and sizes of each parameter
template<class T> constexpr int kind(){ return std::is_pointer_v<T>?100:(int)sizeof(T);} 
template<class...A> struct L{}; 
template<class A,class B> struct Same; template<class...A,class...B> struct Same<int(*)(A...),int(*)(B...)>{ static constexpr bool v = [] { if constexpr (sizeof...(A)!=sizeof...(B)) return false; else return ((kind<A>()==kind<B>())&&...&&true);}(); };
template<class R,class...A> auto toInt(R(*)(A...)) -> int(*)(A...);
namespace tp::rt::cuda{
#define C(n,p) static_assert(Same<decltype(toInt(&::n)), int(*)p>::v, #n);
TP_CUDA_FUNCTIONS(C) TP_CUBLASLT_FUNCTIONS(C)
static_assert(sizeof(LtHeuristic)==sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(attributeMajor==CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR&&attributeMinor==CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR&&functionMaxDynamicShared==CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES&&jitErrorLog==CU_JIT_ERROR_LOG_BUFFER&&jitErrorLogBytes==CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES&&streamNonBlocking==CU_STREAM_NON_BLOCKING&&eventNoTiming==CU_EVENT_DISABLE_TIMING&&captureThreadLocal==CU_STREAM_CAPTURE_MODE_THREAD_LOCAL&&hostPortable==CU_MEMHOSTALLOC_PORTABLE);
static_assert(cudaNoBinary==CUDA_ERROR_NO_BINARY_FOR_GPU&&cudaUnsupportedPtx==CUDA_ERROR_UNSUPPORTED_PTX_VERSION&&cudaNotReady==CUDA_ERROR_NOT_READY&&cudaPeerAccessEnabled==CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED&&cudaCaptureUnjoined==CUDA_ERROR_STREAM_CAPTURE_UNJOINED&&cudaLaunchFailed==CUDA_ERROR_LAUNCH_FAILED&&cudaIllegalAddress==CUDA_ERROR_ILLEGAL_ADDRESS&&cudaPeerAccessUnsupported==CUDA_ERROR_PEER_ACCESS_UNSUPPORTED&&cudaCaptureInvalidated==CUDA_ERROR_STREAM_CAPTURE_INVALIDATED&&cudaCaptureUnsupported==CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}
