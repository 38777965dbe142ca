//===- ConfigTests.cpp - ModelConfig and tokenizer of GGUF files ---------------------------------------------===//
#include "TestFiles.h"
#include "tp/Checkpoint/Names.h"

using namespace tp;
using namespace tp::test;

namespace {

std::unique_ptr<Checkpoint> open(const GgufBuilder &builder) {
  TempDir dir;
  return Checkpoint::open(dir.write("model.gguf", builder.build())); // a mapping outlives its file's name
}

std::string errorOf(const GgufBuilder &builder) {
  TempDir dir;
  return openError(dir.write("model.gguf", builder.build()));
}

/// The keys that a Llama needs but for `without`.
GgufBuilder llamaWithout(const std::string &without) {
  GgufBuilder builder;
  builder.text("general.architecture", "llama");
  for (const char *key : {"block_count", "context_length", "embedding_length", "feed_forward_length",
                          "attention.head_count", "vocab_size"})
    if (key != without)
      builder.u32(std::string("llama.") + key, key == std::string("attention.head_count") ? 4 : 32);
  if (without != "attention.layer_norm_rms_epsilon")
    builder.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  return builder;
}

TEST(GgufConfig, readsDimensions) {
  auto checkpoint = open(llamaGguf());
  const ModelConfig &config = checkpoint->config();
  EXPECT_EQ(config.architecture, "llama");
  EXPECT_EQ(config.modelName, "small");
  EXPECT_EQ(config.vocabSize, 8); // from token_embd.weight
  EXPECT_EQ(config.hiddenSize, 32);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kvHeads, 2);
  EXPECT_EQ(config.headDim, 8);
  EXPECT_EQ(config.intermediateSize, 96);
  EXPECT_EQ(config.contextLength, 64);
  EXPECT_EQ(config.normEps, double(1e-5f));
  EXPECT_EQ(config.hiddenAct, "silu");
  EXPECT_TRUE(config.tieEmbeddings);
  EXPECT_FALSE(config.attentionBias);
  EXPECT_EQ(config.slidingWindow, 0);
  EXPECT_EQ(config.raw["llama.block_count"], 2);
}

TEST(GgufConfig, readsRope) {
  auto checkpoint = open(llamaGguf());
  EXPECT_EQ(checkpoint->config().ropeBase, 10000);
  EXPECT_EQ(checkpoint->config().ropeDim, 8);
  EXPECT_TRUE(checkpoint->config().ropeInterleaved);
  EXPECT_EQ(checkpoint->config().ropeScaling.type, RopeScaling::Type::None);
}

TEST(GgufConfig, readsRopeScaling) {
  auto linear = open(llamaGguf().text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 4));
  EXPECT_EQ(linear->config().ropeScaling.type, RopeScaling::Type::Linear);
  EXPECT_EQ(linear->config().ropeScaling.factor, 4);
  auto yarn = open(llamaGguf()
                       .text("llama.rope.scaling.type", "yarn")
                       .f32("llama.rope.scaling.factor", 2)
                       .u32("llama.rope.scaling.original_context_length", 32));
  EXPECT_EQ(yarn->config().ropeScaling.type, RopeScaling::Type::Yarn);
  EXPECT_EQ(yarn->config().ropeScaling.originalContext, 32);
  auto factors = open(llamaGguf().tensor("rope_freqs.weight", {4}, 0, floats({1, 2, 3, 4})));
  EXPECT_EQ(factors->config().ropeScaling.type, RopeScaling::Type::Factors);
  EXPECT_EQ(factors->config().ropeScaling.factorsTensor, "rope_freqs.weight");
  // Frequencies that turn less than once in 8192 positions are divided by 8, those that turn four times are kept.
  auto llama3 = open(
      llamaGguf().f32("llama.rope.freq_base", 500000).tensor("rope_freqs.weight", {4}, 0, floats({1, 1, 2.69453f, 8})));
  EXPECT_EQ(llama3->config().ropeScaling.type, RopeScaling::Type::Llama3);
  EXPECT_EQ(llama3->config().ropeScaling.factor, 8);
  EXPECT_EQ(llama3->config().ropeScaling.originalContext, 8192);
  auto other = open(llamaGguf().text("llama.rope.scaling.type", "longrope"));
  EXPECT_EQ(other->config().ropeScaling.type, RopeScaling::Type::Other);
  EXPECT_EQ(other->config().ropeScaling.name, "longrope");
}

TEST(GgufConfig, readsSpecials) {
  auto checkpoint = open(llamaGguf());
  EXPECT_EQ(checkpoint->config().bosId, 0);
  EXPECT_FALSE(checkpoint->config().addBos);
  EXPECT_EQ(checkpoint->config().eosIds, (std::vector<int64_t>{1, 7}));
  EXPECT_EQ(checkpoint->config().chatTemplate, "{{ messages }}");
}

TEST(GgufConfig, readsTokenizer) {
  auto tokenizer = open(llamaGguf())->ggufTokenizer();
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->model, "gpt2");
  EXPECT_EQ(tokenizer->pre, "smollm");
  EXPECT_EQ(tokenizer->tokens.size(), 8u);
  EXPECT_EQ(tokenizer->tokens[4], "ab");
  EXPECT_EQ(tokenizer->merges, (std::vector<std::string>{"a b"}));
  EXPECT_TRUE(tokenizer->types.empty());
  EXPECT_EQ(tokenizer->unk, -1);
  EXPECT_FALSE(open(llamaWithout(""))->ggufTokenizer());
}

TEST(GgufConfig, untiedAndBiasesFollowTheTensors) {
  auto checkpoint = open(llamaGguf()
                             .tensor("output.weight", {8, 32}, 0, std::string(1024, '\0'))
                             .tensor("blk.0.attn_q.bias", {32}, 0, std::string(128, '\0')));
  EXPECT_FALSE(checkpoint->config().tieEmbeddings);
  EXPECT_TRUE(checkpoint->config().attentionBias);
  EXPECT_FALSE(checkpoint->config().attentionOutputBias);
}

TEST(GgufConfig, unknownFamilyKeepsWhatIsThere) {
  GgufBuilder builder;
  builder.text("general.architecture", "mamba").u32("mamba.embedding_length", 768);
  auto checkpoint = open(builder);
  EXPECT_FALSE(isKnownFamily("mamba"));
  EXPECT_EQ(checkpoint->config().hiddenSize, 768);
  EXPECT_EQ(checkpoint->config().layers, 0);
  EXPECT_FALSE(checkpoint->config().ropeInterleaved);
}

TEST(GgufConfigErrors, everyRequiredKeyIsNamedWhenMissing) {
  EXPECT_NO_THROW(open(llamaWithout("")));
  for (const char *key : {"block_count", "context_length", "embedding_length", "feed_forward_length",
                          "attention.head_count", "vocab_size", "attention.layer_norm_rms_epsilon"})
    expectContains(errorOf(llamaWithout(key)), "expected key 'llama." + std::string(key) + "' in '");
  expectContains(errorOf(GgufBuilder()), "expected key 'general.architecture'");
}

TEST(GgufConfigErrors, wrongTypesAndValues) {
  expectContains(errorOf(llamaWithout("block_count").text("llama.block_count", "two")),
                 "expected an integer from 1 to 65536 at key 'llama.block_count' in '");
  expectContains(errorOf(llamaWithout("block_count").u32("llama.block_count", 0)), ", found 0");
  expectContains(errorOf(llamaWithout("").u32("llama.attention.head_count_kv", 5)),
                 "found 4 heads for 5 key-value heads");
  expectContains(errorOf(llamaWithout("").f32("llama.rope.freq_base", -1)), "expected a number above 0");
  expectContains(errorOf(llamaWithout("").u32("llama.rope.dimension_count", 3)), "rotary dimensions that are even");
}

TEST(GgufConfigErrors, badTokenizer) {
  expectContains(errorOf(llamaGguf().u32("tokenizer.ggml.unknown_token_id", 8)), "integer from 0 to 7");
  GgufBuilder types = llamaGguf();
  types.key("tokenizer.ggml.token_type", GgufBuilder::Array,
            rawBytes(uint32_t(GgufBuilder::I32)) + rawBytes(uint64_t(1)) + rawBytes(int32_t(1)));
  expectContains(errorOf(types), "expected 8 elements, one per token");
  expectContains(errorOf(llamaGguf().strings("tokenizer.ggml.scores", {"x"})), "expected an array of f32");
}

TEST(Names, ofBothFormats) {
  LlamaNames gguf("gguf"), hf("huggingface");
  EXPECT_EQ(gguf.q(3), "blk.3.attn_q.weight");
  EXPECT_EQ(hf.q(3), "model.layers.3.self_attn.q_proj.weight");
  EXPECT_EQ(gguf.head(), "output.weight");
  EXPECT_EQ(hf.ffnNorm(0), "model.layers.0.post_attention_layernorm.weight");
  EXPECT_EQ(LlamaNames::biasOf(hf.q(0)), "model.layers.0.self_attn.q_proj.bias");
}

} // namespace
