// Choosing the next token from logits.
#ifndef TP_RT_SAMPLER_H
#define TP_RT_SAMPLER_H

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tp::rt {

struct Sampling {
  double temperature = 0; // 0: greedy
  int64_t topK = 0;       // only the K most likely, and those as likely as the last of them; 0: all
  double topP = 1;        // only the most likely that reach this probability together
  uint64_t seed = 0;
};

// The index of the largest logit, the lowest of equal ones. Throws Error when no logit is finite.
int32_t argmax(std::span<const float> logits);

// One sequence's choices. What is drawn for its token number `step` depends on the seed, the sequence's `index` in the
// run and the step alone: not on the batch, nor on who draws.
class Sampler {
public:
  Sampler(const Sampling &sampling, int64_t index, int64_t vocabSize);
  int32_t choose(std::span<const float> logits, int64_t step);
  // What tp.sample wants to know to draw the same token.
  std::array<int32_t, 4> settings(int64_t step) const;

private:
  float draw(int64_t step) const;
  void collect(std::span<const float> logits, float highest);
  void keepLikeliest();
  void keepNucleus();
  double total() const;
  void dropBelow(double weight);

  Sampling sampling;
  int64_t index;
  std::vector<std::pair<double, int32_t>> candidates; // (weight, token) by token
  std::vector<double> weights;                        // for sorting
};

} // namespace tp::rt

#endif
