// One function for each sort of GPU kernel: writes the launches that do what a kernel on tensors does.
#ifndef TP_LIB_CONVERSION_CUDA_GPUKERNELS_H
#define TP_LIB_CONVERSION_CUDA_GPUKERNELS_H

#include "GpuBuilder.h"

namespace tp::cuda {

// Attributes by which the passes of this folder hand on what they decided.
inline constexpr llvm::StringLiteral kLaunches = "cuda.launches"; // kernel on tensors: dictionaries kernel, grid, block
inline constexpr llvm::StringLiteral kScratch = "cuda.scratch";   // kernel on tensors: bytes of each scratch buffer
inline constexpr llvm::StringLiteral kGemm = "cuda.gemm";         // kernel on tensors: index in the module's kGemms
inline constexpr llvm::StringLiteral kGemms = "cuda.gemms";
inline constexpr llvm::StringLiteral kScratchBytes = "cuda.scratch_bytes"; // module: behind the arena
inline constexpr llvm::StringLiteral kEvents = "cuda.events";              // module: that the host code uses
// kernel on tensors: its launches take the address of the input `last` [this many sequences], or 0, behind the scratch
inline constexpr llvm::StringLiteral kRowsInUse = "cuda.rows_in_use";
inline constexpr llvm::StringLiteral kKernelModule = "kernels";
inline constexpr int64_t kDeviceAlign = 256; // bytes: of everything in device memory

struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

// A gpu.func being written for a kernel on tensors. Its parameters: rank, arguments..., results that are not held in an
// argument..., scratch buffers..., the last row in use of each sequence where the source has kRowsInUse.
struct GpuKernel {
  GpuBuilder b;
  Kernel kernel;
  SmallVector<Value> scratch;
  Value last;

  // How many of the `rows` rows of a sequence are not padding of a chunk, index; null where it is not known.
  Value rowsInUse(Value sequence, int64_t rows);
};

// Collects what a kernel on tensors becomes.
class Launches {
public:
  Launches(mlir::gpu::GPUModuleOp module, mlir::func::FuncOp source) : module(module), source(source) {}

  mlir::func::FuncOp function() const { return source; }
  // Memory that all launches of the source share: f32 elements. To be asked for before the first launch.
  void addScratch(int64_t elements) { scratch.push_back(elements); }
  // Begins the next launch. `suffix` tells it from the source's others.
  GpuKernel begin(llvm::StringRef suffix, Grid grid, int64_t threads);
  // Writes the attributes.
  void finish();

private:
  mlir::gpu::GPUModuleOp module;
  mlir::func::FuncOp source;
  SmallVector<int64_t> scratch;
  SmallVector<mlir::Attribute> launches;
};

void emitElementwise(Launches &launches);
void emitNorm(Launches &launches);
void emitGemv(Launches &launches);
void emitRope(Launches &launches);
void emitKvUpdate(Launches &launches);
void emitSdpa(Launches &launches);
void emitEmbedding(Launches &launches);
void emitTakeRow(Launches &launches);
// all_slice, as_partial, shift_index, mask_padding.
void emitLocal(Launches &launches);

void emitTopPairs(Launches &launches);
void emitBestIndex(Launches &launches);
void emitSample(Launches &launches);

void emitRoute(Launches &launches);
void emitExpertUp(Launches &launches);
void emitExpertDown(Launches &launches);

void emitRelativeBias(Launches &launches);
void emitRelativeScores(Launches &launches);
void emitSinusoid(Launches &launches);

// The ops of a kernel on tensors, without memory.
Kernel opsOf(mlir::func::FuncOp source);

} // namespace tp::cuda

#endif
