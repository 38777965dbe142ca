#include "ModelImporter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tp;

namespace {
struct Family {
  StringRef architecture; // GGUF general.architecture, Hugging Face model_type
  std::unique_ptr<ModelImporter> (*make)(MLIRContext &, const Checkpoint &, const ImportOptions &);
};
} // namespace

static constexpr Family families[] = {
    {"llama", makeLlamaImporter},
    {"mistral", makeLlamaImporter},
    {"mixtral", makeLlamaImporter},
    {"qwen2", makeLlamaImporter},
    {"qwen3", makeLlamaImporter},
    {"qwen3_moe", makeLlamaImporter},
    {"gemma", makeGemmaImporter},
    {"gemma2", makeGemmaImporter},
    {"gemma3", makeGemmaImporter},      // GGUF
    {"gemma3_text", makeGemmaImporter}, // Hugging Face
    {"gpt2", makeGpt2Importer},
    {"bert", makeBertImporter},
    {"t5", makeT5Importer},
    {"mt5", makeT5Importer},
    {"xlnet", makeXlnetImporter},
};

static std::string familyNames() {
  std::string names;
  for (const Family &family : families)
    names += (names.empty() ? "" : &family == std::end(families) - 1 ? " or " : ", ") + family.architecture.str();
  return names;
}

ImportedModel tp::importModel(MLIRContext &context, const Checkpoint &checkpoint, const ImportOptions &options) {
  context.loadDialect<TpDialect, func::FuncDialect, arith::ArithDialect, scf::SCFDialect, tensor::TensorDialect>();
  StringRef architecture = checkpoint.config().architecture;
  const Family *family = llvm::find_if(families, [&](const Family &f) { return f.architecture == architecture; });
  if (family == std::end(families))
    throw Error(checkpoint.path() + ": architecture '" + architecture.str() + "' is not supported; expected " +
                familyNames());
  return family->make(context, checkpoint, options)->run();
}
