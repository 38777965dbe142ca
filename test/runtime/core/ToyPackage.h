// Packages for tests, written without the compiler around ToyProgram.c, and what they must compute.
#ifndef TP_TEST_TOYPACKAGE_H
#define TP_TEST_TOYPACKAGE_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tp::rt::test {

constexpr int toyBatch = 2, toyVocab = 37, toyMaxSeq = 64;
constexpr int stallToken = 30, failToken = 31, crashToken = 32, spinToken = 33, nanToken = 34, eosToken = 12;

// A folder below the system's temporary one; removed with its content on destruction.
class ScratchFolder {
public:
  ScratchFolder();
  ~ScratchFolder();
  const std::string path;
};

// A package for `ranks` ranks (mesh: tp), without a tokenizer.
nlohmann::json toyManifest(int ranks);
// The same as an encoder of 16 rows, with or without the input `length`.
nlohmann::json toyEncoderManifest(int ranks, bool withLength);
void writeToyPackage(const std::string &folder, int ranks);
void writeManifest(const std::string &folder, const std::string &text);
std::string readText(const std::string &path);

// Logits after the last token.
std::vector<float> toyLogits(const std::vector<int32_t> &tokens);
// Greedy tokens after the prompt.
std::vector<int32_t> toyGreedy(std::vector<int32_t> tokens, int count);
// A prompt without special tokens.
std::vector<int32_t> toyPrompt(int length, int seed = 1);

} // namespace tp::rt::test

#endif
