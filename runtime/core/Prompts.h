// A package's tokenizer with its conventions: bos, and the chat template.
#ifndef TP_RT_PROMPTS_H
#define TP_RT_PROMPTS_H

#include "core/Package.h"
#include "tokenizer/Tokenizer.h"

namespace tp::rt {

class TextCodec {
public:
  // Throws Error when the package has no tokenizer or it cannot be read.
  explicit TextCodec(const Package &package);

  // Tokens of a text as the model was trained to read it: bos in front where the checkpoint asks for it, exactly once.
  // Special tokens written in the text are recognised.
  std::vector<int32_t> encode(const std::string &text) const;
  // Tokens of one user message in the chat template. Throws Error that names the known families when the template is
  // missing or of another family.
  std::vector<int32_t> encodeChat(const std::string &message) const;

  const Tokenizer &tokenizer() const { return loaded; }

private:
  std::string textOf(std::optional<int64_t> token) const;
  const Manifest &manifest;
  Tokenizer loaded;
};

} // namespace tp::rt

#endif
