#include "comm/Harness.h"

#include "comm/LocalCommunicator.h"
#include "comm/ProcessCommunicator.h"
#include "comm/Transport.h"

#include <thread>

namespace tp::rt::test {

bool underMpi() { return startedByLauncher(); }
int mpiRanks() { return openTransport().size; }

static void guard(Fault &fault, Communicator &comm, int thread,
                  const std::function<void(Communicator &, int thread)> &body) {
  try {
    body(comm, thread);
  } catch (const Stopped &) {
  } catch (const RankError &e) {
    fault.raise(e.rank, e.what());
  } catch (const std::exception &e) {
    fault.raise(comm.rank(), e.what());
  }
}

std::string runRanks(const Manifest &manifest, const World &world,
                     const std::function<void(Communicator &, int thread)> &body) {
  Fault fault;
  WaitPolicy policy{world.spin, world.timeoutSeconds};
  std::unique_ptr<LocalWorld> local;
  std::vector<std::unique_ptr<Communicator>> comms;
  if (underMpi()) {
    comms.push_back(makeProcessCommunicator(manifest, openTransport(), world.threads, policy, true, fault));
  } else {
    local = std::make_unique<LocalWorld>(manifest, world.threads, policy, fault);
    for (int rank = 0; rank < manifest.ranks; ++rank)
      comms.push_back(local->communicator(rank));
  }
  std::vector<std::thread> threads;
  for (auto &comm : comms)
    for (int thread = 0; thread < world.threads; ++thread)
      threads.emplace_back([&, thread] { guard(fault, *comm, thread, body); });
  for (std::thread &thread : threads)
    thread.join();
  return fault.message();
}

} // namespace tp::rt::test
