#include "comm/LocalCommunicator.h"

#include "comm/Reduce.h"
#include "comm/Transfer.h"

#include <algorithm>
#include <cstring>

namespace tp::rt {
namespace {

std::string seconds(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.')
    text.pop_back();
  return text + " s";
}

// A cache line of the narrowest type: no two threads write one line.
constexpr int64_t grain = 32;

} // namespace

class LocalCommunicator : public Communicator {
public:
  LocalCommunicator(LocalWorld &world, int rank);
  using Communicator::run;
  void run(std::span<const Part> parts, int64_t thread) override;
  void broadcast(void *data, int64_t bytes, int root) override;
  void barrier() override { meetHosts("a barrier"); }
  void abort(const std::string &reason) override { world.fault.raise(rank(), reason); }
  void setHostBusy(bool busy) override { world.hostBusy.store(busy, std::memory_order_release); }

private:
  // This rank's view of a collective's group. Scratch lists of pointers are per thread: no allocation while running.
  struct Member {
    LocalWorld::Group *group;
    int position;
  };
  void meet(const Member &member, int64_t thread, const Collective &c);
  void meetHosts(const char *where);
  void work(const Member &member, size_t part, int64_t thread);
  void reduceScatter(const Member &member, size_t part, int64_t thread);
  const Collective &collective(const Part &part) const { return world.manifest.collectives[size_t(part.id)]; }

  LocalWorld &world;
  std::vector<Member> members; // by collective
  struct alignas(128) Scratch {
    std::vector<const void *> srcs;
    std::vector<void *> dsts;
  };
  std::vector<Scratch> scratch; // by thread
};

LocalWorld::Group::Group(std::vector<int> ranks, int threads, WaitPolicy policy, const Fault &fault)
    : members(std::move(ranks)), barrier(int(members.size()) * threads, policy, fault), posted(members.size()) {}

LocalWorld::LocalWorld(const Manifest &manifest, int threads, WaitPolicy policy, Fault &fault)
    : manifest(manifest), threads(threads), policy(policy), fault(fault), host(int(manifest.ranks), policy, fault),
      hostBuffers(size_t(manifest.ranks)) {
  for (const Collective &c : manifest.collectives)
    for (int rank = 0; rank < manifest.ranks; ++rank) {
      auto ranks = manifest.group(c.axes, rank);
      auto &group = groups[ranks];
      if (!group)
        group = std::make_unique<Group>(ranks, threads, policy, fault);
    }
}

std::unique_ptr<Communicator> LocalWorld::communicator(int rank) {
  return std::make_unique<LocalCommunicator>(*this, rank);
}

LocalCommunicator::LocalCommunicator(LocalWorld &world, int rank)
    : Communicator(rank, int(world.manifest.ranks)), world(world), scratch(world.threads) {
  for (const Collective &c : world.manifest.collectives) {
    auto ranks = world.manifest.group(c.axes, rank);
    int position = int(std::find(ranks.begin(), ranks.end(), rank) - ranks.begin());
    members.push_back({world.groups.at(ranks).get(), position});
  }
  for (Scratch &lists : scratch) {
    lists.srcs.reserve(size_t(size()));
    lists.dsts.reserve(size_t(size()));
  }
}

void LocalCommunicator::meet(const Member &member, int64_t thread, const Collective &c) {
  int missing = member.group->barrier.wait(int(member.position * world.threads + thread));
  if (missing != Barrier::met)
    throw RankError(member.group->members[missing / world.threads],
                    "stalled: not at " + c.describe() + " after " + seconds(world.policy.timeoutSeconds));
}

void LocalCommunicator::meetHosts(const char *where) {
  int missing = world.host.wait(rank());
  while (missing == 0 && world.hostBusy.load(std::memory_order_acquire))
    missing = world.host.waitAgain(rank());
  if (missing != Barrier::met)
    throw RankError(missing,
                    std::string("stalled: not at ") + where + " after " + seconds(world.policy.timeoutSeconds));
}

void LocalCommunicator::broadcast(void *data, int64_t bytes, int root) {
  if (rank() == root)
    world.hostBuffers[root].src = data;
  meetHosts("a broadcast");
  if (rank() != root && bytes > 0)
    std::memcpy(data, world.hostBuffers[root].src, size_t(bytes));
  meetHosts("a broadcast");
}

void LocalCommunicator::run(std::span<const Part> parts, int64_t thread) {
  const Member &member = members[size_t(parts.front().id)];
  const Collective &first = collective(parts.front());
  if (thread == 0)
    member.group->posted[size_t(member.position)].parts.assign(parts.begin(), parts.end());
  meet(member, thread, first);
  for (size_t part = 0; part < parts.size(); ++part)
    work(member, part, thread);
  meet(member, thread, first);
}

void LocalCommunicator::work(const Member &member, size_t part, int64_t thread) {
  auto &posted = member.group->posted;
  const int me = member.position;
  const Part &mine = posted[size_t(me)].parts[part];
  const Collective &c = collective(mine);
  if (c.kind == CollectiveKind::allReduce) {
    auto &[srcs, dsts] = scratch[thread];
    srcs.clear();
    dsts.clear();
    for (const auto &rank : posted) {
      srcs.push_back(rank.parts[part].src);
      dsts.push_back(rank.parts[part].dst);
    }
    Share share{me * world.threads + thread, int64_t(posted.size()) * world.threads};
    auto [begin, end] = share.range(c.count, grain);
    return reduce(c.type, c.reduction, srcs, dsts, begin, end);
  }
  Share share{thread, world.threads};
  if (c.kind == CollectiveKind::reduceScatter)
    reduceScatter(member, part, thread);
  else
    for (int from = 0; from < int(posted.size()); ++from)
      copy(transferOf(c, from, me), bytesOf(c.type), posted[size_t(from)].parts[part].src, mine.dst, share);
  clearPadding(c, me, mine.dst, share);
}

void LocalCommunicator::reduceScatter(const Member &member, size_t part, int64_t thread) {
  auto &posted = member.group->posted;
  const int me = member.position;
  const Part &mine = posted[size_t(me)].parts[part];
  const Collective &c = collective(mine);
  const int64_t bytes = bytesOf(c.type), length = c.windows.lengths[me] * c.inner;
  auto &srcs = scratch[thread].srcs;
  auto [begin, end] = Share{thread, world.threads}.range(length, grain);
  for (int64_t row = 0; row < c.outer; ++row) {
    srcs.clear();
    int64_t at = (row * c.windows.global + c.windows.starts[me]) * c.inner;
    for (const auto &rank : posted)
      srcs.push_back(static_cast<const char *>(rank.parts[part].src) + at * bytes);
    void *dst = static_cast<char *>(mine.dst) + row * c.windows.local * c.inner * bytes;
    reduce(c.type, c.reduction, srcs, {&dst, 1}, begin, end);
  }
}

} // namespace tp::rt
