//===- SmallTokenizer.h - tokenizer.json files that fit on a page --------------------===//
#ifndef TP_TEST_RUNTIME_TOKENIZER_SMALLTOKENIZER_H
#define TP_TEST_RUNTIME_TOKENIZER_SMALLTOKENIZER_H

#include "tokenizer/ByteLevel.h"
#include "tokenizer/Tokenizer.h"

#include <nlohmann/json.hpp>

namespace tp::rt::test {

using nlohmann::json;

/// Byte-level: ids 0..255 are the bytes, 256 "he", 257 "ll", 258 "hell", 259 "hello", 300 the special <|end|>, 301 the
/// plain "added". A text starts with <|end|> when special tokens are asked for.
inline json byteLevelFile() {
  json vocab = {{"he", 256}, {"ll", 257}, {"hell", 258}, {"hello", 259}};
  for (int byte = 0; byte < 256; ++byte)
    vocab[bytesToChars(std::string(1, static_cast<char>(byte)))] = byte;
  json end = {{"id", 300}, {"content", "<|end|>"}, {"special", true}, {"normalized", false}};
  json plain = {{"id", 301}, {"content", "added"}, {"special", false}, {"normalized", true}};
  json single = {{{"SpecialToken", {{"id", "<|end|>"}, {"type_id", 0}}}},
                 {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
  return {
      {"added_tokens", {end, plain}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", single},
        {"special_tokens", {{"<|end|>", {{"id", "<|end|>"}, {"ids", {300}}, {"tokens", {"<|end|>"}}}}}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"h e", "l l", json::array({"he", "ll"}), "hell o"}}}}};
}

/// Marked spaces and byte fallback: 0 <unk>, 1 <s>, 2 "▁", 3 "a", 4 "▁a", 5..260 the bytes.
inline json markedFile() {
  const char *mark = "\u2581";
  json vocab = {{"<unk>", 0}, {"<s>", 1}, {mark, 2}, {"a", 3}, {std::string(mark) + "a", 4}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    vocab[name] = 5 + byte;
  }
  json toMark = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}};
  json toSpace = {{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}};
  json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  json bos = {{"id", 1}, {"content", "<s>"}, {"special", true}, {"normalized", false}};
  return {{"added_tokens", json::array({bos})},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", mark}}, toMark}}}},
          {"decoder",
           {{"type", "Sequence"}, {"decoders", {toSpace, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip}}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"byte_fallback", true},
            {"fuse_unk", true},
            {"vocab", vocab},
            {"merges", {std::string(mark) + " a"}}}}};
}

inline Tokenizer make(const json &file) { return Tokenizer::parse(file.dump()); }

using Ids = std::vector<int32_t>;

} // namespace tp::rt::test

#endif
