//===- FromGguf.h - a GGUF file's tokenizer as tokenizer.json ------------------------===//
//
// A GGUF file has a tokenizer's tables and the name of its pre-tokenizer, where tokenizer.json has the pre-tokenizer
// itself. Given the tables, this writes the tokenizer.json that the model was published with, as far as token ids are
// concerned. For the compiler; needs no LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_FROMGGUF_H
#define TP_RUNTIME_TOKENIZER_FROMGGUF_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tp::rt {

/// The keys `tokenizer.ggml.*` of a file; what the file does not have stays empty.
struct GgufTokenizerMetadata {
  std::string model;               ///< "gpt2" (byte-level) or "llama" (SentencePiece)
  std::string pre;                 ///< name of the pre-tokenizer ("smollm", "llama-bpe", ...)
  std::vector<std::string> tokens; ///< by id
  std::vector<int32_t> tokenTypes; ///< by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges; ///< "left right", first merge first (gpt2)
  std::vector<float> scores;       ///< by id, the larger is merged first (llama)
  std::optional<int32_t> bosId, eosId, unknownId;
  std::optional<bool> addBos, addEos; ///< add_bos_token, add_eos_token
  std::optional<bool> addSpacePrefix; ///< add_space_prefix (llama)
};

/// Whether a text starts with bos: what the file says, or what models of its kind do.
bool addsBos(const GgufTokenizerMetadata &metadata);

/// Throws std::runtime_error that names the key: tables of different lengths, an id out of range, the same token twice,
/// a model or pre-tokenizer that is not known.
nlohmann::json tokenizerJsonFromGguf(const GgufTokenizerMetadata &metadata);

} // namespace tp::rt

#endif
