#include "core/Sampler.h"

#include "core/Error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

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

Sampler::Sampler(const Sampling &sampling, int64_t index, int64_t vocabSize) : sampling(sampling), index(index) {
  if (sampling.temperature > 0) {
    candidates.reserve(size_t(vocabSize));
    weights.reserve(size_t(vocabSize));
  }
}

// The generator SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes all bits.
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// In [0, 1), of 24 bits: what a float holds.
float Sampler::draw(int64_t step) const {
  return float(mix(mix(mix(sampling.seed) + uint64_t(index)) + uint64_t(step)) >> 40) * 0x1p-24f;
}

std::array<int32_t, 4> Sampler::settings(int64_t step) const {
  // As floats neither infinite nor zero.
  auto bits = [](double x) {
    using Float = std::numeric_limits<float>;
    return std::bit_cast<int32_t>(float(std::clamp<double>(x, Float::min(), Float::max())));
  };
  return {bits(std::numbers::log2e / sampling.temperature),
          int32_t(std::min<int64_t>(sampling.topK, std::numeric_limits<int32_t>::max())), bits(sampling.topP),
          std::bit_cast<int32_t>(draw(step))};
}

int32_t Sampler::choose(std::span<const float> logits, int64_t step) {
  int32_t best = argmax(logits);
  if (sampling.temperature <= 0)
    return best;
  collect(logits, logits[size_t(best)]);
  keepLikeliest();
  keepNucleus();
  double point = double(draw(step)) * total();
  for (auto &[weight, token] : candidates) {
    point -= weight;
    if (point < 0)
      return token;
  }
  return candidates.back().second; // rounding used up the weights
}

// Weights relative to the most likely token, whose weight is 1.
void Sampler::collect(std::span<const float> logits, float highest) {
  candidates.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    double weight = std::exp((double(logits[i]) - highest) / sampling.temperature);
    if (weight > 0) // neither -inf nor NaN
      candidates.emplace_back(weight, int32_t(i));
  }
}

double Sampler::total() const {
  double sum = 0;
  for (auto &[weight, token] : candidates)
    sum += weight;
  return sum;
}

void Sampler::dropBelow(double least) {
  std::erase_if(candidates, [&](const auto &candidate) { return candidate.first < least; });
}

void Sampler::keepLikeliest() {
  if (sampling.topK == 0 || size_t(sampling.topK) >= candidates.size())
    return;
  weights.clear();
  for (auto &[weight, token] : candidates)
    weights.push_back(weight);
  auto last = weights.begin() + (sampling.topK - 1);
  std::nth_element(weights.begin(), last, weights.end(), std::greater());
  dropBelow(*last);
}

// The most likely tokens that together reach topP.
void Sampler::keepNucleus() {
  if (sampling.topP >= 1)
    return;
  double all = total();
  // All tokens below this weight together stay under 1 - topP: none of them is needed, and most need no sorting.
  double least = std::min((1 - sampling.topP) * all / double(candidates.size()), 1.0);
  weights.clear();
  for (auto &[weight, token] : candidates)
    if (weight >= least)
      weights.push_back(weight);
  std::sort(weights.begin(), weights.end(), std::greater());
  double sum = 0;
  size_t kept = 0;
  while (kept < weights.size() && (kept == 0 || sum < sampling.topP * all))
    sum += weights[kept++];
  dropBelow(weights[kept - 1]);
}

} // namespace tp::rt
