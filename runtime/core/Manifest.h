// manifest.json of a package, parsed and checked; docs/package-format.md says what each field means.
#ifndef TP_RT_MANIFEST_H
#define TP_RT_MANIFEST_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tp::rt {

enum class ElementType { f32, bf16, i32 };
int64_t bytesOf(ElementType type);

struct Axis {
  std::string name;
  int64_t size = 1;
};

// A dimension that is whole on one side of a collective and a window per group position on the other.
struct Windows {
  int64_t global = 0;
  int64_t local = 0; // size of a padded shard
  std::vector<int64_t> starts, lengths;
};

enum class CollectiveKind { allReduce, allGather, reduceScatter, allToAll, permute };
const char *nameOf(CollectiveKind kind);

enum class Reduction { sum, max };

struct Collective {
  CollectiveKind kind = CollectiveKind::allReduce;
  std::vector<std::string> axes;
  ElementType type = ElementType::f32;
  Reduction reduction = Reduction::sum;
  int64_t count = 0;            // all_reduce, permute: elements
  int64_t outer = 1, inner = 1; // all_gather, reduce_scatter
  Windows windows;              // all_gather, reduce_scatter
  std::vector<int64_t> shape;   // all_to_all: the source's
  int64_t splitDim = 0, concatDim = 0;
  Windows split, concat;       // all_to_all
  std::vector<int64_t> source; // permute
  int64_t bytes = 0;           // sent by one device, ring model
  std::string origin;

  // "all_reduce (layer: tp.linear wo, partial sum)", for messages.
  std::string describe() const;
};

struct Tensor {
  std::string name;
  ElementType type = ElementType::f32; // i32 or f32
  std::vector<int64_t> shape;
  int64_t offset = 0; // bytes from the arena's start
  int64_t elements() const;
};

struct Entry {
  std::string name, symbol;
  int64_t rows = 0;
  std::vector<Tensor> inputs, outputs;
  const Tensor *input(const std::string &name) const;
  const Tensor *output(const std::string &name) const;
};

struct Model {
  std::string name, architecture, kind, dtype;
  int64_t vocabSize = 0, hiddenSize = 0, layers = 0;
  int64_t tokenTypes = 0; // 0: the model has none
  bool isEncoder() const { return kind == "encoder"; }
  bool hasEncoder() const { return kind != "decoder"; }
  bool isPair() const { return kind == "encoder_decoder"; }
};

// What a package for GPUs has besides; docs/cuda-abi.md.
struct CudaModule {
  int arch = 0; // 90 for sm_90
  std::string ptx;
  std::optional<std::string> cubin;
};
struct CudaKernel {
  std::string name;
  int64_t params = 0, dynamicShared = 0; // 8 bytes each; bytes
};
struct CudaGemm {
  int64_t m = 0, n = 0, k = 0; // y [m, n] = x [m, k] times the transpose of w [n, k]
  ElementType input = ElementType::f32, output = ElementType::f32;
  std::optional<ElementType> bias;
  std::string epilogue; // none, relu, gelu_tanh
};
struct CudaTarget {
  std::string ptxVersion;
  std::vector<CudaModule> modules;
  std::vector<CudaKernel> kernels;
  std::vector<CudaGemm> gemms;
  int64_t events = 0, workspaceBytes = 0, ncclBytes = 0;
};

struct Manifest {
  std::string arch;
  std::vector<std::string> features; // of the CPU
  std::string program;
  Model model;
  std::vector<Axis> mesh;
  int64_t ranks = 1, batch = 1, maxSeq = 0;
  std::vector<std::string> weightFiles;
  int64_t weightBytes = 0, stateBytes = 0, arenaBytes = 0;
  std::vector<Entry> entries;
  std::vector<Collective> collectives;
  std::optional<CudaTarget> cuda; // absent: for CPUs
  std::optional<std::string> tokenizer, chatTemplate;
  std::optional<int64_t> bos;
  bool addBos = false;
  int32_t decoderStart = 0; // encoder_decoder: the token that decoding starts with
  std::vector<int64_t> eos;

  // Throws Error that names `file`, the key, what was expected and what was found.
  static Manifest parse(const std::string &text, const std::string &file);

  // Ranks that differ from `rank` only on `axes`, by group position.
  std::vector<int> group(const std::vector<std::string> &axes, int rank) const;
  int64_t groupSize(const std::vector<std::string> &axes) const;
};

} // namespace tp::rt

#endif
