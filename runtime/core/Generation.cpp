#include "core/Generation.h"

#include <algorithm>
#include <chrono>

namespace tp::rt {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool isRoot(const Worker &worker) { return worker.rank() == 0 && worker.first(); }

const Entry &entryNamed(const Manifest &manifest, const std::string &name) {
  for (const Entry &entry : manifest.entries)
    if (entry.name == name)
      return entry;
  throw Error("the package has no entry '" + name + "'");
}

} // namespace

Generation::Generation(const Manifest &manifest, const Request &request, int localRanks, Result &result)
    : manifest(manifest), request(request), result(result), views(size_t(localRanks)) {
  const size_t batch = size_t(manifest.batch);
  for (const auto &prompt : request.prompts)
    longest = std::max(longest, int64_t(prompt.size()));
  for (RankView &view : views) {
    view.feeds.assign(batch, Feed{0, 0});
    view.position.assign(batch, 0);
    for (size_t slot = 0; slot < batch; ++slot)
      view.position[slot] = int32_t(lengthOf(int64_t(slot)));
  }
  result.sequences.resize(request.prompts.size());
  for (size_t i = 0; i < request.prompts.size(); ++i) {
    samplers.emplace_back(request.sampling, int64_t(i), manifest.model.vocabSize);
    // All that a run can generate: the decode loop allocates nothing.
    result.sequences[i].tokens.reserve(size_t(std::min(request.maxTokens, manifest.maxSeq) + 1));
  }
}

// Slots without a prompt run along with length 0.
int64_t Generation::lengthOf(int64_t slot) const {
  return slot < int64_t(request.prompts.size()) ? int64_t(request.prompts[size_t(slot)].size()) : 0;
}

const Entry &Generation::chunkFor(const Manifest &manifest, const std::string &name, int64_t start, int64_t remaining) {
  const Entry *filled = nullptr, *covering = nullptr;
  for (const Entry &entry : manifest.entries) {
    if (entry.name != name || start + entry.rows > manifest.maxSeq)
      continue;
    if (entry.rows <= remaining && (!filled || entry.rows > filled->rows))
      filled = &entry;
    if (entry.rows >= remaining && (!covering || entry.rows < covering->rows))
      covering = &entry;
  }
  if (covering && (!filled || covering->rows <= 4 * remaining))
    return *covering;
  if (!filled)
    throw Error("the package has no entry '" + name + "' for " + std::to_string(remaining) + " rows at position " +
                std::to_string(start));
  return *filled;
}

const Entry &Generation::encodeFor(const Manifest &manifest, int64_t length) {
  const Entry *best = nullptr;
  for (const Entry &entry : manifest.entries) {
    if (entry.name != "encode")
      continue;
    bool holds = entry.rows >= length, bestHolds = best && best->rows >= length;
    if (!best || (holds && !bestHolds) || (holds == bestHolds && (entry.rows < best->rows) == holds))
      best = &entry;
  }
  return *best; // an encoder has one: checked with the manifest
}

// A decoder goes through the prompt itself; one that has an encoder starts from a token of its own.
void Generation::run(Worker &worker) {
  if (manifest.model.hasEncoder())
    encode(worker);
  if (manifest.model.isEncoder())
    return;
  if (manifest.model.isPair())
    startDecoder(worker);
  else
    prefill(worker);
  decodeSteps(worker);
}

void Generation::startDecoder(Worker &worker) {
  if (!worker.first())
    return;
  RankView &view = viewOf(worker);
  std::fill(view.position.begin(), view.position.end(), 0);
  for (size_t i = 0; i < request.prompts.size() && request.maxTokens > 0; ++i)
    view.feeds[i] = {manifest.decoderStart, 1};
}

std::string Generation::entryName(const char *name) const {
  const std::string token = std::string(name) + (request.sampling.temperature == 0 ? "_token" : "_sample");
  for (const Entry &entry : manifest.entries)
    if (entry.name == token)
      return token;
  return name;
}

void Generation::prefill(Worker &worker) {
  const std::string name = request.wantOutput ? "score" : entryName("prefill");
  if (isRoot(worker) && request.wantOutput)
    shapeOutput(manifest.model.vocabSize);
  auto begin = Clock::now();
  for (int64_t start = 0; start < longest;) {
    const Entry &entry = chunkFor(manifest, name, start, longest - start);
    if (worker.first())
      fillChunk(worker, entry, start);
    worker.barrier();
    worker.call(entry);
    worker.barrier();
    if (isRoot(worker))
      harvestChunk(worker, entry, start);
    start += entry.rows;
  }
  if (!isRoot(worker))
    return;
  result.prefill.seconds = secondsSince(begin);
  for (const auto &prompt : request.prompts)
    result.prefill.tokens += int64_t(prompt.size());
}

void Generation::fillChunk(Worker &worker, const Entry &entry, int64_t start) {
  int32_t *tokens = worker.data<int32_t>(*entry.input("tokens"));
  int32_t *position = worker.data<int32_t>(*entry.input("position"));
  const Tensor *lastTensor = entry.input("last");
  fillPositions(worker, entry, [start](size_t) { return start; });
  fillSampling(worker, entry, [](size_t) { return 0; });
  for (int64_t slot = 0; slot < manifest.batch; ++slot) {
    int64_t real = std::clamp<int64_t>(lengthOf(slot) - start, 0, entry.rows);
    int32_t *row = tokens + slot * entry.rows;
    if (real > 0)
      std::copy_n(request.prompts[size_t(slot)].begin() + start, real, row);
    std::fill(row + real, row + entry.rows, 0);
    position[slot] = int32_t(start);
    if (lastTensor)
      worker.data<int32_t>(*lastTensor)[slot] = int32_t(std::max<int64_t>(real - 1, 0));
  }
}

// The position of each row, for models that look it up.
void Generation::fillPositions(Worker &worker, const Entry &entry, const std::function<int64_t(size_t)> &first) {
  const Tensor *tensor = entry.input("positions");
  if (!tensor)
    return;
  int32_t *positions = worker.data<int32_t>(*tensor);
  for (size_t slot = 0; slot < size_t(manifest.batch); ++slot)
    for (int64_t row = 0; row < entry.rows; ++row)
      *positions++ = int32_t(first(slot) + row);
}

// What the package draws each sequence's token number step(slot) with.
void Generation::fillSampling(Worker &worker, const Entry &entry, const std::function<int64_t(size_t)> &step) {
  const Tensor *tensor = entry.input("sampling");
  if (!tensor)
    return;
  for (size_t slot = 0; slot < samplers.size(); ++slot)
    std::ranges::copy(samplers[slot].settings(step(slot)), worker.data<int32_t>(*tensor) + 4 * slot);
}

// Takes the first token of the sequences whose prompt ends in this chunk.
void Generation::harvestChunk(Worker &worker, const Entry &entry, int64_t start) {
  if (request.wantOutput)
    keepOutput(worker, *entry.output("logits"), entry, start);
  if (request.maxTokens == 0)
    return;
  for (int64_t i = 0; i < int64_t(request.prompts.size()); ++i) {
    int64_t last = lengthOf(i) - 1 - start;
    if (last < 0 || last >= entry.rows)
      continue;
    choose(worker, entry, i, request.wantOutput ? i * entry.rows + last : i);
  }
}

void Generation::shapeOutput(int64_t width) {
  result.outputShape = {longest, width};
  if (request.prompts.size() > 1)
    result.outputShape.insert(result.outputShape.begin(), int64_t(request.prompts.size()));
  result.output.assign(request.prompts.size() * size_t(longest * width), 0.0f);
}

// `tensor` is [batch, rows, width]; the rows of real tokens are kept.
void Generation::keepOutput(Worker &worker, const Tensor &tensor, const Entry &entry, int64_t start) {
  const int64_t width = tensor.shape[2];
  const float *values = worker.data<float>(tensor);
  for (int64_t i = 0; i < int64_t(request.prompts.size()); ++i) {
    int64_t real = std::clamp<int64_t>(lengthOf(i) - start, 0, entry.rows);
    std::copy_n(values + i * entry.rows * width, real * width, result.output.begin() + (i * longest + start) * width);
  }
}

// Takes the sequence's token, or chooses it from its row of the logits.
void Generation::choose(Worker &worker, const Entry &entry, int64_t sequence, int64_t row) {
  const int64_t vocab = manifest.model.vocabSize;
  if (const Tensor *token = entry.output("token")) {
    const int32_t chosen = worker.data<int32_t>(*token)[sequence];
    if (chosen < 0 || chosen >= vocab)
      throw Error("the package chose token " + std::to_string(chosen) + ": no logit is finite");
    return accept(worker, sequence, chosen);
  }
  const float *logits = worker.data<float>(*entry.output("logits")) + row * vocab;
  const int64_t step = int64_t(result.sequences[size_t(sequence)].tokens.size());
  accept(worker, sequence, samplers[size_t(sequence)].choose({logits, size_t(vocab)}, step));
}

void Generation::accept(Worker &worker, int64_t sequence, int32_t token) {
  Sequence &out = result.sequences[size_t(sequence)];
  out.tokens.push_back(token);
  bool go = true;
  if (request.onToken) {
    worker.comm().setHostBusy(true);
    go = request.onToken(sequence, token);
    worker.comm().setHostBusy(false);
  }
  out.finish = finishOf(sequence, token, !go);
  viewOf(worker).feeds[size_t(sequence)] = {token, out.finish == Finish::none};
}

Finish Generation::finishOf(int64_t sequence, int32_t token, bool stopped) const {
  const auto count = int64_t(result.sequences[size_t(sequence)].tokens.size());
  if (!request.ignoreEos && std::find(manifest.eos.begin(), manifest.eos.end(), token) != manifest.eos.end())
    return Finish::eos;
  if (count >= request.maxTokens)
    return Finish::length;
  // The token would be fed at this position, and the cache has no room for it.
  if (startOf(sequence) + count - 1 >= manifest.maxSeq)
    return Finish::maxSeq;
  return stopped ? Finish::stopped : Finish::none;
}

void Generation::decodeSteps(Worker &worker) {
  const Entry &entry = entryNamed(manifest, entryName("decode"));
  auto begin = Clock::now();
  while (agreeOnFeeds(worker)) {
    worker.call(entry);
    worker.barrier();
    if (!isRoot(worker))
      continue;
    for (size_t i = 0; i < request.prompts.size(); ++i)
      if (viewOf(worker).feeds[i].live) {
        ++result.decode.tokens;
        choose(worker, entry, int64_t(i), int64_t(i));
      }
  }
  if (isRoot(worker))
    result.decode.seconds = secondsSince(begin);
}

// Brings rank 0's decisions to every thread of every rank, with the inputs of the next step in place. False: all is
// done.
bool Generation::agreeOnFeeds(Worker &worker) {
  RankView &view = viewOf(worker);
  if (worker.first()) {
    if (request.maxTokens > 0)
      worker.comm().broadcast(view.feeds.data(), int64_t(view.feeds.size() * sizeof(Feed)), 0);
    view.more = std::any_of(view.feeds.begin(), view.feeds.end(), [](const Feed &feed) { return feed.live; });
    if (view.more)
      fillStep(worker, entryNamed(manifest, entryName("decode")));
  }
  worker.barrier();
  return view.more;
}

void Generation::fillStep(Worker &worker, const Entry &entry) {
  RankView &view = viewOf(worker);
  if (const Tensor *lengths = entry.input("length"))
    for (int64_t slot = 0; slot < manifest.batch; ++slot)
      worker.data<int32_t>(*lengths)[slot] = int32_t(lengthOf(slot));
  int32_t *tokens = worker.data<int32_t>(*entry.input("tokens"));
  int32_t *position = worker.data<int32_t>(*entry.input("position"));
  auto next = [&](size_t slot) { return std::min<int64_t>(view.position[slot], manifest.maxSeq - 1); };
  fillPositions(worker, entry, next);
  fillSampling(worker, entry, [&](size_t slot) { return view.position[slot] - startOf(int64_t(slot)) + 1; });
  for (size_t slot = 0; slot < view.feeds.size(); ++slot) {
    // A finished sequence runs along: it writes behind its own end, where nobody reads.
    tokens[slot] = view.feeds[slot].token;
    position[slot] = int32_t(next(slot));
    if (view.feeds[slot].live)
      ++view.position[slot];
  }
}

void Generation::fillEncoder(Worker &worker, const Entry &entry) {
  auto fill = [&](const std::vector<std::vector<int32_t>> &lists, const Tensor &tensor) {
    int32_t *row = worker.data<int32_t>(tensor);
    for (size_t slot = 0; slot < size_t(manifest.batch); ++slot, row += entry.rows) {
      std::fill_n(row, entry.rows, 0);
      if (slot < lists.size())
        std::copy(lists[slot].begin(), lists[slot].end(), row);
    }
  };
  fill(request.prompts, *entry.input("tokens"));
  if (const Tensor *types = entry.input("token_types"))
    fill(request.tokenTypes, *types);
  fillPositions(worker, entry, [](size_t) { return 0; });
  if (const Tensor *lengths = entry.input("length"))
    for (int64_t slot = 0; slot < manifest.batch; ++slot)
      worker.data<int32_t>(*lengths)[slot] = int32_t(lengthOf(slot));
}

void Generation::encode(Worker &worker) {
  const Entry &entry = encodeFor(manifest, longest);
  const Tensor &hidden = *entry.output("hidden");
  auto begin = Clock::now();
  if (worker.first())
    fillEncoder(worker, entry);
  worker.barrier();
  worker.call(entry);
  worker.barrier();
  if (!isRoot(worker))
    return;
  if (request.wantOutput || manifest.model.isEncoder()) {
    shapeOutput(hidden.shape[2]);
    keepOutput(worker, hidden, entry, 0);
  }
  result.prefill.seconds = secondsSince(begin);
  for (const auto &prompt : request.prompts)
    result.prefill.tokens += int64_t(prompt.size());
}

} // namespace tp::rt
