//===- TestFiles.cpp - Small checkpoint files for the tests --------------------------------------------------===//
#include "TestFiles.h"
#include <atomic>
#include <fstream>
#include <unistd.h>

namespace tp::test {

TempDir::TempDir() {
  static std::atomic<int> next = 0;
  root = std::filesystem::temp_directory_path() /
         ("tp-checkpoint-" + std::to_string(::getpid()) + "-" + std::to_string(next++));
  std::filesystem::create_directories(root);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
}

std::string TempDir::write(const std::string &name, const std::string &bytes) const {
  std::ofstream(file(name), std::ios::binary) << bytes;
  return file(name);
}

GgufBuilder &GgufBuilder::key(const std::string &name, uint32_t type, const std::string &value) {
  ++keys;
  metadata += string(name) + rawBytes(type) + value;
  return *this;
}

GgufBuilder &GgufBuilder::strings(const std::string &name, const std::vector<std::string> &values) {
  std::string bytes = rawBytes(uint32_t(String)) + rawBytes(uint64_t(values.size()));
  for (const std::string &value : values)
    bytes += string(value);
  return key(name, Array, bytes);
}

GgufBuilder &GgufBuilder::tensor(const std::string &name, std::vector<uint64_t> shape, uint32_t type,
                                 const std::string &bytes, int64_t offset) {
  ++tensors;
  infos += string(name) + rawBytes(uint32_t(shape.size()));
  for (size_t i = shape.size(); i-- > 0;)
    infos += rawBytes(shape[i]);
  infos += rawBytes(type) + rawBytes(offset < 0 ? uint64_t(data.size()) : uint64_t(offset));
  data += bytes;
  data.resize((data.size() + 31) / 32 * 32);
  return *this;
}

std::string GgufBuilder::build() const {
  std::string bytes = magic + rawBytes(version) + rawBytes(tensors + extraTensors) + rawBytes(keys + extraKeys);
  bytes += metadata + infos;
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes + data;
}

std::string floats(const std::vector<float> &values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

GgufBuilder llamaGguf() {
  std::vector<float> values(8 * 32);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i);
  GgufBuilder builder;
  builder.text("general.architecture", "llama")
      .text("general.name", "small")
      .u32("llama.block_count", 2)
      .u32("llama.context_length", 64)
      .u32("llama.embedding_length", 32)
      .u32("llama.feed_forward_length", 96)
      .u32("llama.attention.head_count", 4)
      .u32("llama.attention.head_count_kv", 2)
      .f32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .strings("tokenizer.ggml.tokens", {"<s>", "</s>", "a", "b", "ab", "c", "d", "e"})
      .strings("tokenizer.ggml.merges", {"a b"})
      .u32("tokenizer.ggml.bos_token_id", 0)
      .u32("tokenizer.ggml.eos_token_id", 1)
      .u32("tokenizer.ggml.eot_token_id", 7)
      .text("tokenizer.chat_template", "{{ messages }}")
      .tensor("token_embd.weight", {8, 32}, 0, floats(values));
  return builder;
}

std::string safetensors(const std::string &header, const std::string &data) {
  return rawBytes(uint64_t(header.size())) + header + data;
}

nlohmann::json llamaConfig() {
  return {{"model_type", "llama"},   {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", 100},       {"hidden_size", 64},
          {"num_hidden_layers", 2},  {"num_attention_heads", 4},
          {"intermediate_size", 128}};
}

std::vector<float> readAll(const Checkpoint &checkpoint, const std::string &name) {
  const TensorInfo *tensor = checkpoint.find(name);
  if (!tensor) {
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
  std::vector<float> values(size_t(tensor->elements()));
  checkpoint.readRows(*tensor, 0, tensor->shape.empty() ? 1 : tensor->shape[0], values.data());
  return values;
}

std::string openError(const std::string &path) {
  try {
    Checkpoint::open(path);
  } catch (const Error &error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "not one line";
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

void expectContains(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << "text: " << text << "\nlacks: " << part;
}

} // namespace tp::test
