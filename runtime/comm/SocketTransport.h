// The transport without MPI: ranks are processes that torchrun, or a person, starts with RANK, WORLD_SIZE, MASTER_ADDR
// and MASTER_PORT in their environment (LOCAL_WORLD_SIZE: those of this host). They find each other at rank 0 and keep
// a TCP connection per pair.
#ifndef TP_RT_SOCKETTRANSPORT_H
#define TP_RT_SOCKETTRANSPORT_H

#include "comm/tp_transport.h"

namespace tp::rt {

// Whether all four variables are set, for more than one rank.
bool startedByEnvironment();

// Once per process, later calls return the same table. Rank 0 listens on TP_PORT, or MASTER_PORT + 1, for torchrun
// itself listens on MASTER_PORT. Throws Error when a variable is no number or not all ranks come within TP_TIMEOUT.
const tp_transport &openSocketTransport();

} // namespace tp::rt

#endif
