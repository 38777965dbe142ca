// Writes the folder that tp-run runs: docs/package-format.md says what is in it. Every failure throws tp::Error, and
// what was half written is removed.
#ifndef TP_PACKAGE_WRITER_H
#define TP_PACKAGE_WRITER_H

#include "tp/Checkpoint/Checkpoint.h"
#include "tp/Conversion/CudaProgram.h"
#include "tp/Sharding/Sharding.h"

#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tp {

// A parameter of the program: a tensor of the checkpoint and how it is split.
struct WeightShard {
  std::string name;           // tp.parameter, and the tensor's name in the checkpoint
  std::vector<int64_t> shape; // global
  Sharding sharding;          // not partial
};

// The parameters of a partitioned module (its functions' arguments with tp.parameter, tp.sharding and tp.global_type),
// each once, in the order in which they are met. An error when two functions want the same parameter in different
// layouts.
std::vector<WeightShard> weightShards(mlir::ModuleOp partitioned);

// What the manifest says of the model.
struct PackageModel {
  std::string name, architecture;
  std::string kind = "decoder"; // or "encoder", "encoder_decoder"
  std::string dtype = "f32";    // or "bf16"
  int64_t vocabSize = 0, hiddenSize = 0, layers = 0;
  int64_t tokenTypes = 0;   // 0: the model has none
  int64_t decoderStart = 0; // encoder_decoder: the token that decoding starts with
  std::optional<int64_t> bos;
  bool addBos = false;
  std::vector<int64_t> eos;
  std::string chatTemplate; // empty: none

  // Everything but kind and dtype.
  static PackageModel from(const ModelConfig &config);
};

// The text of tokenizer.json for a checkpoint; empty where it has no tokenizer, and after warn() where it has one that
// this project cannot read.
using WarnFn = std::function<void(const std::string &message)>;
std::string tokenizerText(const Checkpoint &checkpoint, const WarnFn &warn);

struct PackageInputs {
  const cpu::CpuProgram &program;
  MeshAttr mesh;
  std::vector<WeightShard> weights;       // at least those that the program names
  bool withWeights = true;                // else the manifest says what is to be put into the folder `weights`
  const Checkpoint *checkpoint = nullptr; // may be absent only if there are no weights to write
  PackageModel model = {};
  int64_t batch = 1, maxSeq = 0;
  std::string tokenizer = {}; // text of tokenizer.json; empty: none
  unsigned threads = 2;
  const cuda::CudaProgram *cuda = nullptr; // for GPUs: `program` is its host part
};

// Bytes of the weight files written, and of all of them. Called by several threads, one at a time.
using ProgressFn = std::function<void(int64_t done, int64_t total)>;

// Writes the package `path`, by way of `path`.partial. A package or an empty folder at `path` is replaced once the new
// one is complete; anything else there is an error and stays as it is. The checkpoint must have the tensors, and this
// is found out before anything is written. The same inputs give the same bytes.
void writePackage(const PackageInputs &inputs, const std::string &path, const ProgressFn &progress = {});

// An error, the one that writePackage would end in, when `path` is neither free nor a package; for a look before the
// compiler starts.
void checkPackagePath(const std::string &path);

} // namespace tp

#endif
