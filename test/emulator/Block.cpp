#include "Block.h"

#include "Kernels.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <sched.h>
#include <thread>
#include <utility>

namespace tp::emu {
namespace {

thread_local Lane *current = nullptr;
thread_local std::vector<std::unique_ptr<Fiber>> allFibers;
thread_local std::vector<Fiber *> freeFibers;

Fiber *takeFiber() {
  if (freeFibers.empty()) {
    allFibers.push_back(std::make_unique<Fiber>());
    return allFibers.back().get();
  }
  Fiber *fiber = freeFibers.back();
  freeFibers.pop_back();
  return fiber;
}

void giveFiber(Fiber *fiber) { freeFibers.push_back(fiber); }

// Lanes are large, and most launches have many blocks of one size.
thread_local std::vector<std::vector<Lane>> freeLanes;

std::vector<Lane> takeLanes(size_t count) {
  if (freeLanes.empty() || freeLanes.back().size() != count) {
    freeLanes.clear();
    return std::vector<Lane>(count);
  }
  std::vector<Lane> lanes = std::move(freeLanes.back());
  freeLanes.pop_back();
  return lanes;
}

std::string text(const Dim3 &d) {
  return "(" + std::to_string(d[0]) + "," + std::to_string(d[1]) + "," + std::to_string(d[2]) + ")";
}

std::string hexMask(uint32_t mask) {
  char out[16];
  std::snprintf(out, sizeof(out), "0x%08x", mask);
  return out;
}

} // namespace

Lane &currentLane() { return *current; }

Block::Block(Launch &launch, Dim3 index)
    : launch(launch), index(index), lanes(takeLanes(size_t(launch.block[0]) * launch.block[1] * launch.block[2])),
      lines((launch.kernel->staticShared + launch.sharedBytes + sizeof(Line) - 1) / sizeof(Line)),
      sharedMemory(reinterpret_cast<char *>(lines.data()), launch.kernel->staticShared + launch.sharedBytes),
      touches(sharedMemory.size()), warps((lanes.size() + 31) / 32), alive(lanes.size()) {
  if (lanes.size() % 32)
    warps.back().blocked = ~0u << lanes.size() % 32;
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    Lane &lane = lanes[i];
    lane.tid = {i % launch.block[0], i / launch.block[0] % launch.block[1], i / launch.block[0] / launch.block[1]};
    lane.ctaid = index;
    lane.ntid = launch.block;
    lane.nctaid = launch.grid;
    lane.shared = sharedMemory.data();
    lane.block = this;
    lane.number = i;
    lane.exited = lane.spinning = false;
    lane.meeting.kind = Meeting::none;
    ready.push_back(&lane);
  }
  for (auto [begin, end] : launch.kernel->gaps)
    for (uint32_t i = begin; i < end; ++i)
      touches[i].state = Memory::never;
}

Block::~Block() {
  for (Lane &lane : lanes)
    if (lane.fiber)
      giveFiber(lane.fiber);
  if (alive == 0) // else they are in the midst of something
    freeLanes.push_back(std::move(lanes));
}

void Block::entry(void *argument) {
  Lane &lane = *static_cast<Lane *>(argument);
  lane.block->launch.kernel->run(lane.block->launch.arguments);
  if (!lane.copies.empty())
    lane.block->fail(lane, 0, "ends while its cp.async copies are under way");
  lane.exited = true;
  lane.block->block(lane);
  --lane.block->alive;
  lane.fiber->yield();
}

void Block::resume(Lane &lane) {
  if (!lane.fiber) {
    lane.fiber = takeFiber();
    lane.fiber->start(entry, &lane);
  }
  lane.spinning = false;
  current = &lane;
  lane.fiber->resume();
  Lane &last = *current; // others may have run meanwhile
  current = nullptr;
  spins = last.spinning ? spins + 1 : 0;
  if (last.exited) {
    giveFiber(last.fiber);
    last.fiber = nullptr;
  }
}

void Block::suspend(Lane &lane) {
  if (ready.empty() || !ready.front()->fiber)
    return lane.fiber->yield();
  Lane &next = *ready.front();
  ready.pop_front();
  next.spinning = false;
  spins = 0;
  current = &next;
  lane.fiber->pass(*next.fiber);
}

Block::Result Block::run() {
  spins = 0;
  while (!broken) {
    if (ready.empty()) {
      if (alive == 0)
        return done;
      if (!releaseBarrier()) {
        reportStuck();
        return failed;
      }
      continue;
    }
    Lane &lane = *ready.front();
    ready.pop_front();
    resume(lane);
    // Everyone who can run has looked at memory in vain.
    if (spins > 2 * ready.size() + 2)
      return spinning;
  }
  return failed;
}

std::string Block::where(const Lane &lane, uint32_t site) const {
  return "kernel '" + launch.kernel->name + "', block " + text(index) + ", thread " + text(lane.tid) +
         (site ? ", IR " + launch.kernel->describe(site) : "");
}

void Block::fail(Lane &lane, uint32_t site, const std::string &what) {
  if (launch.problem.empty())
    launch.problem = where(lane, site) + ": " + what;
  broken = true;
  for (;;)
    current->fiber->yield();
}

void Block::spin(Lane &lane) {
  lane.spinning = true;
  ready.push_back(&lane);
  lane.fiber->yield();
}

void Block::checkMask(Lane &lane, uint32_t site, uint32_t mask) {
  if (!(mask >> lane.lane() & 1))
    fail(lane, site, "is not in the mask " + hexMask(mask) + " that it gives");
  for (uint32_t i = 0; i < 32; ++i) {
    if (!(mask >> i & 1))
      continue;
    const uint32_t number = lane.warp() * 32 + i;
    auto wrong = [&](const std::string &what) {
      fail(lane, site, "the mask " + hexMask(mask) + " names lane " + std::to_string(i) + ", which " + what);
    };
    if (number >= lanes.size())
      wrong("the block of " + std::to_string(lanes.size()) + " threads does not have");
    const Lane &peer = lanes[number];
    if (peer.exited)
      wrong("has ended");
    if (&peer == &lane)
      continue;
    if (peer.meeting.kind == Meeting::barrier)
      wrong("waits at a barrier, " + launch.kernel->describe(peer.meeting.site));
    if (peer.meeting.kind == Meeting::warp && peer.meeting.site != site)
      wrong("meets at another instruction, " + launch.kernel->describe(peer.meeting.site));
    if (peer.meeting.kind == Meeting::warp && peer.meeting.mask != mask)
      wrong("gives the mask " + hexMask(peer.meeting.mask));
  }
}

bool Block::arrive(Lane &lane, uint32_t site, uint32_t mask) {
  Warp &warp = warps[lane.warp()];
  const uint32_t bit = 1u << lane.lane();
  const bool asTheOthers = !(warp.arrived & mask) || (warp.site == site && warp.mask == mask);
  if (!(mask & bit) || (mask & warp.blocked) || !asTheOthers)
    checkMask(lane, site, mask);
  lane.meeting.kind = Meeting::warp;
  warp.site = lane.meeting.site = site;
  warp.mask = lane.meeting.mask = mask;
  warp.arrived |= bit;
  return (warp.arrived & mask) == mask;
}

void Block::release(Lane &last, uint32_t mask) {
  warps[last.warp()].arrived &= ~mask;
  for (uint32_t i = 32; i-- > 0;)
    if (mask >> i & 1) {
      Lane &lane = lanes[last.warp() * 32 + i];
      lane.meeting.kind = Meeting::none;
      if (&lane != &last)
        ready.push_front(&lane);
    }
}

void Block::meetBarrier(Lane &lane, uint32_t site, uint32_t number, bool aligned) {
  lane.meeting.kind = Meeting::barrier;
  lane.meeting.site = site;
  lane.meeting.mask = number;
  lane.meeting.aligned = aligned;
  block(lane);
  suspend(lane);
}

// All threads of the block must stand at the same barrier.
bool Block::releaseBarrier() {
  const Lane &first = lanes.front();
  for (const Lane &lane : lanes) {
    if (lane.exited || lane.meeting.kind != Meeting::barrier || lane.meeting.mask != first.meeting.mask)
      return false;
    const Lane &leader = lanes[lane.warp() * 32];
    if (lane.meeting.aligned && lane.meeting.site != leader.meeting.site)
      return false;
  }
  for (Lane &lane : lanes) {
    lane.meeting.kind = Meeting::none;
    warps[lane.warp()].blocked &= ~(1u << lane.lane());
    ready.push_back(&lane);
  }
  ++epoch;
  return true;
}

// Nobody can run: says who waits, and for whom.
void Block::reportStuck() {
  const Lane *waiter = nullptr, *other = nullptr;
  for (const Lane &lane : lanes)
    if (!lane.exited && !waiter)
      waiter = &lane;
  for (const Lane &lane : lanes)
    if (lane.exited || lane.meeting.kind != waiter->meeting.kind || lane.meeting.site != waiter->meeting.site)
      other = other ? other : &lane;
  const bool barrier = waiter->meeting.kind == Meeting::barrier;
  std::string problem = where(*waiter, waiter->meeting.site) + (barrier ? ": divergent barrier" : ": divergent warp");
  if (other)
    problem += ": thread " + text(other->tid) +
               (other->exited ? " has ended" : " waits elsewhere, " + launch.kernel->describe(other->meeting.site));
  if (launch.problem.empty())
    launch.problem = problem;
  broken = true;
}

// What is wrong with touching a byte that others have touched since the last barrier. Null: nothing.
const char *Block::hazard(const Touch &touch, const Lane &lane, Access kind) const {
  auto unordered = [&](uint16_t by, uint32_t when, uint32_t warpWhen) {
    if (by == 0 || by == lane.number + 1 || when != epoch)
      return false;
    const Lane *peer = owner(by);
    return !peer || peer->warp() != lane.warp() || warpWhen == warps[lane.warp()].epoch;
  };
  if (unordered(touch.writer, touch.writerEpoch, touch.writerWarp))
    return kind == Access::read ? "that another thread writes" : "that another thread writes too";
  if (kind != Access::read && unordered(touch.reader, touch.readerEpoch, touch.readerWarp))
    return "that another thread reads";
  return nullptr;
}

void Block::stored(Lane &lane) {
  if (!lane.suspect.at)
    return;
  const auto suspect = std::exchange(lane.suspect, Lane::Suspect());
  if (std::memcmp(suspect.at, suspect.before.data(), suspect.before.size()) != 0)
    fail(lane, suspect.site, suspect.problem);
}

char *Block::accessShared(Lane &lane, const char *p, uint64_t bytes, Access kind, uint32_t site, bool compare) {
  const auto at = uint64_t(p - sharedMemory.data()), size = uint64_t(sharedMemory.size());
  const char *verb = kind == Access::read ? "reads " : "writes ";
  auto what = [&] {
    return verb + std::to_string(bytes) + " bytes at byte " + std::to_string(at) + " of shared memory";
  };
  const bool inside = at < size && at + bytes <= size;
  if (!inside || touches[at].state == Memory::never || touches[at + bytes - 1].state == Memory::never)
    fail(lane, site,
         verb + std::to_string(bytes) + " bytes at byte " + std::to_string(int64_t(at)) +
             " of shared memory: out of bounds, " +
             (inside ? "between two variables" : "there are " + std::to_string(size) + " bytes"));
  for (uint64_t i = at; i < at + bytes; ++i) {
    Touch &touch = touches[i];
    if (kind != Access::write && touch.state != Memory::written)
      fail(lane, site, what() + ": uninitialised");
    if (const char *why = kind == Access::atomic ? nullptr : hazard(touch, lane, kind)) {
      const std::string problem = what() + ": a missing barrier, bytes " + why;
      if (!compare || touch.readerEpoch == epoch)
        fail(lane, site, problem);
      lane.suspect = {p, std::vector<char>(p, p + bytes), site, problem};
    }
    const auto me = uint16_t(lane.number + 1);
    const uint32_t warp = warps[lane.warp()].epoch;
    if (kind != Access::read) {
      touch.writer = me, touch.writerEpoch = epoch, touch.writerWarp = warp;
      touch.state = Memory::written;
    } else {
      const bool shared = touch.reader != 0 && touch.reader != me && touch.readerEpoch == epoch;
      touch.reader = shared ? uint16_t(0xffff) : me;
      touch.readerEpoch = epoch, touch.readerWarp = warp;
    }
  }
  return sharedMemory.data() + at;
}

void Block::setShared(const char *p, uint64_t bytes, uint8_t state) {
  for (uint64_t i = 0; i < bytes; ++i)
    touches[size_t(p - sharedMemory.data()) + i].state = state;
}

bool runLaunch(Launch &launch) {
  using Time = std::chrono::steady_clock;
  constexpr auto deadline = std::chrono::seconds(20);
  constexpr size_t resident = 64;
  launch.order = Order(launch.op);
  const uint64_t count = uint64_t(launch.grid[0]) * launch.grid[1] * launch.grid[2];
  uint64_t next = 0;
  std::deque<std::unique_ptr<Block>> blocks;
  auto since = Time::now();
  size_t idle = 0; // blocks in a row that only looked at memory
  while (next < count || !blocks.empty()) {
    if (next < count && blocks.size() < resident && idle >= blocks.size()) {
      const Dim3 at{uint32_t(next % launch.grid[0]), uint32_t(next / launch.grid[0] % launch.grid[1]),
                    uint32_t(next / launch.grid[0] / launch.grid[1])};
      blocks.push_front(std::make_unique<Block>(launch, at));
      ++next;
      idle = 0;
    }
    std::unique_ptr<Block> block = std::move(blocks.front());
    blocks.pop_front();
    const Block::Result result = block->run();
    if (result == Block::failed)
      return false;
    if (result == Block::done) {
      since = Time::now();
      idle = blocks.size(); // the others may still wait
      continue;
    }
    blocks.push_back(std::move(block));
    if (++idle <= blocks.size() + 1)
      continue;
    const auto waited = Time::now() - since;
    if (waited < std::chrono::microseconds(200)) // another rank's thread is about to write, or wants this CPU
      sched_yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    if (waited > deadline) {
      launch.problem = "kernel '" + launch.kernel->name + "' waits for memory that nobody writes";
      return false;
    }
  }
  return true;
}

} // namespace tp::emu
