#include "Timeline.h"

#include <algorithm>
#include <shared_mutex>

namespace tp::emu {

static std::shared_mutex guard; // a deque's index may move while it grows

void join(Clock &into, const Clock &from) {
  if (into.size() < from.size())
    into.resize(from.size(), 0);
  for (size_t i = 0; i < from.size(); ++i)
    into[i] = std::max(into[i], from[i]);
}

Timeline &Timeline::get() {
  static Timeline *timeline = new Timeline;
  return *timeline;
}

OpId Timeline::add(int stream, Clock &clock, const std::string &name) {
  std::unique_lock<std::shared_mutex> lock(guard);
  join(clock, host);
  if (clock.size() <= size_t(stream))
    clock.resize(size_t(stream) + 1, 0);
  ++clock[size_t(stream)];
  ops.push_back({stream, clock[size_t(stream)], clock, name});
  return OpId(ops.size() - 1);
}

bool Timeline::before(OpId first, OpId second) const {
  if (first == 0 || first == second)
    return true;
  std::shared_lock<std::shared_mutex> lock(guard);
  if (first >= ops.size()) // of before a reset
    return true;
  const Op &a = ops[first], &b = ops[second];
  return a.stream == b.stream ? a.number <= b.number
                              : size_t(a.stream) < b.clock.size() && a.number <= b.clock[size_t(a.stream)];
}

std::string Timeline::describe(OpId op) const {
  std::shared_lock<std::shared_mutex> lock(guard);
  return op < ops.size() ? ops[op].name + " (stream " + std::to_string(ops[op].stream) + ")" : "an earlier operation";
}

void Timeline::acquire(OpId op, const Clock &clock) {
  std::unique_lock<std::shared_mutex> lock(guard);
  join(ops[op].clock, clock);
}

bool Order::ask(OpId first) {
  if (!Timeline::get().before(first, op))
    return false;
  known[first % slots] = first;
  return true;
}

Clock Timeline::clockOf(OpId op) const {
  std::shared_lock<std::shared_mutex> lock(guard);
  return ops[op].clock;
}

int Timeline::newStream() {
  std::unique_lock<std::shared_mutex> lock(guard);
  return streams++;
}

void Timeline::reset() {
  std::unique_lock<std::shared_mutex> lock(guard);
  ops.resize(1);
  host.clear();
  streams = 0;
}

} // namespace tp::emu
