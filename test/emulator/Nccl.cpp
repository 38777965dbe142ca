// The emulated NCCL: ranks are threads of this process. A call runs when all ranks of its communicator have come to it;
// the first call in which they disagree is an error that names both. Groups are calls of all ranks, too.
#include "Api.h"

#include <algorithm>
#include <cstring>

using namespace tp::emu;
using namespace tp::rt::cuda;

namespace {

struct Call {
  enum Kind { allReduce, allGather, send, recv } kind;
  const void *src;
  void *dst;
  size_t count;
  int type, op, peer;
  size_t bytes() const { return count * (type == ncclTypeBf16 ? 2 : 4); }
  std::string describe() const {
    static const char *const names[] = {"all_reduce", "all_gather", "send", "recv"};
    const char *typeName = type == ncclTypeBf16 ? "bf16" : type == ncclTypeF32 ? "f32" : "i32";
    return std::string(names[kind]) + " of " + std::to_string(count) + " " + typeName +
           (kind == allReduce ? op == ncclReduceSum ? ", sum" : ", max"
            : kind >= send    ? ", peer " + std::to_string(peer)
                              : "");
  }
};

using Group = std::vector<Call>;

struct World;
struct Comm {
  std::shared_ptr<World> world;
  int rank, device;
  uint64_t begun = 0; // calls that have come to run
};

struct Arrival {
  const Group *calls;
  OpId op;
  bool done = false;
};

struct World {
  int ranks = 0, joined = 0, left = 0;
  bool aborted = false;
  std::string problem;
  std::vector<int> devices;                         // by rank, -1: not there
  std::map<uint64_t, std::map<int, Arrival>> calls; // by number and rank
  std::map<uint64_t, int> finished;
};

std::map<std::string, std::shared_ptr<World>> worlds; // by id; guarded by the emulator's lock
std::string lastProblem;

// Pending calls of ncclGroupStart ... ncclGroupEnd.
struct Pending {
  Comm *comm;
  StreamObject *stream;
  Group calls;
};
thread_local int depth = 0;
thread_local std::vector<Pending> pending;

float asFloat(const char *p, int type) {
  uint32_t bits = 0;
  if (type == ncclTypeBf16) {
    uint16_t half;
    std::memcpy(&half, p, 2);
    bits = uint32_t(half) << 16;
  } else {
    std::memcpy(&bits, p, 4);
  }
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void putFloat(char *p, int type, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (type == ncclTypeF32) {
    std::memcpy(p, &bits, 4);
    return;
  }
  const auto half = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  std::memcpy(p, &half, 2);
}

void reduce(std::vector<char> &into, const std::vector<char> &from, const Call &call) {
  const size_t size = call.type == ncclTypeBf16 ? 2 : 4;
  for (size_t i = 0; i < call.count; ++i) {
    char *a = &into[i * size];
    const char *b = &from[i * size];
    if (call.type == ncclTypeI32) {
      int32_t x, y;
      std::memcpy(&x, a, 4);
      std::memcpy(&y, b, 4);
      x = call.op == ncclReduceSum ? x + y : std::max(x, y);
      std::memcpy(a, &x, 4);
    } else {
      const float x = asFloat(a, call.type), y = asFloat(b, call.type);
      putFloat(a, call.type, call.op == ncclReduceSum ? x + y : std::max(x, y));
    }
  }
}

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

std::string runPairs(const Arrivals &ranks) {
  std::map<std::pair<int, int>, std::deque<std::pair<const Call *, OpId>>> sends;
  for (auto &[rank, arrival] : ranks)
    for (const Call &call : *arrival.calls)
      if (call.kind == Call::send)
        sends[{rank, call.peer}].emplace_back(&call, arrival.op);
  for (auto &[rank, arrival] : ranks)
    for (const Call &call : *arrival.calls) {
      if (call.kind != Call::recv)
        continue;
      auto &queue = sends[{call.peer, rank}];
      if (queue.empty() || queue.front().first->bytes() != call.bytes())
        return "NCCL: rank " + std::to_string(rank) + " has " + call.describe() + ", but that rank sends " +
               (queue.empty() ? "nothing" : queue.front().first->describe());
      std::vector<char> data(call.bytes());
      std::string problem =
          readDevice(addressOf(queue.front().first->src), data.data(), data.size(), queue.front().second);
      if (problem.empty())
        problem = writeDevice(addressOf(call.dst), data.data(), data.size(), arrival.op);
      if (!problem.empty())
        return "NCCL: " + problem;
      queue.pop_front();
    }
  for (auto &[pair, queue] : sends)
    if (!queue.empty())
      return "NCCL: rank " + std::to_string(pair.first) + " has " + queue.front().first->describe() +
             ", which nobody receives";
  return "";
}

bool isPair(const Call &call) { return call.kind >= Call::send; }

// Where two ranks' calls differ, or "".
std::string disagreement(int rank, const Group &a, int other, const Group &b, uint64_t number) {
  auto text = [](const Group &g) { return g.size() == 1 ? g[0].describe() : "a group of " + std::to_string(g.size()); };
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i)
    same = a[i].kind == b[i].kind && a[i].count == b[i].count && a[i].type == b[i].type && a[i].op == b[i].op;
  const bool pairs = isPair(a[0]) && isPair(b[0]); // their numbers may differ
  if (same || pairs)
    return "";
  return "NCCL: ranks disagree in call " + std::to_string(number) + ": rank " + std::to_string(rank) + " has " +
         text(a) + ", rank " + std::to_string(other) + " has " + text(b);
}

// Runs the group when all ranks have come to it; until then asks to be called again.
std::string meet(const std::shared_ptr<World> &world, Comm *comm, int rank, const Group &group, OpId op,
                 uint64_t &number, bool &begun) {
  Emulator &e = Emulator::get();
  std::unique_lock<std::mutex> lock(e.mutex);
  if (world->aborted) // the kernel ends
    return "";
  if (!begun) {
    begun = true;
    number = comm->begun++;
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
  std::string problem;
  if (isPair(group[0]))
    problem = runPairs(arrivals);
  else
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
  const std::string name = entry.calls.size() == 1 ? "NCCL " + entry.calls[0].describe() : "an NCCL group";
  auto group = std::make_shared<Group>(std::move(entry.calls));
  struct State {
    OpId op = 0;
    uint64_t number = 0;
    bool begun = false;
  };
  auto state = std::make_shared<State>();
  e.enqueue(lock, *entry.stream, name,
            [group, state, comm = entry.comm, world = entry.comm->world, rank = entry.comm->rank](OpId op) {
              if (state->op != op) // the next run of a graph
                *state = {op, 0, false};
              return meet(world, comm, rank, *group, op, state->number, state->begun);
            });
}

int add(const char *name, NcclComm handle, Stream streamHandle, Call call) {
  Emulator &e = Emulator::get();
  if (int planned = e.enter(name))
    return planned;
  std::unique_lock<std::mutex> lock(e.mutex);
  auto *comm = reinterpret_cast<Comm *>(handle);
  auto *stream = e.streams.find(streamHandle);
  if (!comm || !stream || comm->world->aborted || comm->world->joined < comm->world->ranks)
    return ncclInvalidUsage;
  if (stream->device != comm->device)
    return ncclInvalidArgument;
  if (depth == 0) {
    submit(lock, {comm, stream, {call}});
    return 0;
  }
  for (Pending &entry : pending)
    if (entry.comm == comm && entry.stream == stream)
      return entry.calls.push_back(call), 0;
  pending.push_back({comm, stream, {call}});
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
  std::snprintf(id->bytes, sizeof(id->bytes), "emulated %ld", ++count);
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
  ++world->joined;
  ++e.others["NCCL communicators"];
  *handle = reinterpret_cast<NcclComm>(new Comm{world, rank, currentDevice});
  return config->blocking ? int(ncclSuccess) : int(ncclInProgress);
}

int ncclCommGetAsyncError(NcclComm handle, int *code) {
  TP_ENTER_ANY(ncclCommGetAsyncError)
  const World &world = *reinterpret_cast<Comm *>(handle)->world;
  *code = !world.problem.empty()       ? int(ncclInvalidUsage)
          : world.aborted              ? int(ncclRemoteError)
          : world.joined < world.ranks ? int(ncclInProgress)
                                       : int(ncclSuccess);
  return 0;
}

int ncclCommFinalize(NcclComm) {
  TP_ENTER_ANY(ncclCommFinalize)
  return 0;
}

static void dispose(Emulator &e, Comm *comm) {
  if (++comm->world->left == comm->world->joined)
    for (auto it = worlds.begin(); it != worlds.end();)
      it = it->second == comm->world ? worlds.erase(it) : std::next(it);
  --e.others["NCCL communicators"];
  delete comm;
}

int ncclCommDestroy(NcclComm handle) {
  TP_RELEASE(ncclCommDestroy)
  auto *comm = reinterpret_cast<Comm *>(handle);
  for (auto &[stream, owner] : e.streams.all()) // its work ends first
    if (stream->device == comm->device)
      e.drain(lock, *stream, stream->enqueued);
  dispose(e, comm);
  return planned;
}

int ncclCommAbort(NcclComm handle) {
  TP_RELEASE(ncclCommAbort)
  auto *comm = reinterpret_cast<Comm *>(handle);
  comm->world->aborted = true;
  for (auto &[stream, owner] : e.streams.all())
    if (stream->device == comm->device)
      e.drain(lock, *stream, stream->enqueued);
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
  if (--depth == 0) {
    std::vector<Pending> all = std::move(pending);
    pending.clear();
    if (!planned)
      for (Pending &entry : all)
        submit(lock, std::move(entry));
  }
  return planned;
}

} // extern "C"
