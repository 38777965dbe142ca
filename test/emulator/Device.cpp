#include "Device.h"

#include "Intrinsics.h"

#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

namespace tp::emu {

thread_local int currentDevice = -1;
thread_local std::string lastDetail;

Emulator &Emulator::get() {
  static Emulator *emulator = new Emulator;
  return *emulator;
}

Emulator::Emulator() {
  if (const char *text = std::getenv("TP_EMU_FAULT")) // "cuMemAlloc 3 0", as tpEmuPlanFault
    std::istringstream(text) >> fault.name >> fault.occurrence >> fault.variant;
}

int refuse(int code, const std::string &detail) {
  lastDetail = detail;
  return code;
}

void Emulator::fail(int code, const std::string &text) {
  if (sticky)
    return;
  sticky = code;
  stickyText = text;
}

bool Emulator::mayTake(const StreamObject &stream, const std::string &what) {
  if (stream.unissued)
    fail(rt::cuda::cudaLaunchFailed, what + " comes to a stream before an NCCL call that is still in progress");
  return !stream.unissued;
}

void Emulator::enqueue(std::unique_lock<std::mutex> &lock, StreamObject &stream, const std::string &name, Work work) {
  if (!mayTake(stream, name))
    return;
  if (stream.capture) {
    GraphObject &graph = *stream.capture;
    graph.nodes.push_back({GraphNode::work, stream.lane, name, std::move(work), 0});
    graph.lastNode[size_t(stream.lane)] = graph.nodes.size();
    return;
  }
  Item item;
  item.op = Timeline::get().add(stream.number, stream.clock, name);
  item.work = std::move(work);
  stream.queue.push_back(std::move(item));
  ++stream.enqueued;
  static const bool eager = std::getenv("TP_EMU_EAGER") != nullptr;
  if (eager)
    drain(lock, stream, stream.enqueued);
}

static thread_local Clock *runningStream = nullptr;

void acquired(const Clock &clock) {
  if (runningStream)
    join(*runningStream, clock);
}

// Runs a stream's work up to its item `until`, and what that waits for on other streams.
bool Emulator::drain(std::unique_lock<std::mutex> &lock, StreamObject &stream, uint64_t until, bool patient) {
  // While nobody holds the lock, the stream may be destroyed.
  while (streams.find(&stream) && stream.finished < until && !sticky) {
    if (stream.running) {
      progress.wait_for(lock, std::chrono::milliseconds(100));
      continue;
    }
    if (stream.queue.empty())
      break;
    stream.running = true;
    Item item = std::move(stream.queue.front());
    stream.queue.pop_front();
    bool done = true;
    if (item.waitFor) {
      if (StreamObject *other = item.waitFor->stream; other && streams.find(other)) {
        done = drain(lock, *other, item.ticket, patient);
        join(stream.acquired, other->acquired);
      }
    } else {
      Timeline::get().acquire(item.op, stream.acquired);
      lock.unlock();
      runningStream = &stream.acquired;
      std::string problem = item.work(item.op);
      runningStream = nullptr;
      lock.lock();
      done = problem != tryAgain;
      if (done && !problem.empty())
        fail(rt::cuda::cudaIllegalAddress, problem);
    }
    stream.running = false;
    if (done) {
      ++stream.finished;
      progress.notify_all();
      continue;
    }
    stream.queue.push_front(std::move(item));
    if (!patient)
      return false;
    progress.wait_for(lock, std::chrono::milliseconds(5));
  }
  return true;
}

void Emulator::drainAll(std::unique_lock<std::mutex> &lock, int device) {
  // Streams come and go meanwhile.
  std::set<StreamObject *> seen;
  for (bool again = true; again;) {
    again = false;
    for (auto &[stream, owner] : streams.all())
      if ((device < 0 || stream->device == device) && seen.insert(stream).second) {
        drain(lock, *stream, stream->enqueued);
        again = true;
        break;
      }
  }
}

bool Emulator::isPinned(const void *p, size_t bytes) const {
  auto it = pinned.upper_bound(static_cast<const char *>(p));
  if (it == pinned.begin())
    return false;
  --it;
  return static_cast<const char *>(p) + bytes <= it->first + it->second;
}

std::string Emulator::leaks() {
  std::ostringstream text;
  auto count = [&](size_t n, const std::string &what) {
    if (n)
      text << (text.tellp() > 0 ? ", " : "") << n << " " << what;
  };
  int contexts = 0;
  for (int n : retained)
    contexts += n;
  count(size_t(contexts), "contexts");
  count(Memory::get().allocations(), "device buffers");
  count(pinned.size(), "pinned host buffers");
  count(streams.size(), "streams");
  count(events.size(), "events");
  count(graphs.size(), "graphs");
  count(execs.size(), "executable graphs");
  count(modules.size(), "modules");
  for (auto &[name, n] : others)
    count(size_t(n), name);
  return text.str();
}

void Emulator::resetIfIdle() {
  if (!leaks().empty())
    return;
  Memory::get().reset();
  Timeline::get().reset();
  forgetFlags();
}

static int plannedCode(const std::string &name, int variant) {
  static const std::vector<int> driver{1, 2, 719, 999, 700, 101}, blas{1, 3, 7, 13, 14, 15}, nccl{1, 2, 3, 4, 5, 6};
  const auto &codes = name.starts_with("cublas") ? blas : name.starts_with("nccl") ? nccl : driver;
  return codes[size_t(variant) % codes.size()];
}

int Emulator::enter(const char *name) {
  lastDetail.clear();
  int code = 0;
  {
    std::lock_guard<std::mutex> lock(callMutex);
    if (++calls[name] != fault.occurrence || fault.name != name)
      return 0;
    fault.happened = true;
    code = plannedCode(name, fault.variant);
  }
  lastDetail = "planned by the test";
  if (code == rt::cuda::cudaIllegalAddress || code == rt::cuda::cudaLaunchFailed) {
    std::lock_guard<std::mutex> lock(mutex);
    fail(code, lastDetail);
  }
  return code;
}

std::string readDevice(uint64_t from, void *to, size_t bytes, OpId op) {
  std::string problem;
  const char *host = Memory::get().access(from, bytes, Access::read, op, problem);
  if (!host)
    return "a copy to the host " + problem;
  std::memcpy(to, host, bytes);
  return "";
}

std::string writeDevice(uint64_t to, const void *from, size_t bytes, OpId op) {
  std::string problem;
  char *host = Memory::get().access(to, bytes, Access::write, op, problem);
  if (!host)
    return "a copy to the device " + problem;
  std::memcpy(host, from, bytes);
  return "";
}

static long number(const char *name, long otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtol(text, nullptr, 10) : otherwise;
}

static Settings readSettings() {
  Settings s;
  s.devices = int(number("TP_EMU_DEVICES", 1));
  s.arch = int(number("TP_EMU_ARCH", 90));
  s.peers = number("TP_EMU_PEERS", 1) != 0;
  s.driver = int(number("TP_EMU_DRIVER", 13000));
  s.memory = uint64_t(number("TP_EMU_MEMORY", long(8) << 30));
  // The PTX that a driver takes: 11.x 7.x, 12.x 8.x (12.9: 8.8), 13.x 9.x.
  const int major = s.driver / 1000, minor = s.driver % 1000 / 10;
  s.ptxVersion = (major - 4) * 10 + std::min(minor, 8);
  if (const char *files = std::getenv("TP_EMU_IR")) {
    std::istringstream list(files);
    for (std::string file; std::getline(list, file, ':');)
      if (!file.empty())
        s.irFiles.push_back(file);
  }
  return s;
}

} // namespace tp::emu

using namespace tp::emu;

extern "C" {

void tpEmuPlanFault(const char *name, long occurrence, int variant) {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.callMutex);
  e.calls.clear();
  e.fault = {name, occurrence, variant, false};
}

int tpEmuFaultHappened() {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.callMutex);
  return e.fault.happened;
}

const char *tpEmuCalls() {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.callMutex);
  static std::string text;
  text.clear();
  for (auto &[name, count] : e.calls)
    text += name + " " + std::to_string(count) + "\n";
  return text.c_str();
}

const char *tpEmuLeaks() {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.mutex);
  static std::string text;
  text = e.leaks();
  return text.c_str();
}

void tpEmuReset() {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.mutex);
  e.settings = readSettings();
  e.sticky = 0;
  e.stickyText.clear();
  e.resetIfIdle();
}

} // extern "C"
