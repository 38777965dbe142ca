//===- Dump.cpp - tp-checkpoint-dump: prints what the checkpoint readers see ---------------------------------===//
//
// A test tool. Without options it prints {"format", "config", "tensors", "tokenizer"} as JSON; --tensor NAME
// --output FILE writes rows of one tensor as raw float32.
//
//===----------------------------------------------------------------------------------------------------------===//
#include "tp/Checkpoint/Checkpoint.h"
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

using nlohmann::json;
using namespace tp;

static json scalingAsJson(const RopeScaling &scaling) {
  return {{"type", scaling.name},
          {"known", scaling.type != RopeScaling::Type::Other},
          {"factor", scaling.factor},
          {"low_freq_factor", scaling.lowFreqFactor},
          {"high_freq_factor", scaling.highFreqFactor},
          {"original_context", scaling.originalContext},
          {"beta_fast", scaling.betaFast},
          {"beta_slow", scaling.betaSlow},
          {"attention_factor", scaling.attentionFactor},
          {"factors_tensor", scaling.factorsTensor}};
}

static json configAsJson(const ModelConfig &config) {
  return {{"architecture", config.architecture},
          {"architectures", config.architectures},
          {"name", config.modelName},
          {"vocab_size", config.vocabSize},
          {"hidden_size", config.hiddenSize},
          {"layers", config.layers},
          {"heads", config.heads},
          {"kv_heads", config.kvHeads},
          {"head_dim", config.headDim},
          {"intermediate_size", config.intermediateSize},
          {"context_length", config.contextLength},
          {"norm_eps", config.normEps},
          {"hidden_act", config.hiddenAct},
          {"tie_embeddings", config.tieEmbeddings},
          {"attention_bias", config.attentionBias},
          {"attention_output_bias", config.attentionOutputBias},
          {"mlp_bias", config.mlpBias},
          {"sliding_window", config.slidingWindow},
          {"rope_base", config.ropeBase},
          {"rope_dim", config.ropeDim},
          {"rope_interleaved", config.ropeInterleaved},
          {"rope_scaling", scalingAsJson(config.ropeScaling)},
          {"bos", config.bosId},
          {"add_bos", config.addBos},
          {"eos", config.eosIds},
          {"chat_template", config.chatTemplate}};
}

static json tokenizerAsJson(const Checkpoint &checkpoint) {
  auto tokenizer = checkpoint.ggufTokenizer();
  if (!tokenizer)
    return checkpoint.tokenizerJson();
  return {{"model", tokenizer->model},
          {"pre", tokenizer->pre},
          {"tokens", tokenizer->tokens},
          {"types", tokenizer->types},
          {"merges", tokenizer->merges},
          {"scores", tokenizer->scores},
          {"bos", tokenizer->bos},
          {"eos", tokenizer->eos},
          {"unk", tokenizer->unk},
          {"add_bos", tokenizer->addBos},
          {"add_space_prefix", tokenizer->addSpacePrefix}};
}

static void writeTensor(const Checkpoint &checkpoint, const std::string &name, int64_t first, int64_t rows,
                        const std::string &output) {
  const TensorInfo *tensor = checkpoint.find(name);
  if (!tensor)
    throw Error("expected a tensor, found none named '" + name + "'");
  int64_t all = tensor->shape.empty() ? 1 : tensor->shape[0];
  rows = rows < 0 ? all - first : rows;
  std::vector<float> values(all ? tensor->elements() / all * rows : 0);
  checkpoint.readRows(*tensor, first, rows, values.data());
  std::ofstream file(output, std::ios::binary);
  file.write(reinterpret_cast<const char *>(values.data()), std::streamsize(values.size() * sizeof(float)));
  if (!file.flush())
    throw Error("expected to write '" + output + "', found an error");
}

int main(int argc, char **argv) {
  CLI::App app("Prints what the checkpoint readers see in a GGUF file or a Hugging Face directory");
  std::string path, tensor, output;
  int64_t first = 0, rows = -1;
  app.add_option("checkpoint", path)->required();
  app.add_option("--tensor", tensor, "write this tensor instead");
  app.add_option("--first", first, "the first row to write");
  app.add_option("--rows", rows, "rows to write; all that are left unless given");
  app.add_option("--output", output, "the file to write");
  CLI11_PARSE(app, argc, argv);
  try {
    auto checkpoint = Checkpoint::open(path);
    if (!tensor.empty()) {
      writeTensor(*checkpoint, tensor, first, rows, output);
      return 0;
    }
    json tensors = json::array();
    for (const TensorInfo &info : checkpoint->tensors())
      tensors.push_back({{"name", info.name}, {"shape", info.shape}, {"type", info.typeName}});
    json all = {{"format", checkpoint->format()},
                {"config", configAsJson(checkpoint->config())},
                {"tensors", tensors},
                {"tokenizer", tokenizerAsJson(*checkpoint)}};
    std::cout << all.dump(1, ' ', false, json::error_handler_t::replace) << "\n";
    return 0;
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
