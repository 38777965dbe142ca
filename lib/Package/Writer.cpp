#include "tp/Package/Writer.h"

#include "Folder.h"
#include "ManifestJson.h"
#include "OutputFile.h"
#include "WeightFiles.h"

namespace tp {
using namespace package;

PackageModel PackageModel::from(const ModelConfig &config) {
  PackageModel model;
  model.name = config.modelName;
  model.architecture = config.architecture;
  model.vocabSize = config.vocabSize;
  model.hiddenSize = config.hiddenSize;
  model.layers = config.layers;
  model.tokenTypes = config.tokenTypes;
  if (config.bosId >= 0)
    model.bos = config.bosId;
  model.addBos = config.addBos;
  model.eos = config.eosIds;
  model.decoderStart = config.encoderDecoder.decoderStart;
  model.chatTemplate = config.chatTemplate;
  return model;
}

void checkPackagePath(const std::string &path) { resolveTarget(path); }

void writePackage(const PackageInputs &inputs, const std::string &path, const ProgressFn &progress) {
  std::string target = resolveTarget(path);
  FilePlan plan = planFiles(inputs);
  std::string manifest = manifestText(inputs, plan);
  PartialFolder folder(target);
  folder.makeFolder("weights");
  if (inputs.withWeights)
    writeWeightFiles(inputs, plan, folder.file("weights"), progress);
  writeText(folder.file("program.so"), inputs.program.sharedObject);
  if (inputs.cuda)
    for (const cuda::GpuModule &module : inputs.cuda->modules)
      for (const auto &[kind, text] : {std::pair("ptx", &module.ptx), {"cubin", &module.cubin}, {"ll", &module.ir}})
        if (!text->empty())
          writeText(folder.file(kernelFile(module, kind)), *text);
  if (!inputs.tokenizer.empty())
    writeText(folder.file("tokenizer.json"), inputs.tokenizer);
  writeText(folder.file("manifest.json"), manifest);
  folder.publish();
}

} // namespace tp
