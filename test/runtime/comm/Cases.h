// Meshes, groups and collectives to try communicators on, even and uneven, the same on every process.
#ifndef TP_TEST_COMM_CASES_H
#define TP_TEST_COMM_CASES_H

#include "comm/Reference.h"

#include <random>

namespace tp::rt::test {

Manifest mesh(const std::vector<int64_t> &sizes);
// Every way to write the ranks as a product of up to three sizes above 1.
std::vector<Manifest> meshes(int64_t ranks);
// Every list of axes without repetition, in every order.
std::vector<std::vector<std::string>> axesOf(const Manifest &manifest);

class Cases {
public:
  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  // Of any size, for groups of that many ranks.
  Collective make(CollectiveKind kind, ElementType type, int64_t groupSize);
  // The meshes, each with a collective of the kind for every list of axes and type.
  std::vector<Manifest> ofKind(CollectiveKind kind, int64_t ranks);

private:
  Windows windows(int64_t n, int64_t global);
  std::mt19937 random{20240};
};

// Values with sums that depend on their order.
Bytes sourceOf(const Collective &c, int64_t id, int rank);
// What the collective `id` of the manifest gives a rank.
Bytes resultOf(const Manifest &manifest, int64_t id, int rank);

} // namespace tp::rt::test

#endif
