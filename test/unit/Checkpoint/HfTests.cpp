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
  ModelConfig config = configOf({{"model_type", "mamba"}, {"n_embd", 768}, {"vocab_size", 50257}});
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
}

TEST(HfConfig, windowsOfSomeLayers) {
  auto windows = [](const json &changes) {
    json all = llamaWith({{"num_hidden_layers", 4}, {"num_key_value_heads", 2}});
    all.update(changes);
    ModelConfig config = configOf(all);
    std::vector<int64_t> result;
    for (int64_t n = 0; n < config.layers; ++n)
      result.push_back(config.windowOf(n));
    return result;
  };
  using Windows = std::vector<int64_t>;
  EXPECT_EQ(windows({{"sliding_window", 9}}), (Windows{0, 0, 0, 0})); // Llama
  EXPECT_EQ(windows({{"model_type", "mistral"}, {"sliding_window", 9}}), (Windows{9, 9, 9, 9}));
  json qwen = {{"model_type", "qwen2"}, {"use_sliding_window", true}, {"max_window_layers", 2}};
  EXPECT_EQ(windows(qwen), (Windows{0, 0, 4096, 4096}));
  qwen["sliding_window"] = 9;
  EXPECT_EQ(windows(qwen), (Windows{0, 0, 9, 9}));
  qwen["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "sliding_attention"};
  EXPECT_EQ(windows(qwen), (Windows{9, 0, 0, 9}));
  EXPECT_EQ(windows({{"model_type", "gemma2"}, {"sliding_window", 9}}), (Windows{9, 0, 9, 0}));
  EXPECT_EQ(windows({{"model_type", "gemma3_text"}, {"sliding_window", 9}, {"sliding_window_pattern", 3}}),
            (Windows{9, 9, 0, 9}));
}

TEST(HfConfig, gemma) {
  ModelConfig gemma =
      configOf(llamaWith({{"model_type", "gemma"}, {"num_key_value_heads", 2}, {"hidden_act", "gelu"}}));
  EXPECT_EQ(gemma.headDim, 256);
  EXPECT_EQ(gemma.hiddenAct, "gelu_pytorch_tanh");
  EXPECT_TRUE(gemma.tieEmbeddings);
  EXPECT_EQ(gemma.attentionScale, 0);
  EXPECT_EQ(gemma.finalSoftcap, 0);
  json second = llamaWith({{"model_type", "gemma2"}, {"attn_logit_softcapping", nullptr}});
  ModelConfig gemma2 = configOf(second);
  EXPECT_EQ(gemma2.attentionScale, 1.0 / 16);
  EXPECT_EQ(gemma2.attentionSoftcap, 0);
  EXPECT_EQ(gemma2.finalSoftcap, 30);
  json kinds = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 2e6}}},
                {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 500.0}}}};
  ModelConfig gemma3 = configOf(llamaWith({{"model_type", "gemma3_text"}, {"rope_parameters", kinds}}));
  EXPECT_EQ(gemma3.ropeBase, 2e6);
  EXPECT_EQ(gemma3.localRopeBase, 500);
  EXPECT_EQ(gemma3.ropeScaling.type, RopeScaling::Type::Linear);
  EXPECT_EQ(configOf(llamaWith({{"model_type", "gemma3_text"}})).ropeBase, 1e6);
}

TEST(HfConfig, gpt2SpellsItsKeysOtherwise) {
  json config = {{"model_type", "gpt2"}, {"vocab_size", 33}, {"n_embd", 15}, {"n_layer", 2}, {"n_head", 5}};
  ModelConfig gpt2 = configOf(config);
  EXPECT_EQ(gpt2.hiddenSize, 15);
  EXPECT_EQ(gpt2.layers, 2);
  EXPECT_EQ(gpt2.headDim, 3);
  EXPECT_EQ(gpt2.intermediateSize, 60);
  EXPECT_EQ(gpt2.contextLength, 1024);
  EXPECT_EQ(gpt2.hiddenAct, "gelu_new");
  EXPECT_EQ(gpt2.normEps, 1e-5);
  EXPECT_TRUE(gpt2.tieEmbeddings && gpt2.attentionBias && gpt2.attentionOutputBias && gpt2.mlpBias);
  config.erase("n_embd");
  expectContains(errorOf(config), "expected key 'n_embd' in");
}

TEST(HfConfig, bert) {
  json config = llamaWith({{"model_type", "bert"}, {"layer_norm_eps", 1e-6}});
  ModelConfig bert = configOf(config);
  EXPECT_EQ(bert.tokenTypes, 2);
  EXPECT_EQ(bert.normEps, 1e-6);
  EXPECT_EQ(bert.hiddenAct, "gelu");
  config["is_decoder"] = true;
  expectContains(errorOf(config), "expected false at key 'is_decoder'");
}

TEST(HfConfigErrors, badJsonNamesTheFile) {
  TempDir dir;
  dir.write("config.json", "{\"a\": 1");
  expectContains(openError(dir.path()), "config.json', found: parse error");
  expectContains(errorOf(llamaConfig(), {{"tokenizer_config.json", "x"}}), "tokenizer_config.json', found:");
  expectContains(errorOf(llamaConfig(), {{"generation_config.json", "[]"}}), "expected a JSON object in '");
}

} // namespace
