#include "Stats.h"

#include <nlohmann/json.hpp>

namespace tp::run {

using Json = nlohmann::ordered_json;

static Json timingJson(const rt::Timing &timing) {
  double perSecond = timing.tokens > 0 && timing.seconds > 0 ? double(timing.tokens) / timing.seconds : 0;
  return {{"tokens", timing.tokens}, {"seconds", timing.seconds}, {"tokens_per_second", perSecond}};
}

std::string statsJson(const rt::Result &result, const std::vector<rt::RankStats> &ranks, double loadSeconds) {
  Json list = Json::array();
  for (const rt::RankStats &rank : ranks) {
    Json collectives = Json::array();
    for (const rt::CollectiveCount &c : rank.collectives)
      collectives.push_back({{"kind", nameOf(c.kind)}, {"count", c.count}, {"bytes", c.bytes}});
    list.push_back({{"rank", rank.rank},
                    {"weight_bytes", rank.weightBytes},
                    {"arena_bytes", rank.arenaBytes},
                    {"peak_rss_bytes", rank.peakRssBytes},
                    {"collectives", collectives}});
  }
  Json json{{"prefill", timingJson(result.prefill)},
            {"decode", timingJson(result.decode)},
            {"load_seconds", loadSeconds},
            {"ranks", list}};
  return json.dump(2) + "\n";
}

} // namespace tp::run
