#include "core/Sampler.h"

#include "core/Error.h"

#include <algorithm>
#include <cmath>

namespace tp::rt {

int32_t argmax(std::span<const float> logits) {
  // Several running maxima, which the compiler keeps in one vector register; NaN compares false and never wins.
  constexpr size_t lanes = 16;
  float high[lanes];
  std::fill(std::begin(high), std::end(high), -INFINITY);
  size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes)
    for (size_t k = 0; k < lanes; ++k)
      high[k] = logits[i + k] > high[k] ? logits[i + k] : high[k];
  for (; i < logits.size(); ++i)
    high[0] = logits[i] > high[0] ? logits[i] : high[0];
  float highest = *std::max_element(std::begin(high), std::end(high));
  if (!std::isfinite(highest))
    throw Error("the logits are not finite");
  return int32_t(std::find(logits.begin(), logits.end(), highest) - logits.begin());
}

Sampler::Sampler(const Sampling &sampling, int64_t index, int64_t vocabSize) : sampling(sampling) {
  std::seed_seq seeds{uint32_t(sampling.seed), uint32_t(sampling.seed >> 32), uint32_t(index)};
  random.seed(seeds);
  if (sampling.temperature > 0)
    candidates.reserve(size_t(vocabSize));
}

int32_t Sampler::next(std::span<const float> logits) {
  int32_t best = argmax(logits);
  if (sampling.temperature <= 0)
    return best;
  collect(logits, logits[size_t(best)]);
  if (sampling.topP < 1)
    keepNucleus();
  double total = 0;
  for (auto &[weight, token] : candidates)
    total += weight;
  double point = double(random() >> 11) * 0x1p-53 * total;
  for (auto &[weight, token] : candidates) {
    point -= weight;
    if (point < 0)
      return token;
  }
  return best; // rounding used up the weights
}

// Weights relative to the most likely token, whose weight is 1; the K most likely when K is set.
void Sampler::collect(std::span<const float> logits, float highest) {
  candidates.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    double weight = std::exp((double(logits[i]) - highest) / sampling.temperature);
    if (weight > 0) // neither -inf nor NaN
      candidates.emplace_back(weight, int32_t(i));
  }
  auto likelier = [](const auto &a, const auto &b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  if (sampling.topK > 0 && size_t(sampling.topK) < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + sampling.topK, candidates.end(), likelier);
    candidates.resize(size_t(sampling.topK));
    std::sort(candidates.begin(), candidates.end(), likelier);
  }
}

// The most likely tokens that together reach topP.
void Sampler::keepNucleus() {
  double total = 0;
  for (auto &[weight, token] : candidates)
    total += weight;
  // All tokens below this weight together stay under 1 - topP: none of them is needed, and most need no sorting.
  double least = (1 - sampling.topP) * total / double(candidates.size());
  std::erase_if(candidates, [&](const auto &candidate) { return candidate.first < least && candidate.first < 1; });
  std::sort(candidates.begin(), candidates.end(),
            [](const auto &a, const auto &b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  double sum = 0;
  size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < sampling.topP * total))
    sum += candidates[kept++].first;
  candidates.resize(kept);
}

} // namespace tp::rt
