// Runs the same function as every thread of every rank of this process, with a communicator: `local` by default, `mpi`
// when the binary was started by mpirun (then this process is one rank).
#ifndef TP_TEST_COMM_HARNESS_H
#define TP_TEST_COMM_HARNESS_H

#include "comm/Communicator.h"
#include "core/Barrier.h"

#include <functional>
#include <string>

namespace tp::rt::test {

bool underMpi();
int mpiRanks(); // ranks that a test has to use under mpi

struct World {
  int threads = 1;
  double timeoutSeconds = 60;
  bool spin = false;
};

// `body` runs on threads of ranks; what it throws is recorded as the runtime does. Returns the message of the first
// failure, or
// "". `manifest` has the ranks.
std::string runRanks(const Manifest &manifest, const World &world,
                     const std::function<void(Communicator &, int thread)> &body);

} // namespace tp::rt::test

#endif
