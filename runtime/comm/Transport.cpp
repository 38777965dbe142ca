#include "comm/Transport.h"

#include "comm/SocketTransport.h"
#include "core/Barrier.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <vector>

namespace tp::rt {
namespace {

// The folder of the binary or shared library that this code is part of.
std::filesystem::path ownFolder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&ownFolder), &info) || !info.dli_fname)
    return {};
  std::error_code error;
  auto path = std::filesystem::canonical(info.dli_fname, error);
  // A program started through PATH is known by its bare name alone.
  if (error)
    path = std::filesystem::canonical("/proc/self/exe", error);
  return path.parent_path();
}

std::string findPlugin() {
  if (const char *named = std::getenv("TP_COMM_MPI"); named && *named)
    return named;
  const char *name = "libtp_comm_mpi.so";
  auto folder = ownFolder();
  std::error_code error;
  for (const auto &candidate : {folder / name, folder / ".." / "lib" / name})
    if (std::filesystem::exists(candidate, error))
      return candidate.string();
  throw Error("started under MPI, but the plugin " + std::string(name) + " is neither in " + folder.string() +
              " nor in its sibling lib; TP_COMM_MPI can name it");
}

const tp_transport &open() {
  std::string file = findPlugin();
  // Global: Open MPI loads components that look for its symbols.
  void *plugin = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!plugin)
    throw Error("started under MPI, but cannot load the plugin: " + std::string(dlerror()));
  auto open = reinterpret_cast<tp_transport_open_fn>(dlsym(plugin, TP_TRANSPORT_SYMBOL));
  if (!open)
    throw Error(file + ": no symbol '" TP_TRANSPORT_SYMBOL "'");
  char error[1024] = "";
  const tp_transport *transport = open(TP_TRANSPORT_VERSION, error, int(sizeof(error)));
  if (!transport)
    throw Error(file + ": cannot start MPI: " + error);
  return *transport;
}

} // namespace

bool startedByMpi() {
  for (const char *name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"})
    if (std::getenv(name))
      return true;
  return false;
}

bool startedByLauncher() { return startedByMpi() || startedByEnvironment(); }

const char *launcherName() { return startedByMpi() ? "mpirun" : "the launcher"; }

const tp_transport &openTransport() {
  static const tp_transport &transport = startedByMpi() ? open() : openSocketTransport();
  return transport;
}

int rankFromEnvironment() {
  for (const char *name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "RANK"})
    if (const char *value = std::getenv(name))
      return int(std::strtol(value, nullptr, 10));
  return 0;
}

std::string agreeOnError(const tp_transport &transport, const std::string &error) {
  constexpr size_t width = 1024;
  std::vector<std::array<char, width>> texts(size_t(transport.size), std::array<char, width>{});
  auto &mine = texts[size_t(transport.rank)];
  std::snprintf(mine.data(), width, "%s", error.c_str());
  std::vector<tp_message> messages;
  for (int peer = 0; peer < transport.size; ++peer)
    if (peer != transport.rank)
      messages.push_back({peer, mine.data(), int64_t(width), texts[size_t(peer)].data(), int64_t(width)});
  char failure[256] = "";
  int late = transport.exchange(messages.data(), int(messages.size()), 1, timeoutFromEnvironment(), failure,
                                int(sizeof(failure)));
  if (late == -2)
    return "communication failed at the start: " + std::string(failure);
  if (late >= 0)
    return "rank " + std::to_string(late) + ": stalled: did not start";
  for (int rank = 0; rank < transport.size; ++rank)
    if (const char *text = texts[size_t(rank)].data(); *text)
      return rank == 0 || std::strncmp(text, "rank ", 5) == 0 ? text : "rank " + std::to_string(rank) + ": " + text;
  return "";
}

void requireAgreement(const tp_transport *transport, const std::string &error) {
  const std::string first = transport ? agreeOnError(*transport, error) : error;
  if (first.empty())
    return;
  if (transport)
    throw AgreedError(first);
  throw Error(first);
}

} // namespace tp::rt
