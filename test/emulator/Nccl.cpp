// The emulated NCCL: ranks are threads of this process (or processes: NcclProcesses.cpp). A call runs when all ranks of
// its communicator have come to it, a receive when its data has been sent; the first call in which ranks disagree is an
// error that names both.
#include "Api.h"
#include "NcclCalls.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <utility>

using namespace tp::emu;
using namespace tp::rt::cuda;

namespace {

struct World;
struct Comm;

// Calls of one communicator on one stream: one, or those between ncclGroupStart and ncclGroupEnd.
struct Pending {
  Comm *comm;
  Stream stream;
  Group calls;
};

struct Comm {
  std::shared_ptr<World> world;
  int rank, device;
  bool blocking;
  uint64_t begun = 0; // calls that have come to run
  // The first collective connects the ranks, and so does the first group of sends and receives. Without blocking it
  // goes on in the background, until all ranks (of a group: nobody) have called and this one has asked how it stands.
  bool connected[2] = {false, false};
  std::unique_ptr<Pending> connecting = nullptr;
};

struct Arrival {
  const Group *calls;
  OpId op;
  bool done = false;
};

struct Mail { // what was sent and not yet received
  Call call;
  std::vector<char> data;
  Clock clock;
};

struct World {
  std::unique_ptr<ProcessWorld> others; // set where the other ranks are processes
  int ranks = 0, joined = 0, here = 0, left = 0;
  int connecting = 0; // ranks that have made their first call
  bool aborted = false;
  std::string problem;
  std::vector<int> devices;                         // by rank, -1: not there
  std::map<uint64_t, std::map<int, Arrival>> calls; // by number and rank
  std::map<uint64_t, int> finished;
  std::map<std::pair<int, int>, std::deque<Mail>> mail; // by sender and receiver
};

// How far a rank has come in a call, or in a group.
struct State {
  OpId op = 0;
  uint64_t number = 0;
  bool begun = false;
  size_t next = 0; // of a group's receives
};

std::map<std::string, std::shared_ptr<World>> worlds; // by id; guarded by the emulator's lock
std::string lastProblem;

thread_local int depth = 0;
thread_local std::vector<Pending> pending;

using Arrivals = std::map<int, Arrival>;
uint64_t addressOf(const void *p) { return reinterpret_cast<uint64_t>(p); }

std::string runCollective(const Arrivals &ranks, size_t index) {
  std::vector<char> result;
  const Call &first = (*ranks.begin()->second.calls)[index];
  for (auto &[rank, arrival] : ranks) {
    const Call &call = (*arrival.calls)[index];
    std::vector<char> data(call.bytes());
    if (std::string problem = readDevice(addressOf(call.src), data.data(), data.size(), arrival.op); !problem.empty())
      return "NCCL: " + problem;
    if (call.kind == Call::allReduce && !result.empty())
      reduce(result, data, first);
    else
      result.insert(result.end(), data.begin(), data.end());
  }
  for (auto &[rank, arrival] : ranks)
    if (std::string problem =
            writeDevice(addressOf((*arrival.calls)[index].dst), result.data(), result.size(), arrival.op);
        !problem.empty())
      return "NCCL: " + problem;
  return "";
}

// What rank `peer` does instead of sending, "" where it may yet send.
std::string collectiveOf(const World &world, const Comm &comm, int peer) {
  for (auto it = world.calls.lower_bound(comm.begun); it != world.calls.end(); ++it)
    if (auto arrival = it->second.find(peer); arrival != it->second.end() && !arrival->second.done)
      return arrival->second.calls->front().describe();
  return "";
}

// Sends are done when their data is on its way.
std::string runPairs(World &world, const Comm &comm, int rank, const Group &group, OpId op, State &state) {
  if (!std::exchange(state.begun, true))
    for (const Call &call : group)
      if (call.kind == Call::send) {
        Mail mail{call, std::vector<char>(call.bytes()), Timeline::get().clockOf(op)};
        std::string problem = readDevice(addressOf(call.src), mail.data.data(), mail.data.size(), op);
        if (!problem.empty())
          return "NCCL: " + problem;
        world.mail[{rank, call.peer}].push_back(std::move(mail));
      }
  for (size_t &i = state.next; i < group.size(); ++i) {
    const Call &call = group[i];
    if (call.kind != Call::recv)
      continue;
    auto &queue = world.mail[{call.peer, rank}];
    std::string found = queue.empty() ? collectiveOf(world, comm, call.peer) : queue.front().call.describe();
    if (queue.empty() && found.empty())
      return tryAgain;
    if (queue.empty() || queue.front().call.bytes() != call.bytes())
      return "NCCL: rank " + std::to_string(rank) + " has " + call.describe() + ", but that rank has " + found;
    const Mail mail = std::move(queue.front());
    queue.pop_front();
    Timeline::get().acquire(op, mail.clock);
    acquired(mail.clock);
    std::string problem = writeDevice(addressOf(call.dst), mail.data.data(), mail.data.size(), op);
    if (!problem.empty())
      return "NCCL: " + problem;
  }
  return "";
}

// Of a world whose ranks have all come to a collective.
std::string unreceived(const World &world) {
  for (auto &[pair, queue] : world.mail)
    if (!queue.empty())
      return "NCCL: rank " + std::to_string(pair.first) + " has " + queue.front().call.describe() +
             ", which nobody receives";
  return "";
}

std::string meetProcesses(World &world, const Group &group, OpId op, State &state) {
  const bool first = !std::exchange(state.begun, true);
  std::string problem = group[0].isPair() ? world.others->runPairs(group, op, state.next, first)
                                          : world.others->meet(group, op, state.number, first);
  if (!problem.empty() && problem != tryAgain)
    world.problem = lastProblem = problem;
  return problem;
}

// Runs the call when all ranks have come to it, a group as far as it can; until done asks to be called again.
std::string meet(const std::shared_ptr<World> &world, Comm *comm, int rank, const Group &group, OpId op, State &state) {
  Emulator &e = Emulator::get();
  std::unique_lock<std::mutex> lock(e.mutex);
  if (world->aborted) // the kernel ends
    return "";
  const bool pairs = group[0].isPair();
  if (!state.begun && !pairs)
    state.number = comm->begun++;
  if (world->others)
    return world->problem.empty() ? meetProcesses(*world, group, op, state) : world->problem;
  if (pairs && world->problem.empty()) {
    std::string problem = runPairs(*world, *comm, rank, group, op, state);
    if (!problem.empty() && problem != tryAgain)
      world->problem = lastProblem = problem;
    return problem;
  }
  const uint64_t number = state.number;
  if (!pairs && !std::exchange(state.begun, true)) {
    Arrivals &arrivals = world->calls[number];
    if (!arrivals.empty()) {
      auto &[other, theirs] = *arrivals.begin();
      std::string problem = disagreement(other, *theirs.calls, rank, group, number);
      if (!problem.empty())
        world->problem = lastProblem = problem;
    }
    arrivals[rank] = {&group, op};
  }
  if (!world->problem.empty())
    return world->problem;
  Arrivals &arrivals = world->calls[number];
  if (arrivals[rank].done) { // another rank's thread ran it
    if (++world->finished[number] == world->ranks) {
      world->finished.erase(number);
      world->calls.erase(number);
    }
    return "";
  }
  if (int(arrivals.size()) < world->ranks)
    return tryAgain;
  std::string problem = unreceived(*world);
  for (size_t i = 0; i < group.size() && problem.empty(); ++i)
    problem = runCollective(arrivals, i);
  if (!problem.empty())
    return world->problem = lastProblem = problem;
  Clock all;
  for (auto &[r, arrival] : arrivals)
    join(all, Timeline::get().clockOf(arrival.op));
  for (auto &[r, arrival] : arrivals) {
    Timeline::get().acquire(arrival.op, all);
    arrival.done = true;
  }
  acquired(all);
  if (++world->finished[number] == world->ranks) {
    world->finished.erase(number);
    world->calls.erase(number);
  }
  return "";
}

void submit(std::unique_lock<std::mutex> &lock, Pending &&entry) {
  Emulator &e = Emulator::get();
  StreamObject *stream = e.streams.find(entry.stream);
  if (!stream)
    return;
  const std::string name = entry.calls.size() == 1 ? "NCCL " + entry.calls[0].describe() : "an NCCL group";
  auto group = std::make_shared<Group>(std::move(entry.calls));
  auto state = std::make_shared<State>();
  e.enqueue(lock, *stream, name,
            [group, state, comm = entry.comm, world = entry.comm->world, rank = entry.comm->rank](OpId op) {
              if (state->op != op) // the next run of a graph
                *state = {op};
              return meet(world, comm, rank, *group, op, *state);
            });
}

// As submit(); what the call returns.
int begin(std::unique_lock<std::mutex> &lock, Pending &&entry) {
  Comm &comm = *entry.comm;
  const bool pairs = entry.calls[0].isPair();
  if (comm.connected[pairs] || comm.blocking) {
    submit(lock, std::move(entry));
    return ncclSuccess;
  }
  Emulator::get().streams.find(entry.stream)->unissued = true;
  comm.world->connecting += !pairs;
  comm.connecting = std::make_unique<Pending>(std::move(entry));
  return ncclInProgress;
}

// Goes on with what begin() left; false: it still waits for other ranks.
bool connect(std::unique_lock<std::mutex> &lock, Comm &comm) {
  if (!comm.connecting)
    return true;
  const bool pairs = comm.connecting->calls[0].isPair();
  if (!pairs && !comm.world->others && comm.world->connecting < comm.world->ranks)
    return false;
  comm.connected[pairs] = true;
  const std::unique_ptr<Pending> entry = std::move(comm.connecting);
  if (StreamObject *stream = Emulator::get().streams.find(entry->stream))
    stream->unissued = false;
  submit(lock, std::move(*entry));
  return true;
}

int add(const char *name, NcclComm handle, Stream streamHandle, Call call) {
  Emulator &e = Emulator::get();
  if (int planned = e.enter(name))
    return planned;
  std::unique_lock<std::mutex> lock(e.mutex);
  auto *comm = reinterpret_cast<Comm *>(handle);
  auto *stream = e.streams.find(streamHandle);
  if (!comm || !stream || comm->world->aborted || comm->world->joined < comm->world->ranks || comm->connecting)
    return ncclInvalidUsage;
  if (stream->device != comm->device)
    return ncclInvalidArgument;
  if (depth == 0)
    return begin(lock, {comm, streamHandle, {call}});
  for (Pending &entry : pending)
    if (entry.comm == comm && entry.stream == streamHandle)
      return entry.calls.push_back(call), 0;
  pending.push_back({comm, streamHandle, {call}});
  return 0;
}

} // namespace

extern "C" {

const char *ncclGetErrorString(int code) {
  static const char *const names[] = {"no error",
                                      "unhandled cuda error",
                                      "unhandled system error",
                                      "internal error",
                                      "invalid argument",
                                      "invalid usage",
                                      "remote process exited or there was a network error",
                                      "NCCL operation in progress"};
  return code >= 0 && code <= 7 ? names[code] : "unknown result code";
}

int ncclGetVersion(int *version) {
  TP_ENTER_ANY(ncclGetVersion)
  *version = 22809;
  return 0;
}

int ncclGetUniqueId(NcclId *id) {
  TP_ENTER_ANY(ncclGetUniqueId)
  static long count = 0;
  std::memset(id->bytes, 0, sizeof(id->bytes));
  std::snprintf(id->bytes, sizeof(id->bytes), "emulated-%d-%ld", int(getpid()), ++count);
  return 0;
}

int ncclCommInitRankConfig(NcclComm *handle, int ranks, NcclId id, int rank, NcclConfig *config) {
  TP_ENTER_ANY(ncclCommInitRankConfig)
  auto &world = worlds[id.bytes];
  if (!world) {
    world = std::make_shared<World>();
    world->ranks = ranks;
    world->devices.assign(size_t(ranks), -1);
  }
  if (world->ranks != ranks || rank < 0 || rank >= ranks || world->devices[size_t(rank)] >= 0 || currentDevice < 0)
    return ncclInvalidArgument;
  if (std::count(world->devices.begin(), world->devices.end(), currentDevice))
    return ncclInvalidUsage; // two ranks on a device
  world->devices[size_t(rank)] = currentDevice;
  ++world->here;
  if (const char *folder = std::getenv("TP_EMU_NCCL"))
    world->others = std::make_unique<ProcessWorld>(std::string(folder) + "/" + id.bytes, ranks, rank);
  else
    ++world->joined;
  ++e.others["NCCL communicators"];
  *handle = reinterpret_cast<NcclComm>(new Comm{world, rank, currentDevice, config->blocking != 0});
  return config->blocking ? int(ncclSuccess) : int(ncclInProgress);
}

int ncclCommGetAsyncError(NcclComm handle, int *code) {
  TP_ENTER_ANY(ncclCommGetAsyncError)
  Comm &comm = *reinterpret_cast<Comm *>(handle);
  World &world = *comm.world;
  if (world.others) {
    world.joined = std::max(world.joined, world.others->joined());
    world.aborted |= world.others->aborted();
  }
  *code = !world.problem.empty()       ? int(ncclInvalidUsage)
          : world.aborted              ? int(ncclRemoteError)
          : world.joined < world.ranks ? int(ncclInProgress)
          : !connect(lock, comm)       ? int(ncclInProgress)
                                       : int(ncclSuccess);
  return 0;
}

int ncclCommFinalize(NcclComm) {
  TP_ENTER_ANY(ncclCommFinalize)
  return 0;
}

static void dispose(Emulator &e, Comm *comm) {
  if (++comm->world->left == comm->world->here)
    for (auto it = worlds.begin(); it != worlds.end();)
      it = it->second == comm->world ? worlds.erase(it) : std::next(it);
  --e.others["NCCL communicators"];
  delete comm;
}

int ncclCommDestroy(NcclComm handle) {
  TP_RELEASE(ncclCommDestroy)
  auto *comm = reinterpret_cast<Comm *>(handle);
  e.drainAll(lock, comm->device); // its work ends first
  dispose(e, comm);
  return planned;
}

int ncclCommAbort(NcclComm handle) {
  TP_RELEASE(ncclCommAbort)
  auto *comm = reinterpret_cast<Comm *>(handle);
  comm->world->aborted = true;
  if (comm->world->others)
    comm->world->others->abort();
  e.drainAll(lock, comm->device);
  dispose(e, comm);
  return planned;
}

int ncclAllReduce(const void *src, void *dst, size_t count, int type, int op, NcclComm comm, Stream stream) {
  return add("ncclAllReduce", comm, stream, {Call::allReduce, src, dst, count, type, op, 0});
}
int ncclAllGather(const void *src, void *dst, size_t count, int type, NcclComm comm, Stream stream) {
  return add("ncclAllGather", comm, stream, {Call::allGather, src, dst, count, type, 0, 0});
}
int ncclSend(const void *src, size_t count, int type, int peer, NcclComm comm, Stream stream) {
  return add("ncclSend", comm, stream, {Call::send, src, nullptr, count, type, 0, peer});
}
int ncclRecv(void *dst, size_t count, int type, int peer, NcclComm comm, Stream stream) {
  return add("ncclRecv", comm, stream, {Call::recv, nullptr, dst, count, type, 0, peer});
}

int ncclGroupStart() {
  TP_ENTER_ANY(ncclGroupStart)
  ++depth;
  return 0;
}

int ncclGroupEnd() {
  TP_RELEASE(ncclGroupEnd)
  int code = planned;
  if (--depth == 0) {
    std::vector<Pending> all = std::move(pending);
    pending.clear();
    if (!planned)
      for (Pending &entry : all)
        code = std::max(code, begin(lock, std::move(entry)));
  }
  return code;
}

} // extern "C"
