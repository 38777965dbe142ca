// How many hardware threads this process may use.
#ifndef TP_RT_CPUS_H
#define TP_RT_CPUS_H

#include <vector>

namespace tp::rt {

// The CPUs of this process's affinity mask, in order.
std::vector<int> allowedCpus();

// Their number, or the container's CPU quota (cgroup v2) rounded up where that is less; at least 1.
int availableCpus();

// CPUs of this host, whatever this process may use.
int hostCpus();

void pinCallingThread(int cpu);

} // namespace tp::rt

#endif
