// The emulated driver's objects: streams with work that is run as late as possible, events, graphs, modules, host
// memory. One lock guards them all; work runs outside it.
#ifndef TP_EMU_DEVICE_H
#define TP_EMU_DEVICE_H

#include "Block.h"
#include "Kernels.h"
#include "Timeline.h"
#include "device/cuda/CudaTypes.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace tp::emu {

// Runs on the stream; returns what went wrong, or nothing, or that it must wait for another rank.
using Work = std::function<std::string(OpId)>;
inline const std::string tryAgain = "\1";

struct EventObject;
struct GraphObject;

struct Item {
  Work work;
  OpId op = 0;
  EventObject *waitFor = nullptr; // instead of work
  uint64_t ticket = 0;            // which record of it
  std::shared_ptr<EventObject> keep;
};

struct StreamObject {
  int number = 0, device = 0;
  Clock clock;    // of what it was given
  Clock acquired; // what its work has seen through memory or other ranks
  std::deque<Item> queue;
  uint64_t enqueued = 0, finished = 0;
  bool running = false;
  bool unissued = false;          // NCCL has yet to put a call here, and nothing may come before it
  GraphObject *capture = nullptr; // what it is being recorded into
  bool origin = false;            // the capture began here
  int lane = 0;                   // its number in the graph
};

struct EventObject {
  int device = 0;
  StreamObject *stream = nullptr; // of the last record
  uint64_t ticket = 0;            // of that stream
  Clock clock;
  GraphObject *capture = nullptr; // recorded in a capture, at `node`
  size_t node = 0;
};

struct GraphNode {
  enum Kind { work, record, wait } kind = work;
  int lane = 0;
  std::string name;
  Work run;
  size_t recordNode = 0; // wait: the record that it waits for
};

struct GraphObject {
  std::vector<GraphNode> nodes;
  int lanes = 1;
  std::vector<size_t> lastNode, lastJoined; // by lane: nodes after which it has work; what lane 0 has waited for
  std::set<StreamObject *> streams;
};

struct GraphExecObject {
  GraphObject graph;
  std::vector<int> laneStreams; // numbers in the timeline
  std::vector<Clock> laneClocks;
};

struct FunctionObject {
  const Kernel *kernel = nullptr;
  int device = 0;
  uint32_t dynamicLimit = 48 << 10;
};

struct ModuleObject {
  std::shared_ptr<const KernelModule> kernels;
  std::map<std::string, std::unique_ptr<FunctionObject>> functions;
  int device = 0;
};

// What TP_EMU_* say.
struct Settings {
  int devices = 1, arch = 90, driver = 13000, ptxVersion = 90;
  uint64_t memory = uint64_t(8) << 30;
  bool peers = true; // devices can reach each other
  std::vector<std::string> irFiles;
};

// Live objects of a kind, by handle, so that a stale one is known.
template <typename T> class Handles {
public:
  template <typename H> H add(std::unique_ptr<T> object) {
    T *p = object.get();
    live[p] = std::move(object);
    return reinterpret_cast<H>(p);
  }
  template <typename H> T *find(H handle) const {
    auto *p = reinterpret_cast<T *>(handle);
    return live.count(p) ? p : nullptr;
  }
  std::unique_ptr<T> take(T *p) {
    auto node = live.extract(p);
    return node ? std::move(node.mapped()) : nullptr;
  }
  size_t size() const { return live.size(); }
  const std::map<T *, std::unique_ptr<T>> &all() const { return live; }

private:
  std::map<T *, std::unique_ptr<T>> live;
};

class Emulator {
public:
  static Emulator &get();
  Emulator();
  std::mutex mutex;
  std::condition_variable progress;
  Settings settings;
  bool initialized = false;
  int retained[Memory::maxDevices] = {};
  // Whether kernels of one device may use memory of another.
  std::atomic<bool> peers[Memory::maxDevices][Memory::maxDevices] = {};
  Handles<StreamObject> streams;
  Handles<EventObject> events;
  Handles<GraphObject> graphs;
  Handles<GraphExecObject> execs;
  Handles<ModuleObject> modules;
  std::map<const char *, size_t> pinned; // host memory
  std::map<std::string, int> others;     // live objects of the other libraries, by sort

  // The first error of the device's work stays: every later call reports it.
  int sticky = 0;
  std::string stickyText;

  // Under the lock:
  // False, and the device has failed: the stream may take nothing.
  bool mayTake(const StreamObject &stream, const std::string &what);
  void enqueue(std::unique_lock<std::mutex> &lock, StreamObject &stream, const std::string &name, Work work);
  // False: the stream's work waits for another rank. With `patient`, waits until it has run, or the device has failed.
  bool drain(std::unique_lock<std::mutex> &lock, StreamObject &stream, uint64_t until, bool patient = true);
  // All work of a device's streams; -1: of every device's.
  void drainAll(std::unique_lock<std::mutex> &lock, int device = -1);
  void hostWaited(const Clock &clock) { join(Timeline::get().host, clock); }
  void fail(int code, const std::string &text);
  bool isPinned(const void *p, size_t bytes) const;
  void resetIfIdle();
  std::string leaks();

  // Counts the call, one of the three libraries'; returns a planned failure's code, or 0.
  int enter(const char *name);
  struct Fault {
    std::string name;
    long occurrence = 0;
    int variant = 0;
    bool happened = false;
  };
  std::mutex callMutex; // guards the two below
  std::map<std::string, long> calls;
  Fault fault;
};

// A thread's current device, -1: none; and what its last failing call had to say.
extern thread_local int currentDevice;
extern thread_local std::string lastDetail;

// For running work: what it has seen, its stream's later work sees too.
void acquired(const Clock &clock);

int refuse(int code, const std::string &detail);

// Copies with the bytes' states checked and noted. Problem or nothing.
std::string readDevice(uint64_t from, void *to, size_t bytes, OpId op);
std::string writeDevice(uint64_t to, const void *from, size_t bytes, OpId op);

} // namespace tp::emu

// For tests, of the emulator's own. The `occurrence`-th call of `name` from now fails with an error of its library,
// chosen by `variant`; 0: none does. What a driver's errors of the device leave behind they leave here: every later
// call fails.
extern "C" void tpEmuPlanFault(const char *name, long occurrence, int variant);
extern "C" int tpEmuFaultHappened();
// The calls since the plan, a line each: name and count.
extern "C" const char *tpEmuCalls();
// What is still allocated, "" for nothing; then forgets errors, and everything if nothing is in use.
extern "C" const char *tpEmuLeaks();
extern "C" void tpEmuReset(); // reads the environment again

#endif
