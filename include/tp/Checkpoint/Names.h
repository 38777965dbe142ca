//===- Names.h - Names of a Llama-style model's tensors in each format ---------------------------------------===//
//
// Both formats store the same matrices, [out, in] row-major; only names differ, and the order of the rows of q and k
// (ModelConfig::ropeInterleaved). Every name ends in ".weight"; `biasOf` gives the name of its bias.
//
//===----------------------------------------------------------------------------------------------------------===//
#ifndef TP_CHECKPOINT_NAMES_H
#define TP_CHECKPOINT_NAMES_H

#include <cstdint>
#include <string>

namespace tp {

class LlamaNames {
public:
  enum class Format { Gguf, HuggingFace };
  explicit LlamaNames(Format format) : gguf(format == Format::Gguf) {}
  /// `format` as Checkpoint::format() spells it.
  explicit LlamaNames(const std::string &format, const std::string &architecture = "")
      : gguf(format == "gguf"), mixtral(architecture == "mixtral") {}

  // Shapes: vocab V, hidden D, query heads H, kv heads K, head size S, intermediate F.
  std::string embedding() const { return gguf ? "token_embd.weight" : "model.embed_tokens.weight"; } ///< [V, D]
  std::string finalNorm() const { return gguf ? "output_norm.weight" : "model.norm.weight"; }        ///< [D]
  /// [V, D]; absent from the checkpoint when embeddings are tied
  std::string head() const { return gguf ? "output.weight" : "lm_head.weight"; }

  std::string attnNorm(int64_t n) const { return layer(n, "attn_norm", "input_layernorm"); }        ///< [D]
  std::string q(int64_t n) const { return layer(n, "attn_q", "self_attn.q_proj"); }                 ///< [H S, D]
  std::string k(int64_t n) const { return layer(n, "attn_k", "self_attn.k_proj"); }                 ///< [K S, D]
  std::string v(int64_t n) const { return layer(n, "attn_v", "self_attn.v_proj"); }                 ///< [K S, D]
  std::string o(int64_t n) const { return layer(n, "attn_output", "self_attn.o_proj"); }            ///< [D, H S]
  std::string qNorm(int64_t n) const { return layer(n, "attn_q_norm", "self_attn.q_norm"); }        ///< [S]
  std::string kNorm(int64_t n) const { return layer(n, "attn_k_norm", "self_attn.k_norm"); }        ///< [S]
  std::string ffnNorm(int64_t n) const { return layer(n, "ffn_norm", "post_attention_layernorm"); } ///< [D]
  std::string gate(int64_t n) const { return layer(n, "ffn_gate", "mlp.gate_proj"); }               ///< [F, D]
  std::string up(int64_t n) const { return layer(n, "ffn_up", "mlp.up_proj"); }                     ///< [F, D]
  std::string down(int64_t n) const { return layer(n, "ffn_down", "mlp.down_proj"); }               ///< [D, F]

  // Experts X, intermediate F: [X, D], [X, F, D], [X, F, D], [X, D, F]. A Hugging Face directory has a tensor for each
  // expert: these are stacks (Checkpoint::expect).
  std::string router(int64_t n) const {
    return layer(n, "ffn_gate_inp", mixtral ? "block_sparse_moe.gate" : "mlp.gate");
  }
  std::string expertGate(int64_t n) const { return expert(n, "ffn_gate_exps", mixtral ? "w1" : "gate_proj"); }
  std::string expertUp(int64_t n) const { return expert(n, "ffn_up_exps", mixtral ? "w3" : "up_proj"); }
  std::string expertDown(int64_t n) const { return expert(n, "ffn_down_exps", mixtral ? "w2" : "down_proj"); }

  static std::string biasOf(const std::string &weight) {
    return weight.substr(0, weight.size() - std::string("weight").size()) + "bias";
  }

private:
  std::string layer(int64_t n, const char *inGguf, const char *inHuggingFace) const {
    std::string prefix = (gguf ? "blk." : "model.layers.") + std::to_string(n) + ".";
    return prefix + (gguf ? inGguf : inHuggingFace) + ".weight";
  }

  std::string expert(int64_t n, const char *inGguf, const std::string &inHuggingFace) const {
    return layer(n, inGguf, ((mixtral ? "block_sparse_moe.experts.*." : "mlp.experts.*.") + inHuggingFace).c_str());
  }

  bool gguf, mixtral = false;
};

} // namespace tp

#endif // TP_CHECKPOINT_NAMES_H
