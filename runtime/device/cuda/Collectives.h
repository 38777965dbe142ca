// How ranks' GPUs talk: one object per rank, which enqueues the manifest's collectives on a stream.
//
//   local  ranks of this process on one GPU: they meet in its memory (Meetings.h)
//   nccl   a GPU per rank, of this process or of one process each under mpirun; where GPUs see each other's memory,
//   ranks
//          meet in it for small messages
#ifndef TP_RT_CUDACOLLECTIVES_H
#define TP_RT_CUDACOLLECTIVES_H

#include "comm/Communicator.h"
#include "comm/Transfer.h"
#include "comm/Transport.h"
#include "device/cuda/Context.h"

#include <functional>
#include <memory>

namespace tp::rt::cuda {

// Returns when its argument says true; throws where the run fails meanwhile or takes too long.
using Wait = std::function<void(const std::function<bool()> &done)>;

using Axes = std::vector<std::string>; // of the mesh: a collective's groups are over some

// Messages of a group that its ranks' own kernels carry, on GPUs that see each other's memory: those of up to `bytes`.
struct Crossover {
  struct Sample { // an all_reduce of this size, in microseconds
    int64_t bytes = 0;
    float oneShot = 0, nccl = 0;
  };
  Axes axes;
  int64_t ranks = 0, bytes = 0;
  std::vector<Sample> samples; // what it was chosen by
};

class Collectives {
public:
  virtual ~Collectives() = default;
  // Once before the others, by the rank's own thread; all ranks do it together.
  virtual void prepare(Stream, Wait) {}
  virtual std::vector<Crossover> crossovers() const { return {}; }
  // Enqueues collective `id`. Throws Error.
  virtual void run(int32_t id, Stream stream, Pointer src, Pointer dst) = 0;
  // Throws Error when a collective has failed meanwhile; called while waiting.
  virtual void check() {}
  // Ends what is under way after a failure, so that streams become idle. Any thread.
  virtual void abort() noexcept = 0;
};

// What the ranks of this process share; outlives their Collectives.
class World {
public:
  virtual ~World() = default;
  // Called for each local rank in order, with its context current.
  virtual std::unique_ptr<Collectives> collectives(int rank, const DeviceContext &context) = 0;
  // At the end of a run that went well, when this process's work is done; all ranks together. Throws.
  virtual void leave() {}
};

// Device bytes that `local` takes for each rank.
int64_t localBytes(const Manifest &manifest);

// On the GPU whose context is current. `manifest` outlives the world.
std::unique_ptr<World> makeLocalWorld(const Manifest &manifest);
// `contexts`: of the local ranks, the first of which is `firstRank`; `host` and `transport`: set where the others are
// processes. Blocks until all ranks have come or `seconds` have passed.
std::unique_ptr<World> makeNcclWorld(const Manifest &manifest, const std::vector<const DeviceContext *> &contexts,
                                     int firstRank, Communicator *host, const tp_transport *transport, double seconds);

// Bytes of a rank's source and destination.
int64_t sourceBytes(const Collective &c);
int64_t destinationBytes(const Collective &c);
bool hasPadding(const Collective &c); // whether some of the destination comes from no rank
int typeNumber(ElementType type);     // as Meet.c counts them
int64_t positionIn(const std::vector<int> &group, int rank);
std::vector<Axes> axesOf(const Manifest &manifest); // of its collectives, each once

// The runtime's own kernels.
struct MeetKernels {
  MeetKernels();
  OwnedModule module;
  Function meet, move;
};

} // namespace tp::rt::cuda

#endif
