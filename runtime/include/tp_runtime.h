// The runtime's C interface: open a package, run it, read tokens and logits. libtp_runtime.so provides it and needs
// libc alone (and PCRE2 for the tokenizer).
//
// Functions that can fail return 0 (or a null pointer, or a negative number, as each says); tp_last_error() then says
// why. Ranks are threads of the calling process; under mpirun each process is a rank, and every process makes the same
// calls. Handles are not to be used from two threads at once; different handles may.
#ifndef TP_RUNTIME_H
#define TP_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TP_API __attribute__((visibility("default")))
#else
#define TP_API
#endif

typedef struct tp_package tp_package;
typedef struct tp_session tp_session;

// Why the last call of this thread failed: one line, lowercase. Never null; valid until the thread's next call.
TP_API const char *tp_last_error(void);

// ---- packages ----

// Opens a package folder and checks it: manifest, CPU features, files, code. Null on failure.
TP_API tp_package *tp_package_open(const char *folder);
// Sessions of the package may live on.
TP_API void tp_package_close(tp_package *package);

typedef struct tp_package_info {
  int64_t ranks, batch, max_seq, vocab_size, hidden_size, layers;
  int64_t weight_bytes, state_bytes, arena_bytes; // of each rank
  int32_t is_encoder, has_tokenizer;
} tp_package_info;
TP_API void tp_package_describe(const tp_package *package, tp_package_info *info);

// Token ids of UTF-8 text, with what the tokenizer puts around a text (bos). Returns their number, of which the first
// `capacity` are written; -1 on failure (the package has no tokenizer).
TP_API int64_t tp_tokenize(const tp_package *package, const char *text, int32_t *tokens, int64_t capacity);
// The same for one user message in the chat template of the checkpoint; -1 also when the template is of no known
// family.
TP_API int64_t tp_tokenize_chat(const tp_package *package, const char *message, int32_t *tokens, int64_t capacity);
// UTF-8 text of tokens, special ones left out, without a terminating zero. Returns its bytes, of which the first
// `capacity` are written; -1 on failure.
TP_API int64_t tp_detokenize(const tp_package *package, const int32_t *tokens, int64_t count, char *text,
                             int64_t capacity);

// ---- sessions ----

// Maps weights, allocates memory, starts the ranks. `threads` per rank, 0: hardware threads / ranks. Null on failure.
TP_API tp_session *tp_session_open(const tp_package *package, int32_t threads);
TP_API void tp_session_close(tp_session *session);

typedef struct tp_prompt {
  const int32_t *tokens;
  int64_t count;
  const int32_t *token_types; // of the tokens, for models that have them; null: all 0
} tp_prompt;

// Called for each generated token, one call at a time, from a thread of the runtime while tp_generate waits.
// `sequence`: index of the prompt. Returns 0 to end the run after this step, anything else to go on.
typedef int32_t (*tp_token_callback)(void *user, int64_t sequence, int32_t token);

typedef struct tp_request {
  const tp_prompt *prompts; // 1 to batch of them
  int64_t prompt_count;
  int64_t max_tokens; // per prompt; 0: only the prompts are run
  int32_t ignore_eos;
  int32_t want_output; // keep logits of every prompt position (an encoder's hidden states are always kept)
  double temperature;  // 0: greedy
  int64_t top_k;       // 0: all
  double top_p;        // 1: all
  uint64_t seed;
  tp_token_callback on_token; // may be null
  void *user;
} tp_request;

// A request for greedy generation of 128 tokens; prompts are for the caller to set.
TP_API void tp_request_init(tp_request *request);

// Runs the request. 1 on success, 0 on failure. After a rank has failed the session only closes.
TP_API int32_t tp_generate(tp_session *session, const tp_request *request);

// Results of the last tp_generate; pointers are valid until the next one or the close. Under mpirun only rank 0 has
// them. Tokens of a sequence: `*count` of them.
TP_API const int32_t *tp_result_tokens(const tp_session *session, int64_t sequence, int64_t *count);
// "eos", "length", "max_seq" or "stopped" ("none" when no tokens were asked for).
TP_API const char *tp_result_finish(const tp_session *session, int64_t sequence);
// Logits of prompt positions or hidden states, float32 in C order: shape [positions, width] for one prompt, [prompts,
// longest, width] for several. Writes up to three sizes to `shape`, returns the data, or null when there is none;
// `*rank` is 2 or 3.
TP_API const float *tp_result_output(const tp_session *session, int64_t shape[3], int32_t *rank);

typedef struct tp_timing {
  int64_t prefill_tokens, decode_tokens;
  double prefill_seconds, decode_seconds;
} tp_timing;
TP_API void tp_result_timing(const tp_session *session, tp_timing *timing);

#ifdef __cplusplus
}
#endif

#endif
