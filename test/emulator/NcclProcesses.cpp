// NCCL's ranks as processes: each writes what it calls, and what it sends, into a file of its own for each call, and
// reads the others' when all are there.
#include "Device.h"
#include "NcclCalls.h"

#include <cstring>
#include <filesystem>
#include <fstream>

namespace tp::emu {

namespace fs = std::filesystem;

namespace {

void append(std::string &to, const void *data, size_t bytes) { to.append(static_cast<const char *>(data), bytes); }
uint64_t addressOf(const void *p) { return reinterpret_cast<uint64_t>(p); }
bool sends(const Call &call) { return call.kind != Call::recv; }

} // namespace

// A rank's calls, and by call what it sends.
struct ProcessWorld::Part {
  Group calls;
  std::vector<std::vector<char>> data;
};

ProcessWorld::ProcessWorld(const std::string &folder, int ranks, int rank) : folder(folder), ranks(ranks), rank(rank) {
  fs::create_directories(folder);
  std::ofstream(folder + "/rank" + std::to_string(rank)).close();
}

// Files of calls stay until the last has left, for the others may still read them.
ProcessWorld::~ProcessWorld() {
  std::error_code ignored;
  fs::remove(folder + "/rank" + std::to_string(rank), ignored);
  if (joined() == 0)
    fs::remove_all(folder, ignored);
}

int ProcessWorld::joined() const {
  int count = 0;
  for (int r = 0; r < ranks; ++r)
    count += fs::exists(folder + "/rank" + std::to_string(r));
  return count;
}

bool ProcessWorld::aborted() const { return fs::exists(folder + "/abort"); }
void ProcessWorld::abort() { std::ofstream(folder + "/abort").close(); }

std::string ProcessWorld::file(uint64_t number, int of) const {
  return folder + "/call" + std::to_string(number) + "." + std::to_string(of);
}

std::string ProcessWorld::publish(const Group &group, uint32_t op, uint64_t number) const {
  std::string text;
  const uint64_t count = group.size();
  append(text, &count, sizeof(count));
  append(text, group.data(), count * sizeof(Call));
  for (const Call &call : group)
    if (sends(call)) {
      std::vector<char> data(call.bytes());
      if (std::string problem = readDevice(addressOf(call.src), data.data(), data.size(), op); !problem.empty())
        return "NCCL: " + problem;
      append(text, data.data(), data.size());
    }
  const std::string name = file(number, rank);
  std::ofstream(name + ".new", std::ios::binary) << text;
  fs::rename(name + ".new", name); // at once
  std::error_code ignored;
  if (number > 1) // whoever has come to the one between has read it
    fs::remove(file(number - 2, rank), ignored);
  return "";
}

ProcessWorld::Part ProcessWorld::read(uint64_t number, int of) const {
  std::ifstream in(file(number, of), std::ios::binary);
  uint64_t count = 0;
  in.read(reinterpret_cast<char *>(&count), sizeof(count));
  Part part;
  part.calls.resize(count);
  in.read(reinterpret_cast<char *>(part.calls.data()), std::streamsize(count * sizeof(Call)));
  for (const Call &call : part.calls) {
    part.data.emplace_back(sends(call) ? call.bytes() : 0);
    in.read(part.data.back().data(), std::streamsize(part.data.back().size()));
  }
  return part;
}

std::string ProcessWorld::runPairs(const std::vector<Part> &parts, uint32_t op) const {
  std::vector<size_t> next(size_t(ranks), 0); // by peer: calls of it that are done with
  for (const Call &call : parts[size_t(rank)].calls) {
    if (call.kind != Call::recv)
      continue;
    const Part &peer = parts[size_t(call.peer)];
    size_t &i = next[size_t(call.peer)];
    while (i < peer.calls.size() && (peer.calls[i].kind != Call::send || peer.calls[i].peer != rank))
      ++i;
    if (i == peer.calls.size() || peer.calls[i].bytes() != call.bytes())
      return "NCCL: rank " + std::to_string(rank) + " has " + call.describe() + ", but that rank sends " +
             (i == peer.calls.size() ? "nothing" : peer.calls[i].describe());
    const std::vector<char> &data = peer.data[i++];
    if (std::string problem = writeDevice(addressOf(call.dst), data.data(), data.size(), op); !problem.empty())
      return "NCCL: " + problem;
  }
  return "";
}

std::string ProcessWorld::meet(const Group &group, uint32_t op, uint64_t number, bool first) {
  if (first)
    if (std::string problem = publish(group, op, number); !problem.empty())
      return problem;
  for (int r = 0; r < ranks; ++r)
    if (!fs::exists(file(number, r)))
      return aborted() ? "" : tryAgain;
  std::vector<Part> parts;
  for (int r = 0; r < ranks; ++r) {
    parts.push_back(read(number, r));
    std::string problem = disagreement(0, parts[0].calls, r, parts.back().calls, number);
    if (!problem.empty())
      return problem;
  }
  if (group[0].isPair())
    return runPairs(parts, op);
  for (size_t i = 0; i < group.size(); ++i) {
    std::vector<char> result;
    for (const Part &part : parts)
      if (group[i].kind == Call::allReduce && !result.empty())
        reduce(result, part.data[i], group[i]);
      else
        result.insert(result.end(), part.data[i].begin(), part.data[i].end());
    if (std::string problem = writeDevice(addressOf(group[i].dst), result.data(), result.size(), op); !problem.empty())
      return "NCCL: " + problem;
  }
  return "";
}

} // namespace tp::emu
