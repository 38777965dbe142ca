// The emulated libcuda: streams, events, copies, graphs.
#include "Api.h"

#include <algorithm>
#include <cstring>

using namespace tp::emu;
using namespace tp::rt::cuda;

namespace {

int noStream() { return refuse(cudaInvalidHandle, "no such stream"); }

// Async copies are only that with pinned memory; with other memory the real driver waits, silently.
int checkPinned(const Emulator &e, const void *p, size_t bytes) {
  return e.isPinned(p, bytes) ? 0 : refuse(cudaInvalidValue, "the host memory of an async copy is not pinned");
}

std::string stillPinned(const void *p, size_t bytes) {
  Emulator &e = Emulator::get();
  std::lock_guard<std::mutex> lock(e.mutex);
  return e.isPinned(p, bytes) ? "" : "a copy's host memory was freed before the copy ran";
}

} // namespace

extern "C" {

int cuStreamCreate(Stream *stream, unsigned) {
  TP_ENTER(cuStreamCreate)
  auto object = std::make_unique<StreamObject>();
  object->number = Timeline::get().newStream();
  object->device = currentDevice;
  *stream = e.streams.add<Stream>(std::move(object));
  return 0;
}

int cuStreamDestroy_v2(Stream stream) {
  TP_RELEASE(cuStreamDestroy)
  auto *object = e.streams.find(stream);
  if (!object)
    return noStream();
  e.drain(lock, *object, object->enqueued);
  while (object->running) // behind an error, another thread may be at it
    e.progress.wait_for(lock, std::chrono::milliseconds(5));
  e.streams.take(object);
  return planned;
}

// In the emulation whoever asks does the work; so it is "not ready" only where another rank is missing.
int cuStreamQuery(Stream stream) {
  TP_ENTER(cuStreamQuery)
  auto *object = e.streams.find(stream);
  if (!object)
    return noStream();
  if (object->capture)
    return cudaCaptureUnsupported;
  if (!e.mayTake(*object, "a query"))
    return refuse(e.sticky, e.stickyText);
  const Clock clock = object->clock;
  const bool done = e.drain(lock, *object, object->enqueued, false);
  if (e.sticky)
    return refuse(e.sticky, e.stickyText);
  if (!done)
    return cudaNotReady;
  e.hostWaited(clock);
  return 0;
}

int cuEventCreate(Event *event, unsigned) {
  TP_ENTER(cuEventCreate)
  auto object = std::make_unique<EventObject>();
  object->device = currentDevice;
  *event = e.events.add<Event>(std::move(object));
  return 0;
}

int cuEventDestroy_v2(Event event) {
  TP_RELEASE(cuEventDestroy)
  auto *object = e.events.find(event);
  if (!object)
    return refuse(cudaInvalidHandle, "no such event");
  e.drainAll(lock, object->device); // work that waits for it
  e.events.take(object);
  return planned;
}

int cuEventRecord(Event event, Stream stream) {
  TP_ENTER(cuEventRecord)
  auto *object = e.events.find(event);
  auto *on = e.streams.find(stream);
  if (!object || !on)
    return refuse(cudaInvalidHandle, "no such event or stream");
  if (!e.mayTake(*on, "an event"))
    return refuse(e.sticky, e.stickyText);
  object->capture = on->capture;
  if (on->capture) {
    object->node = on->capture->nodes.size();
    on->capture->nodes.push_back({GraphNode::record, on->lane, "", nullptr, 0});
    return 0;
  }
  object->stream = on;
  object->ticket = on->enqueued;
  object->clock = on->clock;
  return 0;
}

// The emulated device has no time: always a microsecond.
int cuEventElapsedTime(float *milliseconds, Event begin, Event end) {
  TP_ENTER(cuEventElapsedTime)
  auto *first = e.events.find(begin), *last = e.events.find(end);
  if (!first || !last)
    return refuse(cudaInvalidHandle, "no such event");
  *milliseconds = 0.001f;
  return 0;
}

int cuEventQuery(Event event) {
  TP_ENTER(cuEventQuery)
  auto *object = e.events.find(event);
  if (!object)
    return refuse(cudaInvalidHandle, "no such event");
  const Clock clock = object->clock;
  bool done = true;
  if (object->stream && e.streams.find(object->stream))
    done = e.drain(lock, *object->stream, object->ticket, false);
  if (e.sticky)
    return refuse(e.sticky, e.stickyText);
  if (!done)
    return cudaNotReady;
  e.hostWaited(clock);
  return 0;
}

int cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  TP_ENTER(cuStreamWaitEvent)
  // TP_EMU_LOST_WAIT=n: the n-th wait of the process is lost, as if the program had forgotten it.
  static const char *const lost = std::getenv("TP_EMU_LOST_WAIT");
  static int waits = 0;
  if (lost && ++waits == std::atoi(lost))
    return 0;
  auto *object = e.events.find(event);
  auto *on = e.streams.find(stream);
  if (!object || !on)
    return refuse(cudaInvalidHandle, "no such event or stream");
  if (!e.mayTake(*on, "a wait"))
    return refuse(e.sticky, e.stickyText);
  if (GraphObject *graph = object->capture) {
    if (!on->capture) { // the wait brings the stream into the capture
      on->capture = graph;
      on->lane = graph->lanes++;
      graph->lastNode.push_back(0);
      graph->lastJoined.push_back(0);
      graph->streams.insert(on);
    }
    if (on->lane == 0)
      graph->lastJoined[size_t(graph->nodes[object->node].lane)] = object->node + 1;
    graph->nodes.push_back({GraphNode::wait, on->lane, "", nullptr, object->node});
    return 0;
  }
  if (on->capture)
    return refuse(905, "a capturing stream waits for an event from outside the capture");
  if (!object->stream)
    return 0;
  join(on->clock, object->clock);
  Item item;
  item.keep = std::make_shared<EventObject>(*object); // as of now: it may be recorded again
  item.waitFor = item.keep.get();
  item.ticket = object->ticket;
  on->queue.push_back(std::move(item));
  ++on->enqueued;
  return 0;
}

int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, Stream stream) {
  TP_ENTER(cuMemcpyHtoDAsync)
  auto *on = e.streams.find(stream);
  if (!on)
    return noStream();
  if (int code = checkPinned(e, from, bytes))
    return code;
  e.enqueue(lock, *on, "a copy to the device", [=](OpId op) {
    std::string problem = stillPinned(from, bytes);
    return problem.empty() ? writeDevice(to, from, bytes, op) : problem;
  });
  return 0;
}

int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, Stream stream) {
  TP_ENTER(cuMemcpyDtoHAsync)
  auto *on = e.streams.find(stream);
  if (!on)
    return noStream();
  if (int code = checkPinned(e, to, bytes))
    return code;
  e.enqueue(lock, *on, "a copy to the host", [=](OpId op) {
    std::string problem = stillPinned(to, bytes);
    return problem.empty() ? readDevice(from, to, bytes, op) : problem;
  });
  return 0;
}

int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, Stream stream) {
  TP_ENTER(cuMemcpyDtoDAsync)
  auto *on = e.streams.find(stream);
  if (!on)
    return noStream();
  e.enqueue(lock, *on, "a copy on the device", [=](OpId op) {
    std::vector<char> copy(bytes);
    std::string problem = readDevice(from, copy.data(), bytes, op);
    return problem.empty() ? writeDevice(to, copy.data(), bytes, op) : problem;
  });
  return 0;
}

int cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, Stream stream) {
  TP_ENTER(cuMemsetD8Async)
  auto *on = e.streams.find(stream);
  if (!on)
    return noStream();
  e.enqueue(lock, *on, "a memset", [=](OpId op) {
    std::string problem;
    char *host = Memory::get().access(to, bytes, Access::write, op, problem);
    if (!host)
      return "a memset " + problem;
    std::memset(host, value, bytes);
    return std::string();
  });
  return 0;
}

int cuStreamBeginCapture_v2(Stream stream, int) {
  TP_ENTER(cuStreamBeginCapture)
  auto *on = e.streams.find(stream);
  if (!on)
    return noStream();
  if (on->capture)
    return refuse(cudaCaptureUnsupported, "the stream is capturing already");
  auto graph = std::make_unique<GraphObject>();
  graph->lastNode.assign(1, 0);
  graph->lastJoined.assign(1, 0);
  graph->streams.insert(on);
  on->origin = true;
  on->lane = 0;
  on->capture = reinterpret_cast<GraphObject *>(e.graphs.add<Graph>(std::move(graph)));
  return 0;
}

int cuStreamEndCapture(Stream stream, Graph *result) {
  Emulator &e = Emulator::get();
  const int planned = e.enter("cuStreamEndCapture"); // the capture ends all the same
  std::unique_lock<std::mutex> lock(e.mutex);
  auto *on = e.streams.find(stream);
  *result = nullptr;
  if (!on || !on->capture || !on->origin)
    return refuse(cudaInvalidValue, "the capture did not begin on this stream");
  GraphObject *graph = on->capture;
  for (StreamObject *member : graph->streams)
    if (e.streams.find(member))
      member->capture = nullptr, member->origin = false;
  bool joined = true;
  for (int lane = 1; lane < graph->lanes; ++lane)
    joined &= graph->lastJoined[size_t(lane)] >= graph->lastNode[size_t(lane)];
  if (planned || e.sticky || !joined) {
    e.graphs.take(graph);
    return planned ? planned : e.sticky ? refuse(e.sticky, e.stickyText) : int(cudaCaptureUnjoined);
  }
  *result = reinterpret_cast<Graph>(graph);
  return 0;
}

int cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph, unsigned long long) {
  TP_ENTER(cuGraphInstantiateWithFlags)
  auto *object = e.graphs.find(graph);
  if (!object)
    return refuse(cudaInvalidHandle, "no such graph");
  auto made = std::make_unique<GraphExecObject>();
  made->graph = *object;
  for (int lane = 0; lane < object->lanes; ++lane)
    made->laneStreams.push_back(lane ? Timeline::get().newStream() : -1);
  made->laneClocks.resize(size_t(object->lanes));
  *exec = e.execs.add<GraphExec>(std::move(made));
  return 0;
}

int cuGraphLaunch(GraphExec exec, Stream stream) {
  TP_ENTER(cuGraphLaunch)
  auto *object = e.execs.find(exec);
  auto *on = e.streams.find(stream);
  if (!object || !on)
    return refuse(cudaInvalidHandle, "no such graph or stream");
  if (!e.mayTake(*on, "a graph"))
    return refuse(e.sticky, e.stickyText);
  std::map<size_t, Clock> recorded;
  object->laneClocks[0] = on->clock;
  for (size_t i = 0; i < object->graph.nodes.size(); ++i) {
    const GraphNode &node = object->graph.nodes[i];
    Clock &clock = object->laneClocks[size_t(node.lane)];
    if (node.kind == GraphNode::record) {
      recorded[i] = clock;
    } else if (node.kind == GraphNode::wait) {
      join(clock, recorded[node.recordNode]);
    } else {
      Item item;
      item.op = Timeline::get().add(node.lane ? object->laneStreams[size_t(node.lane)] : on->number, clock, node.name);
      item.work = node.run;
      on->queue.push_back(std::move(item));
      ++on->enqueued;
    }
  }
  on->clock = object->laneClocks[0];
  return 0;
}

int cuGraphDestroy(Graph graph) {
  TP_RELEASE(cuGraphDestroy)
  auto *object = e.graphs.find(graph);
  if (!object)
    return refuse(cudaInvalidHandle, "no such graph");
  e.graphs.take(object);
  return planned;
}

int cuGraphExecDestroy(GraphExec exec) {
  TP_RELEASE(cuGraphExecDestroy)
  auto *object = e.execs.find(exec);
  if (!object)
    return refuse(cudaInvalidHandle, "no such executable graph");
  e.execs.take(object);
  return planned;
}

} // extern "C"
