// A checkpoint as a tp module: layers in global shapes, weights by name.
#ifndef TP_IMPORT_IMPORT_H
#define TP_IMPORT_IMPORT_H

#include "tp/Checkpoint/Checkpoint.h"
#include "tp/Dialect/Tp.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>

namespace tp {

struct ImportOptions {
  MeshAttr mesh;
  bool bf16 = false;          // weights and caches; the residual stream stays f32
  int64_t batch = 1;          // sequences in a run
  int64_t maxSeq = 0;         // positions in the cache; 0: the smaller of the model's context and 2048
  int64_t prefillChunk = 128; // most rows of a prompt that run at once: a power of two from 16
  // Whether layers in one stack may have these weights: the names differ in the layer's number.
  std::function<bool(llvm::StringRef, llvm::StringRef)> alike = [](llvm::StringRef, llvm::StringRef) { return true; };
};

// What the importer chose.
struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  int64_t maxSeq = 0;           // a decoder's is a multiple of the largest chunk
  std::string kind = "decoder"; // or "encoder", "encoder_decoder"
};

// Emits one function per kind of layer and the entry functions that call it, in a loop over stacks of weights where
// layers of a kind follow each other: `prefill` (a chunk of a prompt), `decode` (one token) and `score` (logits of a
// whole chunk); of an encoder `encode`. Throws tp::Error for a model that is not supported, naming what is not.
ImportedModel importModel(mlir::MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options);

} // namespace tp

#endif
