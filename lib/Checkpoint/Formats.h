//===- Formats.h - The readers behind Checkpoint::open, and the families they know ---------------------------===//
#ifndef TP_LIB_CHECKPOINT_FORMATS_H
#define TP_LIB_CHECKPOINT_FORMATS_H

#include "tp/Checkpoint/Checkpoint.h"
#include <span>

namespace tp::checkpoint {

std::unique_ptr<Checkpoint> openGguf(const std::string &path);
std::unique_ptr<Checkpoint> openHuggingFace(const std::string &path);

/// ModelConfig without the specials, from config.json. `where` names the file in errors.
ModelConfig readHfConfig(const nlohmann::json &config, const std::string &where);

/// Fills bosId, addBos, eosIds and chatTemplate from generation_config.json, tokenizer_config.json, tokenizer.json and
/// chat_template.jinja in `directory`, each as far as it exists, and from `config.raw`.
void readHfSpecials(const std::string &directory, ModelConfig &config);

/// Bounds that no model passes and that keep later arithmetic within int64.
inline constexpr int64_t maxLayers = 1 << 16, maxHeads = 1 << 16, maxWidth = 1 << 24, maxVocab = 1 << 28,
                         maxContext = (int64_t(1) << 31) - 1;

/// Whether it is a known family whose positions are rotations.
bool isRotary(std::string_view architecture);

/// Refuses head counts that cannot be grouped.
void checkHeads(const ModelConfig &config, const std::string &where);

struct ByteRange {
  uint64_t begin, end;
  std::string_view name;
};
/// Refuses tensors whose bytes overlap. Sorts `ranges`.
void checkDisjoint(std::span<ByteRange> ranges, const std::string &where);

} // namespace tp::checkpoint

#endif // TP_LIB_CHECKPOINT_FORMATS_H
