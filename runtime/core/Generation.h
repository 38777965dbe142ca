// One generate() call: the loop that every thread of every rank runs. Inside of Session.
#ifndef TP_RT_GENERATION_H
#define TP_RT_GENERATION_H

#include "core/Session.h"

namespace tp::rt {

class Generation {
public:
  // `result` is filled by rank 0's first thread.
  Generation(const Manifest &manifest, const Request &request, int localRanks, Result &result);

  void run(Worker &worker);

  // The entry for the next chunk, at position `start` with `remaining` rows to go: the smallest that holds them when at
  // least a quarter of it is filled (or nothing smaller is there), else the largest that they fill. Padding is not
  // computed, but it travels in collectives.
  static const Entry &chunkFor(const Manifest &manifest, const std::string &name, int64_t start, int64_t remaining);
  // The smallest that holds `length` rows, else the largest.
  static const Entry &encodeFor(const Manifest &manifest, int64_t length);

private:
  // What rank 0 decides after each step, and all ranks learn: per sequence, the token to feed and whether to go on.
  struct Feed {
    int32_t token, live;
  };
  // Written by the rank's first thread, read by its others after a barrier.
  struct alignas(128) RankView {
    std::vector<Feed> feeds;       // by batch slot
    std::vector<int32_t> position; // where the next token goes
    bool more = false;
  };

  void encode(Worker &worker);
  void startDecoder(Worker &worker);
  // A package may choose itself, and then returns tokens instead of logits.
  std::string entryName(const char *name) const;
  void prefill(Worker &worker);
  void fillChunk(Worker &worker, const Entry &entry, int64_t start);
  void fillPositions(Worker &worker, const Entry &entry, const std::function<int64_t(size_t slot)> &first);
  void fillSampling(Worker &worker, const Entry &entry, const std::function<int64_t(size_t slot)> &step);
  void fillEncoder(Worker &worker, const Entry &entry);
  void harvestChunk(Worker &worker, const Entry &entry, int64_t start);
  void keepOutput(Worker &worker, const Tensor &tensor, const Entry &entry, int64_t start);
  void decodeSteps(Worker &worker);
  bool agreeOnFeeds(Worker &worker);
  void fillStep(Worker &worker, const Entry &entry);
  void choose(Worker &worker, const Entry &entry, int64_t sequence, int64_t row);
  void accept(Worker &worker, int64_t sequence, int32_t token);
  Finish finishOf(int64_t sequence, int32_t token, bool stopped) const;
  void shapeOutput(int64_t width);
  RankView &viewOf(const Worker &worker) { return views[size_t(worker.localRank)]; }
  int64_t lengthOf(int64_t slot) const;
  // Positions of the decoder's cache before the first generated token.
  int64_t startOf(int64_t slot) const { return manifest.model.isPair() ? 1 : lengthOf(slot); }

  const Manifest &manifest;
  const Request &request;
  Result &result;
  int64_t longest = 0;
  std::vector<RankView> views;
  std::vector<Sampler> samplers; // by prompt
};

} // namespace tp::rt

#endif
