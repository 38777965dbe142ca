// Choosing the next token from logits.
#ifndef TP_RT_SAMPLER_H
#define TP_RT_SAMPLER_H

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace tp::rt {

struct Sampling {
  double temperature = 0; // 0: greedy
  int64_t topK = 0;       // only the K most likely; 0: all
  double topP = 1;        // only the most likely that reach this probability together
  uint64_t seed = 0;
};

// The index of the largest logit, the lowest of equal ones. Throws Error when no logit is finite.
int32_t argmax(std::span<const float> logits);

// One sequence's choices: sequence `index` of a run draws the same numbers whatever the batch it runs in.
class Sampler {
public:
  Sampler(const Sampling &sampling, int64_t index, int64_t vocabSize);
  int32_t next(std::span<const float> logits);

private:
  void collect(std::span<const float> logits, float highest);
  void keepNucleus();
  Sampling sampling;
  std::mt19937_64 random; // NOLINT(bugprone-random-generator-seed): seeded by the constructor
  std::vector<std::pair<double, int32_t>> candidates; // (weight, token)
};

} // namespace tp::rt

#endif
