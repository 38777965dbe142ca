#include "core/Session.h"

#include "core/Generation.h"

#include <cmath>
#include <cstring>

namespace tp::rt {
namespace {

// The part of a request that is of fixed size, as rank 0 sends it.
struct Header {
  int64_t prompts, tokenTypes, maxTokens, ignoreEos, topK, wantOutput;
  uint64_t seed;
  double temperature, topP;
};

void checkSampling(const Sampling &sampling) {
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature))
    throw Error("expected a temperature of 0 or more, found " + std::to_string(sampling.temperature));
  if (sampling.topK < 0)
    throw Error("expected top-k of 0 or more, found " + std::to_string(sampling.topK));
  if (!(sampling.topP > 0 && sampling.topP <= 1))
    throw Error("expected top-p above 0 and at most 1, found " + std::to_string(sampling.topP));
}

bool hasEntry(const Manifest &manifest, const std::string &name) {
  for (const Entry &entry : manifest.entries)
    if (entry.name == name)
      return true;
  return false;
}

// An encoder attends to every row of its entry: without a `length` input, padding would change the result.
void checkEncoderLength(const Manifest &manifest, const std::string &prompt, int64_t length, int64_t longest) {
  const Entry &entry = Generation::encodeFor(manifest, longest);
  if (longest > entry.rows)
    throw Error(prompt + " has " + std::to_string(length) + " tokens, the package encodes at most " +
                std::to_string(entry.rows));
  if (!entry.input("length") && length != entry.rows)
    throw Error(prompt + " has " + std::to_string(length) + " tokens, the package encodes exactly " +
                std::to_string(entry.rows));
}

void checkTokenTypes(const Manifest &manifest, const Request &request) {
  const int64_t types = manifest.model.tokenTypes;
  if (request.tokenTypes.size() > request.prompts.size())
    throw Error("expected token types for at most " + std::to_string(request.prompts.size()) + " prompts, found " +
                std::to_string(request.tokenTypes.size()));
  for (size_t i = 0; i < request.tokenTypes.size(); ++i) {
    const auto &given = request.tokenTypes[i];
    const std::string name = "token types of prompt " + std::to_string(i + 1);
    if (given.empty())
      continue;
    if (types < 1)
      throw Error(name + ": the model has no token types");
    if (given.size() != request.prompts[i].size())
      throw Error(name + ": expected one for each of its " + std::to_string(request.prompts[i].size()) +
                  " tokens, found " + std::to_string(given.size()));
    for (int32_t type : given)
      if (type < 0 || type >= types)
        throw Error(name + ": expected 0 to " + std::to_string(types - 1) + ", found " + std::to_string(type));
  }
}

} // namespace

const char *nameOf(Finish finish) {
  switch (finish) {
  case Finish::none:
    return "none";
  case Finish::eos:
    return "eos";
  case Finish::length:
    return "length";
  case Finish::maxSeq:
    return "max_seq";
  case Finish::stopped:
    return "stopped";
  }
  return "?";
}

Session::Session(std::shared_ptr<const Package> opened, EngineOptions options)
    : package(std::move(opened)), engine(package, options), acrossProcesses(options.transport != nullptr) {}

void checkRequest(const Manifest &manifest, const Request &request) {
  const auto count = int64_t(request.prompts.size());
  if (count < 1)
    throw Error("no prompt");
  if (count > manifest.batch)
    throw Error("the package runs " + std::to_string(manifest.batch) + " prompts at once (its batch), found " +
                std::to_string(count));
  if (request.maxTokens < 0)
    throw Error("expected a number of tokens of 0 or more, found " + std::to_string(request.maxTokens));
  checkSampling(request.sampling);
  checkTokenTypes(manifest, request);
  if (request.wantOutput && !manifest.model.hasEncoder() && !hasEntry(manifest, "score"))
    throw Error("the package has no entry 'score', so it cannot give the logits of prompt positions");
  int64_t longest = 0;
  for (const auto &prompt : request.prompts)
    longest = std::max(longest, int64_t(prompt.size()));
  for (int64_t i = 0; i < count; ++i) {
    const auto &prompt = request.prompts[size_t(i)];
    const std::string name = "prompt " + std::to_string(i + 1);
    if (prompt.empty())
      throw Error(name + " is empty");
    if (int64_t(prompt.size()) > manifest.maxSeq)
      throw Error(name + " has " + std::to_string(prompt.size()) + " tokens, the package holds max_seq " +
                  std::to_string(manifest.maxSeq));
    for (int32_t token : prompt)
      if (token < 0 || token >= manifest.model.vocabSize)
        throw Error(name + ": token " + std::to_string(token) + " is not in the vocabulary, 0 to " +
                    std::to_string(manifest.model.vocabSize - 1));
    if (manifest.model.hasEncoder())
      checkEncoderLength(manifest, name, int64_t(prompt.size()), longest);
  }
}

Request Session::agreed(const Request &request) {
  if (!acrossProcesses)
    return request;
  Communicator &comm = engine.comm();
  const Sampling &s = request.sampling;
  Header header{int64_t(request.prompts.size()),
                int64_t(request.tokenTypes.size()),
                request.maxTokens,
                request.ignoreEos,
                s.topK,
                request.wantOutput,
                s.seed,
                s.temperature,
                s.topP};
  comm.broadcast(&header, sizeof(header), 0);
  Request result = request;
  result.maxTokens = header.maxTokens;
  result.ignoreEos = header.ignoreEos;
  result.wantOutput = header.wantOutput;
  result.sampling = {header.temperature, header.topK, header.topP, header.seed};
  auto shareLists = [&](std::vector<std::vector<int32_t>> &lists, int64_t count) {
    lists.resize(size_t(count));
    for (auto &list : lists) {
      auto length = int64_t(list.size());
      comm.broadcast(&length, sizeof(length), 0);
      list.resize(size_t(length));
      comm.broadcast(list.data(), length * int64_t(sizeof(int32_t)), 0);
    }
  };
  shareLists(result.prompts, header.prompts);
  shareLists(result.tokenTypes, header.tokenTypes);
  return result;
}

namespace {

// All that a run uses, so that a thread that is stuck in it after a failure does not outlive it.
struct Run {
  Run(const Manifest &manifest, Request asked, int localRanks)
      : request(std::move(asked)), generation(manifest, request, localRanks, result) {}
  Request request;
  Result result;
  Generation generation;
};

} // namespace

Result Session::generate(const Request &asked) {
  // Every process checks what rank 0 sent, so that all refuse it or none does.
  Request request = agreed(asked);
  checkRequest(manifest(), request);
  engine.reset();
  auto run = std::make_shared<Run>(manifest(), std::move(request), engine.localRanks());
  engine.run([run](Worker &worker) { run->generation.run(worker); });
  return std::move(run->result);
}

} // namespace tp::rt
