// What the importers of all families share: the module, its entry functions and one function per kind of layer. A
// family (<Family>Importer.cpp) says which weights it has and writes the embedding, a layer and the head.
#ifndef TP_LIB_IMPORT_MODELIMPORTER_H
#define TP_LIB_IMPORT_MODELIMPORTER_H

#include "tp/Import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace tp {

struct Parameter {
  std::string key;  // what a family calls it, the same in every layer and none of its states'
  std::string name; // in the checkpoint
  mlir::RankedTensorType type;
};
struct State {
  std::string key; // layer n's is called key.n
  mlir::RankedTensorType type;
};
struct Input {
  std::string name; // tp.input
  mlir::RankedTensorType type;
};

// Arguments of the function that is being written, by key; null for what it has not.
class Arguments {
public:
  void add(llvm::StringRef key, mlir::Value value) { values[key] = value; }
  mlir::Value operator[](llvm::StringRef key) const { return values.lookup(key); }

private:
  llvm::StringMap<mlir::Value> values;
};

class ModelImporter {
public:
  ModelImporter(mlir::MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);
  virtual ~ModelImporter() = default;

  // Writes the entries; `decode`, `prefill` and `score` unless the family has others.
  virtual ImportedModel run();

protected:
  enum class Head { LastRow, AllRows };
  // A function with attribute tp.entry, and those of its layers that are not there yet. `rows`: tokens per call.
  void addEntry(llvm::StringRef entry, int64_t rows, Head head);

  //===-- what a family says --===//
  // Inputs besides `tokens` [batch, rows]; those in layerInputs() are handed to the layers.
  virtual llvm::SmallVector<Input> inputs(int64_t) const { return {{"position", indices({batch})}}; }
  virtual llvm::SmallVector<std::string> layerInputs() const { return {"position"}; }
  virtual llvm::SmallVector<State> layerStates() const { return {{"k", cacheType}, {"v", cacheType}}; }
  // The layers of the entry that is being written, [first, end).
  virtual std::pair<int64_t, int64_t> stack() const { return {0, config.layers}; }
  // The same of one layer, where kinds differ.
  virtual llvm::SmallVector<std::string> layerInputs(int64_t) const { return layerInputs(); }
  virtual llvm::SmallVector<State> layerStates(int64_t) const { return layerStates(); }
  // Values that prepare() adds to the arguments and that layers get too: made once for all of them.
  virtual llvm::SmallVector<Input> prepared(int64_t) const { return {}; }
  virtual void prepare(Arguments &, int64_t) {}
  virtual llvm::SmallVector<Parameter> modelParameters() const = 0;
  virtual llvm::SmallVector<Parameter> layerParameters(int64_t n) const = 0;
  // Layers of one kind differ in their weights alone.
  virtual std::string layerKind(int64_t) const { return ""; }
  // Positions that the model has at most; 0: no limit of its own.
  virtual int64_t positionLimit() const { return 0; }
  virtual mlir::Value embed(const Arguments &arguments, int64_t rows) = 0;
  // A layer with the weights of layer n or of one of its kind; replaces the states among the arguments.
  virtual mlir::Value layer(mlir::Value x, Arguments &arguments, int64_t n) = 0;
  // The final norm and the projection to the output, from the rows that are wanted.
  virtual mlir::Value head(mlir::Value x, const Arguments &arguments) = 0;
  virtual llvm::StringRef outputName() const { return "logits"; }

  //===-- what families build with --===//
  mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element) const {
    return mlir::RankedTensorType::get(shape, element);
  }
  mlir::RankedTensorType indices(llvm::ArrayRef<int64_t> shape) const;
  // Throws when the checkpoint has weights but not this one.
  Parameter parameter(llvm::StringRef key, const std::string &name, llvm::ArrayRef<int64_t> shape) const;
  mlir::Value embedding(mlir::Value ids, mlir::Value table);
  mlir::Value add(mlir::Value x, mlir::Value y);
  // Norms of the residual stream, in the type that linears read or in `element`.
  mlir::Value rmsNorm(mlir::Value x, mlir::Value weight, mlir::Type element = {});
  mlir::Value layerNorm(mlir::Value x, mlir::Value weight, mlir::Value bias, mlir::Type element = {});
  // How an attention differs from one that sees everything, without rotation.
  struct AttentionForm {
    bool causal = false;
    RotaryAttr rotary = {};
    int64_t window = 0;     // 0: none
    double scaleFactor = 1; // of the scores, beside the model's scale
  };
  // tp.attention with the arguments wq, wk, wv, wo, bq, bk, bv, bo, q_norm, k_norm, k, v (caches, replaced by the new
  // ones), position, length and bias, as far as they are there.
  mlir::Value attention(mlir::Value x, Arguments &arguments, const AttentionForm &form);
  // tp.mlp with gate, up, down, gate_bias, up_bias, down_bias, as far as they are there; with a router, tp.moe.
  mlir::Value mlp(mlir::Value x, const Arguments &arguments);
  mlir::Value logits(mlir::Value x, mlir::Value weight);
  // Throws when the activation is none that tp.mlp has.
  ActivationKindAttr activation() const;
  [[noreturn]] void fail(const std::string &what) const { throw Error(checkpoint.path() + ": " + what); }

  const Checkpoint &checkpoint;
  const ModelConfig &config;
  const ImportOptions &options;
  int64_t batch, maxSeq = 0;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Type f32, weightType;
  mlir::RankedTensorType cacheType; // [batch, maxSeq, kv heads, head size]; set by run()

private:
  // Layers of one kind that follow each other, [first, end), and their states and parameters: stacks, where there are
  // several layers.
  struct Run {
    int64_t first, end;
    llvm::SmallVector<State> states;
    llvm::SmallVector<Parameter> parameters;
  };
  struct Signature;
  struct Chunks {
    int64_t large, middle, small;
  };
  Chunks planRows();
  std::vector<Run> planRuns() const;
  std::string layerName(int64_t n, int64_t rows) const;
  void addLayer(int64_t n, int64_t rows);
  mlir::func::CallOp callLayer(mlir::Value x, int64_t n, int64_t rows, const Arguments &arguments,
                               mlir::ValueRange own);
  // The layers of a run, one after the other, on their states and parameters; the last one's output and the new
  // states.
  mlir::ResultRange runLayers(mlir::Value x, const Run &run, int64_t rows, const Arguments &arguments,
                              mlir::ValueRange own);
  void addBody(mlir::func::FuncOp function, Signature &signature, int64_t rows, Head head);

  std::vector<Run> runs;               // of the entry that is being written
  std::pair<int64_t, int64_t> planned; // the layers that `runs` are
};

// Importers of the families.
std::unique_ptr<ModelImporter> makeLlamaImporter(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);
std::unique_ptr<ModelImporter> makeGemmaImporter(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);
std::unique_ptr<ModelImporter> makeGpt2Importer(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);
std::unique_ptr<ModelImporter> makeXlnetImporter(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);
std::unique_ptr<ModelImporter> makeT5Importer(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);
std::unique_ptr<ModelImporter> makeBertImporter(mlir::MLIRContext &, const Checkpoint &, const ImportOptions &);

} // namespace tp

#endif
