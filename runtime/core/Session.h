// Generation with a package: prompts in, tokens out, on all ranks.
//
// All sequences of a run go through the prompt in the same chunks. A sequence that ends in a chunk takes its logits
// from it; in later chunks it runs along with padding, whose cache entries lie behind its end and are overwritten
// before they are read.
#ifndef TP_RT_SESSION_H
#define TP_RT_SESSION_H

#include "core/Engine.h"
#include "core/Sampler.h"

namespace tp::rt {

enum class Finish { none, eos, length, maxSeq, stopped };
const char *nameOf(Finish finish);

struct Request {
  std::vector<std::vector<int32_t>> prompts;    // 1 to batch of the package
  std::vector<std::vector<int32_t>> tokenTypes; // by prompt, of its tokens; absent or empty: all 0
  int64_t maxTokens = 128;                      // per prompt; 0: only the prompts are run
  bool ignoreEos = false;
  Sampling sampling;
  bool wantOutput = false; // the logits of every prompt position (decoder)
  // Called for each generated token (eos too), in rank 0's process, from a thread of the runtime, one call at a time.
  // False ends the run after this step.
  std::function<bool(int64_t sequence, int32_t token)> onToken;
};

struct Sequence {
  std::vector<int32_t> tokens; // generated ones, the eos that ended it included
  Finish finish = Finish::none;
};

struct Timing {
  int64_t tokens = 0; // all sequences together
  double seconds = 0;
};

struct Result {
  std::vector<Sequence> sequences; // by prompt; on rank 0's process only, as are the others
  Timing prefill, decode;
  // Logits of prompt positions, or an encoder's hidden states: [positions, width] for one prompt, [prompts, longest,
  // width] with zeros behind shorter prompts for several. Empty unless asked for.
  std::vector<float> output;
  std::vector<int64_t> outputShape;
};

// Throws Error, which names the prompt, when a package with this manifest cannot run the request.
void checkRequest(const Manifest &manifest, const Request &request);

class Session {
public:
  Session(std::shared_ptr<const Package> package, EngineOptions options);

  // Runs a decoder or, for an encoder, the one pass over the prompts (the output is then its hidden states). Under mpi
  // every process calls it and rank 0's request counts. Throws Error; after a failure of a rank the session is
  // unusable.
  Result generate(const Request &request);

  // Since the last generate(), for every rank; under mpi every process must call it.
  std::vector<RankStats> stats() const { return engine.stats(); }

  const Manifest &manifest() const { return package->manifest(); }
  Engine &ranks() { return engine; }

private:
  Request agreed(const Request &request);
  std::shared_ptr<const Package> package;
  Engine engine;
  bool acrossProcesses;
};

} // namespace tp::rt

#endif
