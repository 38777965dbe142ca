// From a partitioned tp module to a shared object with its description: everything a package says of the program.
#ifndef TP_CONVERSION_CPUPROGRAM_H
#define TP_CONVERSION_CPUPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/LogicalResult.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tp::cpu {

enum class ElementType { f32, bf16, i32 };
int64_t bytesOf(ElementType type);
const char *nameOf(ElementType type); // "f32", "bf16", "i32", as in the manifest

// How a weight lies in the weight file.
//   plain  row-major.
//   panel  [ceil(rows/16)][cols][16] for f32, [ceil(rows/16)][ceil(cols/2)][16][2] for bf16: 16 rows side by side, so
//   that a vector
//          holds the same column of 16 rows; missing rows and columns are zero. `rows` is a linear's output dimension.
enum class Layout { plain, panel };
const char *nameOf(Layout layout);

// Bytes of a [rows, cols] weight; a weight of another rank has its last dimension as cols and the others' product as
// rows.
int64_t packedBytes(Layout layout, ElementType type, int64_t rows, int64_t cols);

// Packs a row-major f32 slice (already zero where the shard is padding) into `dst`, packedBytes() long. bf16 rounds to
// nearest even.
void packWeight(Layout layout, ElementType type, int64_t rows, int64_t cols, const float *src, void *dst);

// A parameter's place in the weight file.
struct Weight {
  std::string name;           // tp.parameter
  std::vector<int64_t> shape; // local
  ElementType type = ElementType::f32;
  Layout layout = Layout::plain;
  int64_t offset = 0, bytes = 0; // offset is a multiple of 64
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const;
};

// An input or output in the arena.
struct Slot {
  std::string name; // tp.input, tp.output
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;
  int64_t offset = 0; // bytes
};

struct Entry {
  std::string name;   // tp.entry
  std::string symbol; // exported by the shared object
  int64_t rows = 0;   // of the input `tokens`: its second dimension
  std::vector<Slot> inputs, outputs;
};

// A dimension that is whole on one side and a window per group position on the other; see docs/package-format.md.
struct Windows {
  int64_t dim = 0;
  int64_t global = 0, local = 0;
  std::vector<int64_t> starts, lengths;
};

struct Collective {
  std::string kind; // "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "permute"
  std::vector<std::string> axes;
  ElementType type = ElementType::f32;
  std::string reduce;           // "sum" or "max": all_reduce, reduce_scatter
  int64_t count = 0;            // all_reduce, permute
  int64_t outer = 1, inner = 1; // all_gather, reduce_scatter
  Windows windows;              // all_gather, reduce_scatter
  std::vector<int64_t> shape;   // all_to_all: the source's
  Windows split, concat;        // all_to_all
  std::vector<int64_t> source;  // permute
  int64_t bytes = 0;            // sent by one device, ring model
  std::string origin;
  bool operator==(const Collective &other) const;
};

struct CpuProgram {
  std::string sharedObject; // the bytes of program.so
  int64_t arenaBytes = 0, stateBytes = 0, weightBytes = 0;
  std::vector<Entry> entries;
  std::vector<Collective> collectives; // the program names one by its index
  std::vector<Weight> weights;         // by offset
  std::vector<std::string>
      features; // of the CPU that the code needs: "avx2", "fma", "avx512f", ... as in /proc/cpuinfo
};

struct CpuOptions {
  std::string cpu;       // LLVM's name; empty: this machine
  std::string features;  // "+avx2,-avx512f"; empty: those of the cpu
  std::string saveTemps; // folder that receives program.mlir, program.ll, program.o; empty: none
};

// Compiles a partitioned module; the module is not changed. Failure has been reported as a diagnostic.
llvm::FailureOr<CpuProgram> compileForCpu(mlir::ModuleOp partitioned, const CpuOptions &options = {});

} // namespace tp::cpu

namespace tp {
// Registers the passes and pipelines of lib/Conversion.
void registerConversionPasses();
} // namespace tp

#endif
