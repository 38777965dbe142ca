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

// Who sees the file sees all of it.
void writeAtOnce(const std::string &name, const std::string &text) {
  std::ofstream(name + ".new", std::ios::binary) << text;
  fs::rename(name + ".new", name);
}

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
  for (const Call &call : group) {
    std::vector<char> data(call.bytes());
    if (std::string problem = readDevice(addressOf(call.src), data.data(), data.size(), op); !problem.empty())
      return "NCCL: " + problem;
    append(text, data.data(), data.size());
  }
  const std::string name = file(number, rank);
  writeAtOnce(name, text);
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
    part.data.emplace_back(call.bytes());
    in.read(part.data.back().data(), std::streamsize(part.data.back().size()));
  }
  return part;
}

std::string ProcessWorld::pairFile(int from, int to, uint64_t number) const {
  return folder + "/send" + std::to_string(from) + "." + std::to_string(to) + "." + std::to_string(number);
}

// A file for each send, which its receiver removes.
std::string ProcessWorld::runPairs(const Group &group, uint32_t op, size_t &next, bool first) {
  for (const Call &call : group)
    if (first && call.kind == Call::send) {
      std::vector<char> data(call.bytes());
      if (std::string problem = readDevice(addressOf(call.src), data.data(), data.size(), op); !problem.empty())
        return "NCCL: " + problem;
      writeAtOnce(pairFile(rank, call.peer, sent[call.peer]++), std::string(data.begin(), data.end()));
    }
  for (; next < group.size(); ++next) {
    const Call &call = group[next];
    if (call.kind != Call::recv)
      continue;
    const std::string name = pairFile(call.peer, rank, received[call.peer]);
    if (!fs::exists(name))
      return aborted() ? "" : tryAgain;
    std::vector<char> data(fs::file_size(name));
    std::ifstream(name, std::ios::binary).read(data.data(), std::streamsize(data.size()));
    fs::remove(name);
    ++received[call.peer];
    if (data.size() != call.bytes())
      return "NCCL: rank " + std::to_string(rank) + " has " + call.describe() + ", but that rank sends " +
             std::to_string(data.size()) + " bytes";
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
