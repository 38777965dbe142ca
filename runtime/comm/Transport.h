// Finding and opening the message-passing plugin. It is opened only under mpirun, so a machine without MPI runs
// everything else.
#ifndef TP_RT_TRANSPORT_H
#define TP_RT_TRANSPORT_H

#include "comm/tp_transport.h"
#include "core/Error.h"

#include <string>

namespace tp::rt {

// Whether an MPI launcher started this process, by its environment (Open MPI, PMIx, PMI).
bool startedByMpi();
// The same, or torchrun and the like (SocketTransport.h).
bool startedByLauncher();
const char *launcherName(); // for messages

// Joins the job; once per process, later calls return the same table. Under MPI the plugin is libtp_comm_mpi.so beside
// this binary or in ../lib, or the file that TP_COMM_MPI names. Throws Error when the plugin or the MPI library is
// missing.
const tp_transport &openTransport();

// The rank that the launcher gave this process, before it joins; 0 when it says nothing.
int rankFromEnvironment();

// Every rank calls it with what is wrong with it, or "". Returns the same on all: the lowest rank's error, with that
// rank in front unless rank 0 has it, or "" when all is well.
std::string agreeOnError(const tp_transport &transport, const std::string &error);

// An error that all ranks know already: they have agreed on it.
class AgreedError : public Error {
  using Error::Error;
};

// Before ranks wait for each other in ways that know no failure: throws AgreedError where agreeOnError finds one.
// Without a transport, throws Error for this rank's own.
void requireAgreement(const tp_transport *transport, const std::string &error);

} // namespace tp::rt

#endif
