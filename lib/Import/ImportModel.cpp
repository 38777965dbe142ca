#include "LlamaImporter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tp;

static void expectSupported(const Checkpoint &checkpoint) {
  const ModelConfig &config = checkpoint.config();
  auto fail = [&](const std::string &what) { throw Error(checkpoint.path() + ": " + what); };
  if (!isKnownFamily(config.architecture))
    fail("architecture '" + config.architecture + "' is not supported; expected llama, mistral, qwen2 or qwen3");
  auto type = config.ropeScaling.type;
  if (type != RopeScaling::Type::None && type != RopeScaling::Type::Linear && type != RopeScaling::Type::Llama3)
    fail("rotary scaling '" + config.ropeScaling.name + "' is not supported; expected none, linear or llama3");
  if (config.hiddenAct != "silu" && config.hiddenAct != "gelu" && config.hiddenAct != "gelu_pytorch_tanh")
    fail("activation '" + config.hiddenAct + "' is not supported; expected silu, gelu or gelu_pytorch_tanh");
}

ImportedModel tp::importModel(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options) {
  context.loadDialect<TpDialect, func::FuncDialect, arith::ArithDialect, tensor::TensorDialect>();
  expectSupported(checkpoint);
  int64_t maxSeq = options.maxSeq ? options.maxSeq : std::min<int64_t>(checkpoint.config().contextLength, 2048);
  // Large chunks for long prompts, small ones for what is left; the cache ends with a whole chunk.
  int64_t small = 16, large = std::min<int64_t>(128, llvm::alignTo(maxSeq, small));
  maxSeq = llvm::alignTo(maxSeq, large);
  LlamaImporter importer(context, checkpoint, options, maxSeq);
  using Head = LlamaImporter::Head;
  importer.addEntry("decode", 1, Head::LastRow);
  importer.addLayer(1);
  importer.addEntry("prefill", large, Head::LastRow);
  importer.addLayer(large);
  importer.addEntry("score", large, Head::AllRows);
  if (large != small) {
    importer.addEntry("prefill", small, Head::LastRow);
    importer.addLayer(small);
  }
  return {importer.take(), maxSeq};
}
