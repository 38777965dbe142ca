//===- HfTests.cpp - ModelConfig of Hugging Face directories -------------------------------------------------===//
#include "TestFiles.h"

using namespace tp;
using namespace tp::test;
using nlohmann::json;

namespace {

/// The config of a directory with this config.json and these other files.
ModelConfig configOf(const json &config, const std::vector<std::pair<std::string, std::string>> &others = {}) {
  TempDir dir;
  dir.write("config.json", config.dump());
  for (const auto &[name, bytes] : others)
    dir.write(name, bytes);
  return Checkpoint::open(dir.path())->config();
}

std::string errorOf(const json &config, const std::vector<std::pair<std::string, std::string>> &others = {}) {
  TempDir dir;
  dir.write("config.json", config.dump());
  for (const auto &[name, bytes] : others)
    dir.write(name, bytes);
  return openError(dir.path());
}

json llamaWith(const json &changes) {
  json config = llamaConfig();
  config.update(changes);
  return config;
}

TEST(HfConfig, defaultsAreThoseOfTransformers) {
  ModelConfig config = configOf(llamaConfig());
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.architectures, (std::vector<std::string>{"LlamaForCausalLM"}));
  EXPECT_EQ(config.kvHeads, 4);
  EXPECT_EQ(config.headDim, 16);
  EXPECT_EQ(config.contextLength, 2048);
  EXPECT_EQ(config.normEps, 1e-6);
  EXPECT_EQ(config.ropeBase, 10000);
  EXPECT_EQ(config.ropeDim, 16);
  EXPECT_FALSE(config.ropeInterleaved);
  EXPECT_EQ(config.hiddenAct, "silu");
  EXPECT_FALSE(config.tieEmbeddings);
  EXPECT_FALSE(config.attentionBias);
  EXPECT_FALSE(config.mlpBias);
  EXPECT_EQ(config.slidingWindow, 0);
  EXPECT_EQ(config.bosId, -1);
  EXPECT_TRUE(config.eosIds.empty());
}

TEST(HfConfig, statedValuesWin) {
  ModelConfig config = configOf(llamaWith({{"num_key_value_heads", 2},
                                           {"head_dim", 32},
                                           {"rms_norm_eps", 1e-5},
                                           {"rope_theta", 500000},
                                           {"tie_word_embeddings", true},
                                           {"attention_bias", true},
                                           {"mlp_bias", true},
                                           {"max_position_embeddings", 4096}}));
  EXPECT_EQ(config.kvHeads, 2);
  EXPECT_EQ(config.headDim, 32);
  EXPECT_EQ(config.normEps, 1e-5);
  EXPECT_EQ(config.ropeBase, 500000);
  EXPECT_TRUE(config.tieEmbeddings);
  EXPECT_TRUE(config.attentionBias && config.attentionOutputBias && config.mlpBias);
  EXPECT_EQ(config.contextLength, 4096);
}

TEST(HfConfig, nullHeadDimIsHiddenOverHeads) {
  EXPECT_EQ(configOf(llamaWith({{"head_dim", nullptr}, {"rope_scaling", nullptr}})).headDim, 16);
}

TEST(HfConfig, familiesDiffer) {
  ModelConfig mistral = configOf(llamaWith({{"model_type", "mistral"}, {"num_attention_heads", 8}}));
  EXPECT_EQ(mistral.kvHeads, 8);
  EXPECT_EQ(mistral.slidingWindow, 4096);
  EXPECT_EQ(configOf(llamaWith({{"model_type", "mistral"}, {"num_key_value_heads", 4}, {"sliding_window", nullptr}}))
                .slidingWindow,
            0);
  ModelConfig qwen2 =
      configOf(llamaWith({{"model_type", "qwen2"}, {"num_key_value_heads", 2}, {"sliding_window", 512}}));
  EXPECT_TRUE(qwen2.attentionBias);
  EXPECT_FALSE(qwen2.attentionOutputBias);
  EXPECT_EQ(qwen2.slidingWindow, 0);
  EXPECT_EQ(configOf(llamaWith({{"model_type", "qwen3"}, {"num_key_value_heads", 2}})).headDim, 128);
}

TEST(HfConfig, readsLlama3Scaling) {
  json scaling = {{"rope_type", "llama3"},
                  {"factor", 8.0},
                  {"low_freq_factor", 1.0},
                  {"high_freq_factor", 4.0},
                  {"original_max_position_embeddings", 8192}};
  RopeScaling read = configOf(llamaWith({{"rope_scaling", scaling}})).ropeScaling;
  EXPECT_EQ(read.type, RopeScaling::Type::Llama3);
  EXPECT_EQ(read.factor, 8);
  EXPECT_EQ(read.originalContext, 8192);
  scaling["rope_theta"] = 500000.0;
  ModelConfig newer = configOf(llamaWith({{"rope_parameters", scaling}}));
  EXPECT_EQ(newer.ropeScaling.type, RopeScaling::Type::Llama3);
  EXPECT_EQ(newer.ropeBase, 500000);
}

TEST(HfConfig, readsOtherScalings) {
  auto scaling = [](json value) { return configOf(llamaWith({{"rope_scaling", std::move(value)}})).ropeScaling; };
  EXPECT_EQ(scaling({{"type", "linear"}, {"factor", 2.0}}).type, RopeScaling::Type::Linear);
  RopeScaling yarn = scaling({{"rope_type", "yarn"}, {"factor", 4.0}, {"beta_fast", 16}});
  EXPECT_EQ(yarn.type, RopeScaling::Type::Yarn);
  EXPECT_EQ(yarn.betaFast, 16);
  EXPECT_EQ(yarn.originalContext, 2048);
  EXPECT_EQ(scaling({{"rope_type", "default"}}).type, RopeScaling::Type::None);
  EXPECT_EQ(scaling({{"rope_type", "longrope"}}).type, RopeScaling::Type::Other);
}

TEST(HfConfig, endsOfAllFilesCount) {
  ModelConfig config = configOf(
      llamaWith({{"eos_token_id", 2}, {"bos_token_id", 1}}),
      {{"generation_config.json", R"({"eos_token_id": [2, 5]})"},
       {"tokenizer_config.json", R"({"eos_token": {"content": "<end>"}, "chat_template": "T", "add_bos_token": true,
           "added_tokens_decoder": {"7": {"content": "<end>"}}})"}});
  EXPECT_EQ(config.eosIds, (std::vector<int64_t>{2, 5, 7}));
  EXPECT_EQ(config.bosId, 1);
  EXPECT_TRUE(config.addBos);
  EXPECT_EQ(config.chatTemplate, "T");
}

TEST(HfConfig, postProcessorSaysWhetherBosIsAdded) {
  json config = llamaWith({{"bos_token_id", 1}});
  auto processed = [&](const std::string &processor) {
    return configOf(config,
                    {{"tokenizer.json", R"({"model": {"vocab": {"a": 0}}, "post_processor": )" + processor + "}"}})
        .addBos;
  };
  EXPECT_TRUE(processed(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}]})"));
  EXPECT_FALSE(processed(R"({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}]})"));
  EXPECT_FALSE(processed("null"));
  EXPECT_TRUE(configOf(config, {{"tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer"})"}}).addBos);
}

TEST(HfConfig, chatTemplateInItsOwnFileOrInAList) {
  EXPECT_EQ(configOf(llamaConfig(),
                     {{"chat_template.jinja", "own\n"}, {"tokenizer_config.json", R"({"chat_template": "other"})"}})
                .chatTemplate,
            "own\n");
  EXPECT_EQ(configOf(llamaConfig(), {{"tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}]})"}})
                .chatTemplate,
            "b");
}

TEST(HfConfig, unknownFamilyKeepsWhatIsThere) {
  ModelConfig config = configOf({{"model_type", "gpt2"}, {"n_embd", 768}, {"vocab_size", 50257}});
  EXPECT_EQ(config.vocabSize, 50257);
  EXPECT_EQ(config.hiddenSize, 0);
  EXPECT_EQ(config.raw["n_embd"], 768);
}

TEST(HfConfigErrors, everyRequiredKeyIsNamedWhenMissing) {
  for (const char *key :
       {"model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}) {
    json config = llamaConfig();
    config.erase(key);
    std::string error = errorOf(config);
    expectContains(error, "expected key '" + std::string(key) + "' in '");
    expectContains(error, "config.json', found none");
    config[key] = nullptr;
    expectContains(errorOf(config), "found null");
  }
}

TEST(HfConfigErrors, wrongTypesAndValues) {
  auto with = [](const char *key, const json &value) { return errorOf(llamaWith({{key, value}})); };
  expectContains(with("hidden_size", "64"), "expected an integer from 1 to 16777216 at key 'hidden_size' in '");
  expectContains(with("hidden_size", "64"), "found the string '64'");
  expectContains(with("num_hidden_layers", 1e18), "at key 'num_hidden_layers'");
  expectContains(with("num_hidden_layers", -1), "found -1");
  expectContains(with("vocab_size", ~uint64_t(0)), "found 18446744073709551615");
  expectContains(with("hidden_size", 63), "a multiple of num_attention_heads, 4");
  expectContains(with("num_key_value_heads", 3), "found 4 heads for 3 key-value heads");
  expectContains(with("rms_norm_eps", "x"), "expected a number above 0 at key 'rms_norm_eps'");
  expectContains(with("tie_word_embeddings", 1), "expected true or false");
  expectContains(with("rope_scaling", 3), "expected an object at key 'rope_scaling'");
  expectContains(with("rope_scaling", {{"type", "linear"}}), "expected key 'factor' in '");
  expectContains(with("rope_scaling", {{"type", "linear"}, {"factor", 0}}), "(rope_scaling), found 0");
  expectContains(with("hidden_act", 5), "expected a string");
  expectContains(with("eos_token_id", "x"), "expected a token id or an array of ids");
  expectContains(
      errorOf(llamaWith({{"model_type", "qwen2"}, {"num_key_value_heads", 2}, {"use_sliding_window", true}})),
      "expected false");
}

TEST(HfConfigErrors, badJsonNamesTheFile) {
  TempDir dir;
  dir.write("config.json", "{\"a\": 1");
  expectContains(openError(dir.path()), "config.json', found: parse error");
  expectContains(errorOf(llamaConfig(), {{"tokenizer_config.json", "x"}}), "tokenizer_config.json', found:");
  expectContains(errorOf(llamaConfig(), {{"generation_config.json", "[]"}}), "expected a JSON object in '");
}

} // namespace
