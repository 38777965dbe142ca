// The command line of tp-run.
#ifndef TP_RUN_OPTIONS_H
#define TP_RUN_OPTIONS_H

#include "core/Sampler.h"

#include <optional>
#include <string>
#include <vector>

namespace tp::run {

enum class PromptKind { text, file, ids, chat };

struct Prompt {
  PromptKind kind;
  std::string value; // as given
};

enum class Print { text, ids, json };

struct Options {
  std::string package;
  std::vector<Prompt> prompts;                  // in the order of the command line
  std::vector<std::vector<int32_t>> tokenTypes; // of the prompts, as far as given
  std::string generates;                        // an option that only generation needs, where one is given
  int64_t maxTokens = 128;
  bool ignoreEos = false;
  rt::Sampling sampling;
  std::optional<Print> print; // none: text where the package has a tokenizer, else ids
  int threads = 0;            // 0: chosen by the runtime
  std::string stats, output;  // file names; empty: none
};

// Throws rt::Error on a wrong command line. No value: help was asked for and is in `help`.
std::optional<Options> parseOptions(int argc, char **argv, std::string &help);

// The numbers of "1,2,3". Throws rt::Error that names the option and the part that is no number.
std::vector<int32_t> parseIds(const std::string &text, const char *option = "--prompt-ids");

} // namespace tp::run

#endif
