//===- tp-tokenize.cpp - the tokenizer behind a pipe, for tests ----------------------===//
//
// Usage: tp-tokenize tokenizer.json            reads requests, a JSON object a line, writes an answer a line
//        tp-tokenize --from-gguf metadata.json writes the tokenizer.json for GGUF keys given as JSON
//
//   {"text": "..", "special": bool, "parse": bool} -> {"ids": [..]}   "special" and "parse": encode's addSpecial,
//   parseSpecial
//   {"bytes": "6869"}                               -> the same for any bytes, in hexadecimal
//   {"ids": [..], "skip": bool}                     -> {"text": "..", "pieces": [..]}   pieces: StreamDecoder's
//   {"template": "..", "bos": "..", "eos": "..", "messages": [{"role", "content"}]} -> {"family": "..", "text": ".."}
// What throws gives {"error": ".."}.
//
//===----------------------------------------------------------------------===//
#include "tokenizer/Chat.h"
#include "tokenizer/FromGguf.h"
#include "tokenizer/Tokenizer.h"

#include <fstream>
#include <iostream>

using namespace tp::rt;
using nlohmann::json;

static json encode(const Tokenizer &tokenizer, const json &request, const std::string &text) {
  return {{"ids", tokenizer.encode(text, request.value("special", false), request.value("parse", true))}};
}

static json decode(const Tokenizer &tokenizer, const json &request) {
  bool skip = request.value("skip", false);
  auto ids = request.at("ids").get<std::vector<int32_t>>();
  StreamDecoder stream(tokenizer, skip);
  json pieces = json::array();
  for (int32_t id : ids)
    pieces.push_back(stream.push(id));
  pieces.push_back(stream.finish());
  return {{"text", tokenizer.decode(ids, skip)}, {"pieces", pieces}};
}

static json chat(const json &request) {
  std::string text = request.at("template");
  std::optional<ChatFamily> family = recogniseChat(text);
  if (!family)
    return {{"error", "not one of " + chatFamilyNames()}};
  std::vector<ChatMessage> messages;
  for (const json &message : request.at("messages"))
    messages.push_back({message.at("role"), message.at("content")});
  ChatTokens tokens{request.value("bos", ""), request.value("eos", "")};
  return {{"family", chatFamilyName(*family)}, {"text", renderChat(*family, text, tokens, messages)}};
}

static std::string fromHex(const std::string &hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

static json answer(const Tokenizer &tokenizer, const std::string &line) {
  try {
    json request = json::parse(line);
    if (request.contains("template"))
      return chat(request);
    if (request.contains("ids"))
      return decode(tokenizer, request);
    if (request.contains("bytes"))
      return encode(tokenizer, request, fromHex(request.at("bytes")));
    return encode(tokenizer, request, request.at("text"));
  } catch (const std::exception &error) {
    return {{"error", error.what()}};
  }
}

template <typename T> static std::optional<T> get(const json &keys, const char *key) {
  return keys.contains(key) ? std::optional<T>(keys.at(key).get<T>()) : std::nullopt;
}

static GgufTokenizerMetadata readMetadata(const char *path) {
  std::ifstream in(path);
  json keys = json::parse(in);
  GgufTokenizerMetadata m;
  m.model = keys.value("model", "");
  m.pre = keys.value("pre", "");
  m.tokens = keys.value("tokens", m.tokens);
  m.tokenTypes = keys.value("token_type", m.tokenTypes);
  m.merges = keys.value("merges", m.merges);
  m.scores = keys.value("scores", m.scores);
  m.bosId = get<int32_t>(keys, "bos_token_id");
  m.eosId = get<int32_t>(keys, "eos_token_id");
  m.unknownId = get<int32_t>(keys, "unknown_token_id");
  m.addBos = get<bool>(keys, "add_bos_token");
  m.addEos = get<bool>(keys, "add_eos_token");
  m.addSpacePrefix = get<bool>(keys, "add_space_prefix");
  return m;
}

int main(int argc, char **argv) {
  try {
    std::string first = argc > 1 ? argv[1] : "";
    if (argc == 3 && first == "--from-gguf") {
      std::cout << tokenizerJsonFromGguf(readMetadata(argv[2])) << "\n";
      return 0;
    }
    if (argc != 2)
      throw std::runtime_error("expected one argument, a tokenizer.json");
    Tokenizer tokenizer = Tokenizer::load(first);
    for (std::string line; std::getline(std::cin, line);)
      std::cout << answer(tokenizer, line) << "\n" << std::flush;
  } catch (const std::exception &error) {
    std::cerr << "tp-tokenize: " << error.what() << "\n";
    return 1;
  }
}
