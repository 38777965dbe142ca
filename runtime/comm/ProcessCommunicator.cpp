#include "comm/ProcessCommunicator.h"

#include "comm/Reduce.h"
#include "comm/Transfer.h"
#include "comm/Transport.h"
#include "core/Memory.h"

#include <algorithm>
#include <cmath>

namespace tp::rt {
namespace {

// Up to here each rank sends its whole tensor to all: one exchange instead of two.
constexpr int64_t directBytes = 32 << 10;
constexpr int64_t lineBytes = 64;

int64_t rounded(int64_t bytes) { return (bytes + lineBytes - 1) / lineBytes * lineBytes; }

bool isDirect(const Collective &c, int64_t groupSize) {
  return groupSize <= 2 || c.count * bytesOf(c.type) <= directBytes;
}

// The slice of a large all_reduce that position `p` reduces, as elements [begin, end).
std::pair<int64_t, int64_t> sliceOf(const Collective &c, int64_t p, int64_t groupSize) {
  return Share{p, groupSize}.range(c.count, lineBytes / 2);
}

class ProcessCommunicator : public Communicator {
public:
  ProcessCommunicator(const Manifest &manifest, const tp_transport &transport, int threads, WaitPolicy policy,
                      bool yield, Fault &fault);
  using Communicator::run;
  void run(std::span<const Part> parts, int64_t thread) override;
  void broadcast(void *data, int64_t bytes, int root) override;
  void barrier() override;
  void abort(const std::string &reason) override {
    fault.raise(rank(), reason);
    transport.abort(1);
  }

private:
  // A group with this rank in it, and where each position's message is staged (offsets in `staging`).
  struct Plan {
    std::vector<int> members;
    int me = 0;
    std::vector<Transfer> sends, receives;  // by position; not for all_reduce
    std::vector<int64_t> sendAt, receiveAt; // offsets; -1: straight from src or into dst
    int64_t bytes = 0;
  };
  Plan planFor(const Collective &c) const;
  void meet(int64_t thread, const Collective &c);
  void exchange(const std::string *origin, const Collective *c);
  // The phases of a part; between them the rank's threads meet. `base`: where the part's staging begins.
  struct Step {
    const Collective &c;
    const Plan &plan;
    const void *src;
    void *dst;
    int64_t base;
    int64_t groupSize() const { return int64_t(plan.members.size()); }
    bool reduces() const { return c.kind == CollectiveKind::allReduce; }
    bool inSlices() const { return reduces() && !isDirect(c, groupSize()); }
  };
  template <typename Function> void forSteps(std::span<const Part> parts, Function function);
  void pack(const Step &step, int64_t thread);
  void postAll(const Step &step);
  void finish(const Step &step, int64_t thread);
  void finishReduce(const Step &step, int64_t thread);
  void postSlices(const Step &step);
  void sumReceived(const Step &step, int64_t thread);
  char *stage(int64_t offset) const { return staging.data() + offset; }
  void post(int peer, const void *send, int64_t sendBytes, void *receive, int64_t receiveBytes) {
    messages.push_back({peer, send, sendBytes, receive, receiveBytes});
  }

  const Manifest &manifest;
  const tp_transport &transport;
  const int threads;
  const WaitPolicy policy;
  const bool yield;
  Fault &fault;
  Barrier team;
  std::vector<Plan> plans; // by collective
  Buffer staging;
  std::vector<tp_message> messages;               // of thread 0
  std::vector<std::vector<const void *>> sources; // by thread
};

ProcessCommunicator::ProcessCommunicator(const Manifest &manifest, const tp_transport &transport, int threads,
                                         WaitPolicy policy, bool yield, Fault &fault)
    : Communicator(transport.rank, transport.size), manifest(manifest), transport(transport), threads(threads),
      policy(policy), yield(yield), fault(fault), team(threads, policy, fault), sources(size_t(threads)) {
  int64_t bytes = 0;
  for (const Collective &c : manifest.collectives) {
    plans.push_back(planFor(c));
    bytes = std::max(bytes, plans.back().bytes);
  }
  staging = Buffer(bytes); // grows where several parts meet
  messages.reserve(size_t(size()));
  for (auto &list : sources)
    list.reserve(size_t(size()));
}

ProcessCommunicator::Plan ProcessCommunicator::planFor(const Collective &c) const {
  Plan plan;
  plan.members = manifest.group(c.axes, rank());
  const int64_t n = int64_t(plan.members.size()), element = bytesOf(c.type);
  plan.me = int(std::find(plan.members.begin(), plan.members.end(), rank()) - plan.members.begin());
  auto take = [&](int64_t bytes) {
    int64_t at = plan.bytes;
    plan.bytes += rounded(bytes);
    return at;
  };
  for (int64_t p = 0; p < n; ++p) {
    if (c.kind == CollectiveKind::allReduce) {
      auto [begin, end] = sliceOf(c, plan.me, n);
      plan.receiveAt.push_back(take((isDirect(c, n) ? c.count : end - begin) * element));
      continue;
    }
    plan.sends.push_back(transferOf(c, plan.me, p));
    plan.receives.push_back(transferOf(c, p, plan.me));
    const Transfer &send = plan.sends.back(), &receive = plan.receives.back();
    bool staged = c.kind == CollectiveKind::reduceScatter || !receive.contiguousDestination();
    plan.sendAt.push_back(p == plan.me || send.contiguousSource() ? -1 : take(send.elements() * element));
    plan.receiveAt.push_back(staged ? take(receive.elements() * element) : -1);
  }
  return plan;
}

void ProcessCommunicator::meet(int64_t thread, const Collective &c) {
  int missing = team.wait(int(thread));
  if (missing != Barrier::met)
    throw RankError(rank(), "stalled: thread " + std::to_string(missing) + " is not at " + c.describe() + " after " +
                                std::to_string(int64_t(std::ceil(policy.timeoutSeconds))) + " s");
}

void ProcessCommunicator::exchange(const std::string *where, const Collective *c) {
  char error[256] = "";
  int late = transport.exchange(messages.data(), int(messages.size()), yield, policy.timeoutSeconds, error,
                                int(sizeof(error)));
  messages.clear();
  if (late == -1)
    return;
  std::string place = c ? c->describe() : *where;
  if (late == -2)
    throw Error("communication failed in " + place + ": " + error);
  throw RankError(late, "stalled: not at " + place + " after " +
                            std::to_string(int64_t(std::ceil(policy.timeoutSeconds))) + " s");
}

void ProcessCommunicator::broadcast(void *data, int64_t bytes, int root) {
  static const std::string where = "a broadcast";
  if (rank() != root)
    post(root, nullptr, 0, data, bytes);
  else
    for (int peer = 0; peer < size(); ++peer)
      if (peer != root)
        post(peer, data, bytes, nullptr, 0);
  exchange(&where, nullptr);
}

void ProcessCommunicator::barrier() {
  static const std::string where = "a barrier";
  char token = 0;
  std::vector<char> tokens(static_cast<size_t>(size()));
  for (int peer = 0; peer < size(); ++peer)
    if (peer != rank())
      post(peer, &token, 1, &tokens[size_t(peer)], 1);
  exchange(&where, nullptr);
}

template <typename Function> void ProcessCommunicator::forSteps(std::span<const Part> parts, Function function) {
  int64_t base = 0;
  for (const Part &part : parts) {
    const Plan &plan = plans[size_t(part.id)];
    function(Step{manifest.collectives[size_t(part.id)], plan, part.src, part.dst, base});
    base += plan.bytes;
  }
}

void ProcessCommunicator::run(std::span<const Part> parts, int64_t thread) {
  const Collective &first = manifest.collectives[size_t(parts.front().id)];
  bool packs = false, slices = false;
  int64_t bytes = 0;
  forSteps(parts, [&](const Step &step) {
    packs |= !step.reduces();
    slices |= step.inSlices();
    bytes += step.plan.bytes;
  });
  if (thread == 0 && bytes > staging.size())
    staging = Buffer(bytes);
  meet(thread, first);
  if (packs) {
    forSteps(parts, [&](const Step &step) { pack(step, thread); });
    meet(thread, first);
  }
  if (thread == 0) {
    forSteps(parts, [&](const Step &step) { postAll(step); });
    exchange(nullptr, &first);
  }
  meet(thread, first);
  forSteps(parts, [&](const Step &step) { finish(step, thread); });
  if (slices) {
    meet(thread, first);
    if (thread == 0) {
      forSteps(parts, [&](const Step &step) { postSlices(step); });
      exchange(nullptr, &first);
    }
  }
  meet(thread, first);
}

// What is not contiguous is sent from the staging memory, and so is this rank's own addend.
void ProcessCommunicator::pack(const Step &step, int64_t thread) {
  if (step.reduces())
    return;
  const auto &[c, plan, src, dst, base] = step;
  const int64_t element = bytesOf(c.type);
  const Share share{thread, threads};
  for (size_t p = 0; p < plan.members.size(); ++p)
    if (plan.sendAt[p] >= 0)
      copy(plan.sends[p].packedDestination(), element, src, stage(base + plan.sendAt[p]), share);
  const Transfer &own = plan.receives[size_t(plan.me)];
  if (c.kind == CollectiveKind::reduceScatter)
    copy(own.packedDestination(), element, src, stage(base + plan.receiveAt[size_t(plan.me)]), share);
  else
    copy(own, element, src, dst, share);
}

void ProcessCommunicator::postAll(const Step &step) {
  const auto &[c, plan, src, dst, base] = step;
  const int64_t n = step.groupSize(), element = bytesOf(c.type);
  auto [mine, mineEnd] = step.inSlices() ? sliceOf(c, plan.me, n) : std::pair(int64_t(0), c.count);
  for (int64_t p = 0; p < n; ++p) {
    if (p == plan.me)
      continue;
    if (step.reduces()) {
      auto [begin, end] = step.inSlices() ? sliceOf(c, p, n) : std::pair(int64_t(0), c.count);
      post(plan.members[p], static_cast<const char *>(src) + begin * element, (end - begin) * element,
           stage(base + plan.receiveAt[p]), (mineEnd - mine) * element);
      continue;
    }
    const Transfer &send = plan.sends[p], &receive = plan.receives[p];
    const void *from =
        plan.sendAt[p] >= 0 ? stage(base + plan.sendAt[p]) : static_cast<const char *>(src) + send.srcOffset * element;
    void *to = plan.receiveAt[p] >= 0 ? stage(base + plan.receiveAt[p])
                                      : static_cast<char *>(dst) + receive.dstOffset * element;
    post(plan.members[p], from, send.elements() * element, to, receive.elements() * element);
  }
}

void ProcessCommunicator::finish(const Step &step, int64_t thread) {
  const auto &[c, plan, src, dst, base] = step;
  const Share share{thread, threads};
  if (step.reduces())
    return finishReduce(step, thread);
  if (c.kind == CollectiveKind::reduceScatter)
    sumReceived(step, thread);
  else
    for (int64_t p = 0; p < step.groupSize(); ++p)
      if (p != plan.me && plan.receiveAt[p] >= 0)
        copy(plan.receives[p].packedSource(), bytesOf(c.type), stage(base + plan.receiveAt[p]), dst, share);
  clearPadding(c, plan.me, dst, share);
}

// All elements, or this rank's slice of them.
void ProcessCommunicator::finishReduce(const Step &step, int64_t thread) {
  const auto &[c, plan, src, dst, base] = step;
  const int64_t n = step.groupSize(), element = bytesOf(c.type);
  auto [mine, mineEnd] = step.inSlices() ? sliceOf(c, plan.me, n) : std::pair(int64_t(0), c.count);
  auto &srcs = sources[thread];
  srcs.clear();
  for (int64_t p = 0; p < n; ++p)
    srcs.push_back(p == plan.me ? static_cast<const char *>(src) + mine * element : stage(base + plan.receiveAt[p]));
  void *slice = static_cast<char *>(dst) + mine * element;
  auto [begin, end] = Share{thread, threads}.range(mineEnd - mine, lineBytes / 2);
  reduce(c.type, c.reduction, srcs, {&slice, 1}, begin, end);
}

void ProcessCommunicator::postSlices(const Step &step) {
  if (!step.inSlices())
    return;
  const auto &[c, plan, src, dst, base] = step;
  const int64_t n = step.groupSize(), element = bytesOf(c.type);
  auto [mine, mineEnd] = sliceOf(c, plan.me, n);
  auto *to = static_cast<char *>(dst);
  for (int64_t p = 0; p < n; ++p)
    if (auto [first, last] = sliceOf(c, p, n); p != plan.me)
      post(plan.members[p], to + mine * element, (mineEnd - mine) * element, to + first * element,
           (last - first) * element);
}

// The addends lie packed as [outer, length, inner]; dst is padded to [outer, local, inner].
void ProcessCommunicator::sumReceived(const Step &step, int64_t thread) {
  const auto &[c, plan, src, dst, base] = step;
  const int64_t element = bytesOf(c.type), row = c.windows.lengths[plan.me] * c.inner;
  auto [begin, end] = Share{thread, threads}.range(row, lineBytes / 2);
  auto &srcs = sources[thread];
  for (int64_t o = 0; o < c.outer; ++o) {
    srcs.clear();
    for (int64_t at : plan.receiveAt)
      srcs.push_back(stage(base + at + o * row * element));
    void *to = static_cast<char *>(dst) + o * c.windows.local * c.inner * element;
    reduce(c.type, c.reduction, srcs, {&to, 1}, begin, end);
  }
}

} // namespace

std::unique_ptr<Communicator> makeProcessCommunicator(const Manifest &manifest, const tp_transport &transport,
                                                      int threads, WaitPolicy policy, bool yield, Fault &fault) {
  if (transport.size != manifest.ranks)
    throw Error("the package is for " + std::to_string(manifest.ranks) + " ranks, but " + launcherName() + " started " +
                std::to_string(transport.size));
  return std::make_unique<ProcessCommunicator>(manifest, transport, threads, policy, yield, fault);
}

} // namespace tp::rt
