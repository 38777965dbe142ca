// The file that --stats writes.
#ifndef TP_RUN_STATS_H
#define TP_RUN_STATS_H

#include "core/Session.h"

namespace tp::run {

// {"prefill": {"tokens", "seconds", "tokens_per_second"}, "decode": {...}, "load_seconds", "ranks": [...]}; bytes and
// seconds.
std::string statsJson(const rt::Result &result, const std::vector<rt::RankStats> &ranks, double loadSeconds);

} // namespace tp::run

#endif
