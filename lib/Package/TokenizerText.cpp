// tokenizer.json from either kind of checkpoint.
#include "tp/Package/Writer.h"

#include "tokenizer/FromGguf.h"
#include "tokenizer/Tokenizer.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tp {

static rt::GgufTokenizerMetadata metadataOf(const GgufTokenizer &tokenizer) {
  auto id = [](int64_t value) { return value < 0 ? std::nullopt : std::optional<int32_t>(int32_t(value)); };
  rt::GgufTokenizerMetadata metadata;
  metadata.model = tokenizer.model;
  metadata.pre = tokenizer.pre;
  metadata.tokens = tokenizer.tokens;
  metadata.tokenTypes = tokenizer.types;
  metadata.merges = tokenizer.merges;
  metadata.scores = tokenizer.scores;
  metadata.bosId = id(tokenizer.bos);
  metadata.eosId = id(tokenizer.eos);
  metadata.unknownId = id(tokenizer.unk);
  metadata.addBos = tokenizer.addBos;
  metadata.addSpacePrefix = tokenizer.addSpacePrefix;
  return metadata;
}

static std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    throw Error("cannot read '" + path + "': " + std::strerror(errno));
  return text.str();
}

std::string tokenizerText(const Checkpoint &checkpoint, const WarnFn &warn) {
  try {
    std::string text;
    if (std::optional<GgufTokenizer> tokenizer = checkpoint.ggufTokenizer())
      text = rt::tokenizerJsonFromGguf(metadataOf(*tokenizer)).dump() + "\n";
    else if (std::string path = checkpoint.tokenizerJson(); !path.empty())
      text = readFile(path);
    else
      return {};
    rt::Tokenizer::parse(text);
    return text;
  } catch (const std::exception &problem) {
    if (warn)
      warn(std::string("the package gets no tokenizer: ") + problem.what());
    return {};
  }
}

} // namespace tp
