#include "Printer.h"

#include "core/Error.h"

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace tp::run {

Printer::Printer(Print print, size_t prompts, const rt::TextCodec *codec) : print(print), codec(codec) {
  if (codec)
    for (size_t i = 0; i < prompts; ++i)
      decoders.emplace_back(codec->tokenizer());
}

static bool put(const std::string &text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

bool Printer::token(int64_t sequence, int32_t token) {
  if (!streams())
    return true;
  std::string text = decoders[size_t(sequence)].push(token);
  if (text.empty())
    return true;
  endsLine = text.back() == '\n';
  return put(text);
}

std::string Printer::textOf(const rt::Sequence &sequence) const {
  return codec->tokenizer().decode(sequence.tokens, true);
}

void Printer::line(const rt::Sequence &sequence, const std::vector<int32_t> &prompt, size_t index) {
  std::string text;
  if (print == Print::ids) {
    for (int32_t id : sequence.tokens)
      text += (text.empty() ? "" : " ") + std::to_string(id);
  } else if (print == Print::json) {
    nlohmann::ordered_json json{{"prompt", index}, {"prompt_tokens", prompt.size()}, {"ids", sequence.tokens}};
    if (codec)
      json["text"] = textOf(sequence);
    json["finish"] = nameOf(sequence.finish);
    text = json.dump();
  } else {
    text = "[" + std::to_string(index + 1) + "] " + textOf(sequence);
  }
  put(text + "\n");
}

void Printer::finish(const rt::Result &result, const std::vector<std::vector<int32_t>> &prompts) {
  if (streams()) {
    std::string rest = decoders[0].finish();
    endsLine = rest.empty() ? endsLine : rest.back() == '\n';
    put(endsLine ? rest : rest + "\n");
  } else {
    for (size_t i = 0; i < result.sequences.size(); ++i)
      line(result.sequences[i], prompts[i], i);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw rt::Error(std::string("cannot write to standard output: ") + std::strerror(errno));
}

} // namespace tp::run
