#include "tp_runtime.h"

#include "comm/Transport.h"
#include "core/Prompts.h"
#include "core/Session.h"

#include <algorithm>
#include <cstring>
#include <span>

using namespace tp::rt;

struct tp_package {
  std::shared_ptr<const Package> package;
  std::optional<TextCodec> codec;
};

struct tp_session {
  std::unique_ptr<Session> session;
  Result result;
};

namespace {

thread_local std::string lastError;

// Runs `body`; an exception becomes the last error and `failure` is returned: none may pass the C interface.
template <typename T, typename Body> T guarded(T failure, Body body) noexcept {
  try {
    return body();
  } catch (const std::exception &e) {
    try {
      lastError = e.what();
    } catch (...) {
      lastError.clear();
    }
  } catch (...) {
    lastError.clear();
  }
  return failure;
}

template <typename T> int64_t give(const T &values, typename T::value_type *out, int64_t capacity) {
  std::copy_n(values.begin(), std::min<int64_t>(int64_t(values.size()), std::max<int64_t>(capacity, 0)), out);
  return int64_t(values.size());
}

const TextCodec &codecOf(const tp_package *package) {
  if (!package->codec)
    throw Error("the package has no tokenizer");
  return *package->codec;
}

Request requestOf(const tp_request &from) {
  Request request;
  for (const tp_prompt &prompt : std::span(from.prompts, size_t(from.prompt_count))) {
    request.prompts.emplace_back(prompt.tokens, prompt.tokens + prompt.count);
    auto &types = request.tokenTypes.emplace_back();
    if (prompt.token_types)
      types.assign(prompt.token_types, prompt.token_types + prompt.count);
  }
  request.maxTokens = from.max_tokens;
  request.ignoreEos = from.ignore_eos != 0;
  request.wantOutput = from.want_output != 0;
  request.sampling = {from.temperature, from.top_k, from.top_p, from.seed};
  if (from.on_token)
    request.onToken = [call = from.on_token, user = from.user](int64_t sequence, int32_t token) {
      return call(user, sequence, token) != 0;
    };
  return request;
}

} // namespace

const char *tp_last_error(void) { return lastError.c_str(); }

tp_package *tp_package_open(const char *folder) {
  return guarded<tp_package *>(nullptr, [&] {
    auto opened = std::make_unique<tp_package>();
    opened->package = std::make_shared<const Package>(folder);
    if (opened->package->manifest().tokenizer)
      opened->codec.emplace(*opened->package);
    return opened.release();
  });
}

void tp_package_close(tp_package *package) { delete package; }

void tp_package_describe(const tp_package *package, tp_package_info *info) {
  const Manifest &m = package->package->manifest();
  *info = {m.ranks,       m.batch,      m.maxSeq,     m.model.vocabSize,   m.model.hiddenSize,        m.model.layers,
           m.weightBytes, m.stateBytes, m.arenaBytes, m.model.isEncoder(), package->codec.has_value()};
}

int64_t tp_tokenize(const tp_package *package, const char *text, int32_t *tokens, int64_t capacity) {
  return guarded<int64_t>(-1, [&] { return give(codecOf(package).encode(text), tokens, capacity); });
}

int64_t tp_tokenize_chat(const tp_package *package, const char *message, int32_t *tokens, int64_t capacity) {
  return guarded<int64_t>(-1, [&] { return give(codecOf(package).encodeChat(message), tokens, capacity); });
}

int64_t tp_detokenize(const tp_package *package, const int32_t *tokens, int64_t count, char *text, int64_t capacity) {
  return guarded<int64_t>(
      -1, [&] { return give(codecOf(package).tokenizer().decode({tokens, size_t(count)}, true), text, capacity); });
}

tp_session *tp_session_open(const tp_package *package, int32_t threads) {
  return guarded<tp_session *>(nullptr, [&] {
    if (threads < 0)
      throw Error("expected a number of threads of 0 or more, found " + std::to_string(threads));
    EngineOptions options{threads, startedByLauncher() ? &openTransport() : nullptr};
    auto session = std::make_unique<tp_session>();
    session->session = std::make_unique<Session>(package->package, options);
    return session.release();
  });
}

void tp_session_close(tp_session *session) { delete session; }

void tp_request_init(tp_request *request) {
  std::memset(request, 0, sizeof(*request));
  request->max_tokens = 128;
  request->top_p = 1;
}

int32_t tp_generate(tp_session *session, const tp_request *request) {
  return guarded<int32_t>(0, [&] {
    session->result = {};
    session->result = session->session->generate(requestOf(*request));
    return 1;
  });
}

const int32_t *tp_result_tokens(const tp_session *session, int64_t sequence, int64_t *count) {
  const auto &all = session->result.sequences;
  if (sequence < 0 || sequence >= int64_t(all.size())) {
    *count = 0;
    return nullptr;
  }
  *count = int64_t(all[size_t(sequence)].tokens.size());
  return all[size_t(sequence)].tokens.data();
}

const char *tp_result_finish(const tp_session *session, int64_t sequence) {
  const auto &all = session->result.sequences;
  return nameOf(sequence < 0 || sequence >= int64_t(all.size()) ? Finish::none : all[size_t(sequence)].finish);
}

const float *tp_result_output(const tp_session *session, int64_t shape[3], int32_t *rank) {
  const Result &result = session->result;
  *rank = int32_t(result.outputShape.size());
  std::copy(result.outputShape.begin(), result.outputShape.end(), shape);
  return result.output.empty() ? nullptr : result.output.data();
}

void tp_result_timing(const tp_session *session, tp_timing *timing) {
  const Result &r = session->result;
  *timing = {r.prefill.tokens, r.decode.tokens, r.prefill.seconds, r.decode.seconds};
}
