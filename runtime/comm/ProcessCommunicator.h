// Ranks as processes. One thread of the rank exchanges messages directly with every other rank of the group (groups are
// lists of ranks made at start-up, no sub-communicators); all threads pack, reduce and unpack.
//
// all_reduce gathers every rank's whole tensor and reduces it everywhere for small tensors and pairs; larger ones are
// scattered, each rank reduces its slice, and the slices are gathered. Both reduce in the order of positions, as
// `local` does, so the bits are the same on every rank and on both communicators. (MPI_Allreduce promises neither.)
#ifndef TP_RT_PROCESSCOMMUNICATOR_H
#define TP_RT_PROCESSCOMMUNICATOR_H

#include "comm/Communicator.h"
#include "comm/tp_transport.h"
#include "core/Barrier.h"

#include <memory>

namespace tp::rt {

// `policy` is that of the rank's own threads; `yield`: ranks on this host outnumber its hardware threads.
// `manifest`, `transport` and `fault` outlive the result. Throws Error when the job has another number of ranks.
std::unique_ptr<Communicator> makeProcessCommunicator(const Manifest &manifest, const tp_transport &transport,
                                                      int threads, WaitPolicy policy, bool yield, Fault &fault);

} // namespace tp::rt

#endif
