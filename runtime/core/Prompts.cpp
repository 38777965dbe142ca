#include "core/Prompts.h"

#include "core/Error.h"
#include "tokenizer/Chat.h"

namespace tp::rt {
namespace {

std::string tokenizerPath(const Package &package) {
  if (!package.manifest().tokenizer)
    throw Error("the package has no tokenizer: give prompts as token ids");
  return package.path(*package.manifest().tokenizer);
}

} // namespace

TextCodec::TextCodec(const Package &package)
    : manifest(package.manifest()), loaded(Tokenizer::load(tokenizerPath(package))) {}

std::vector<int32_t> TextCodec::encode(const std::string &text) const {
  std::vector<int32_t> tokens = loaded.encode(text, manifest.addBos || manifest.model.isEncoder(), true);
  // Many tokenizers leave bos to the program that runs them.
  bool hasBos = !tokens.empty() && manifest.bos && tokens.front() == *manifest.bos;
  if (manifest.addBos && manifest.bos && !hasBos)
    tokens.insert(tokens.begin(), int32_t(*manifest.bos));
  return tokens;
}

std::string TextCodec::textOf(std::optional<int64_t> token) const {
  if (!token)
    return "";
  return std::string(loaded.idToToken(int32_t(*token)).value_or(""));
}

std::vector<int32_t> TextCodec::encodeChat(const std::string &message) const {
  if (!manifest.chatTemplate)
    throw Error("the package has no chat template: use a plain prompt");
  auto family = recogniseChat(*manifest.chatTemplate);
  if (!family)
    throw Error("the chat template is of no known family (" + chatFamilyNames() + "): use a plain prompt");
  std::optional<int64_t> eos;
  if (!manifest.eos.empty())
    eos = manifest.eos.front();
  ChatMessage user{"user", message};
  std::string text = renderChat(*family, *manifest.chatTemplate, {textOf(manifest.bos), textOf(eos)}, {&user, 1});
  return loaded.encode(text, false, true);
}

} // namespace tp::rt
