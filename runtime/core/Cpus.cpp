#include "core/Cpus.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace tp::rt {

std::vector<int> allowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set))
        cpus.push_back(i);
  if (cpus.empty())
    cpus.push_back(0);
  return cpus;
}

int availableCpus() {
  int count = int(allowedCpus().size());
  // "QUOTA PERIOD" in microseconds, or "max PERIOD".
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (file >> quota >> period && quota != "max" && period > 0)
    count = std::min(count, int(std::ceil(std::strtod(quota.c_str(), nullptr) / period)));
  return std::max(count, 1);
}

int hostCpus() { return std::max(int(sysconf(_SC_NPROCESSORS_ONLN)), 1); }

void pinCallingThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

} // namespace tp::rt
