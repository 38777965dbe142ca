//===- Config.h - What a checkpoint says about its model -----------------------------------------------------===//
//
// One struct for both formats. For the families that the reader knows (isKnownFamily) every field is filled in and
// checked, with the defaults of the `transformers` library where a key is missing; for any other family fields whose
// keys have other names stay 0 or empty, and `raw` has everything.
//
//===----------------------------------------------------------------------------------------------------------===//
#ifndef TP_CHECKPOINT_CONFIG_H
#define TP_CHECKPOINT_CONFIG_H

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#if !defined(__cpp_exceptions)
// The JSON library would abort where it throws elsewhere, and the linker keeps one copy of either kind.
#error "compile this file with -fexceptions"
#endif

namespace tp {

/// How rotary frequencies differ from base^(-2i/ropeDim).
struct RopeScaling {
  enum class Type {
    None,
    Linear,  ///< frequencies divided by `factor`
    Llama3,  ///< factor, lowFreqFactor, highFreqFactor, originalContext
    Yarn,    ///< factor, originalContext, betaFast, betaSlow, attentionFactor
    Factors, ///< GGUF: frequency i divided by element i of the tensor `factorsTensor` (ropeDim / 2 elements)
    Other,   ///< known to the checkpoint, not to this reader; see `name`
  };
  Type type = Type::None;
  std::string name = "none"; ///< as the checkpoint spells it
  double factor = 1;
  double lowFreqFactor = 1;
  double highFreqFactor = 4;
  int64_t originalContext = 0; ///< positions the model was trained with before the scaling
  double betaFast = 32;
  double betaSlow = 1;
  double attentionFactor = 0; ///< Yarn: scale of the attention's cos and sin; 0 = the default, 0.1 ln(factor) + 1
  std::string factorsTensor;
};

/// A mixture of experts in place of a layer's feed-forward part.
struct ExpertConfig {
  int64_t count = 0; ///< 0: the model has none
  int64_t perToken = 0;
  int64_t intermediateSize = 0;
  bool normalised = true; ///< the weights of a token's experts add up to 1
};

/// What T5's configuration has beyond the common.
struct EncoderDecoderConfig {
  int64_t decoderLayers = 0; ///< 0: the model has no decoder
  int64_t buckets = 0;       ///< of distances
  int64_t maxDistance = 0;   ///< from here on all have one bucket
  bool gated = false;        ///< the feed-forward part has a gate
  int64_t decoderStart = 0;  ///< the token that decoding starts with
};

struct ModelConfig {
  std::string architecture;               ///< "llama", "qwen2", ...: GGUF general.architecture, HF model_type
  std::vector<std::string> architectures; ///< HF class names, e.g. "LlamaForCausalLM"; empty for GGUF
  std::string modelName;

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t layers = 0;
  int64_t heads = 0; ///< query heads; a multiple of kvHeads
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t intermediateSize = 0;
  int64_t contextLength = 0; ///< positions
  double normEps = 0;
  std::string hiddenAct; ///< as HF names it: "silu", "gelu", "gelu_pytorch_tanh", ...
  bool tieEmbeddings = false;
  bool attentionBias = false;       ///< q, k and v have a bias
  bool attentionOutputBias = false; ///< the attention's output projection has a bias
  bool mlpBias = false;
  ExpertConfig experts;
  EncoderDecoderConfig encoderDecoder;
  int64_t slidingWindow = 0; ///< positions a query sees, itself included; 0 = all
  /// Which layers have the window; empty: all.
  std::vector<bool> slidingLayers;
  /// The window of a layer; 0 = none.
  int64_t windowOf(int64_t layer) const {
    return slidingLayers.empty() || slidingLayers.at(size_t(layer)) ? slidingWindow : 0;
  }
  double attentionScale = 0;   ///< factor of the scores; 0 = 1 / sqrt(headDim)
  double attentionSoftcap = 0; ///< bound that scores are bent to with tanh; 0 = none
  double finalSoftcap = 0;     ///< the same for logits
  int64_t tokenTypes = 0;      ///< rows of the table of token types (BERT)

  double ropeBase = 10000;
  int64_t ropeDim = 0;          ///< leading dimensions of a head that are rotated; headDim when all are
  bool ropeInterleaved = false; ///< true: pairs (2i, 2i+1); false: pairs (i, i + ropeDim/2)
  RopeScaling ropeScaling;
  double localRopeBase = 0; ///< base of layers with a window, which have no scaling then; 0 = as the others

  int64_t bosId = -1; ///< -1: none
  bool addBos = false;
  std::vector<int64_t> eosIds; ///< every id that ends generation, without repeats
  std::string chatTemplate;    ///< verbatim; empty when there is none

  nlohmann::json raw; ///< HF: config.json. GGUF: the metadata, without arrays of more than 4096 elements
};

/// The tokenizer that a GGUF file holds. `types`, `merges` and `scores` are empty or, but for merges, of tokens' size.
struct GgufTokenizer {
  std::string model; ///< "gpt2" (byte-level BPE), "llama" (SentencePiece), ...
  std::string pre;   ///< the pre-tokenizer's name, e.g. "smollm"
  std::vector<std::string> tokens;
  std::vector<int32_t> types; ///< 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges;
  std::vector<float> scores;
  int64_t bos = -1, eos = -1, unk = -1; ///< -1: none
  bool addBos = false;
  bool addSpacePrefix = false;
};

/// Whether ModelConfig is complete for models of this architecture.
bool isKnownFamily(std::string_view architecture);

} // namespace tp

#endif // TP_CHECKPOINT_CONFIG_H
