#include "AddedTokens.h"
#include "Unicode.h"
#include "Utf8.h"

namespace tp::rt {

namespace {
/// Whether a character that words are made of stands at `at`. Here, unlike in patterns, joiners and letters in circles
/// count.
bool isWordAt(std::string_view text, size_t at) {
  static const Regex word(R"([\w\x{200c}\x{200d}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}])");
  return !word.findAll(text.substr(at, utf8::next(text.substr(at)).length)).empty();
}
} // namespace

AddedToken parseAddedToken(const json::Json &node) {
  constexpr std::string_view where = "added_tokens";
  json::needObject(node, where);
  AddedToken token;
  const json::Json *id = json::find(node, "id");
  if (!id)
    json::fail(where, "a token id 'id'", "nothing");
  token.id = json::toId(*id, where);
  token.content = json::getString(node, "content", where);
  token.special = json::getBool(node, "special", where, false);
  token.normalized = json::getBool(node, "normalized", where, !token.special);
  token.leftStrip = json::getBool(node, "lstrip", where, false);
  token.rightStrip = json::getBool(node, "rstrip", where, false);
  token.singleWord = json::getBool(node, "single_word", where, false);
  return token;
}

void AddedTokenFinder::add(const AddedToken &token, std::string_view key) {
  if (key.empty())
    return;
  uint32_t node = 0;
  for (unsigned char byte : key) {
    auto [it, isNew] = children.try_emplace(uint64_t(node) << 8 | byte, static_cast<uint32_t>(tokenAt.size()));
    if (isNew)
      tokenAt.push_back(-1);
    node = it->second;
  }
  tokenAt[node] = static_cast<int32_t>(tokens.size());
  tokens.push_back(token);
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::longestAt(std::string_view text) const {
  std::optional<Match> best;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    auto it = children.find(uint64_t(node) << 8 | static_cast<unsigned char>(text[i]));
    if (it == children.end())
      break;
    node = it->second;
    if (tokenAt[node] >= 0)
      best = Match{i + 1, &tokens[tokenAt[node]]};
  }
  return best;
}

bool AddedTokenFinder::standsAlone(std::string_view text, Range range) const {
  bool before = range.begin > 0 && isWordAt(text, utf8::lastStart(text.substr(0, range.begin)));
  bool after = range.end < text.size() && isWordAt(text, range.end);
  return !before && !after;
}

std::vector<AddedTokenFinder::Part> AddedTokenFinder::split(std::string_view text, bool parseSpecial) const {
  std::vector<Part> parts;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !tokens.empty();) {
    std::optional<Match> match = longestAt(text.substr(at));
    if (!match) {
      ++at;
      continue;
    }
    Range range{at, at + match->length};
    at = range.end;
    const AddedToken &token = *match->token;
    if ((token.special && !parseSpecial) || (token.singleWord && !standsAlone(text, range)))
      continue;
    if (token.leftStrip)
      range.begin -= spacesAtEnd(text.substr(done, range.begin - done));
    if (token.rightStrip)
      range.end += spacesAtStart(text.substr(range.end));
    if (done < range.begin)
      parts.push_back({{done, range.begin}, std::nullopt});
    parts.push_back({range, token.id});
    at = done = range.end;
  }
  if (done < text.size())
    parts.push_back({{done, text.size()}, std::nullopt});
  return parts;
}

} // namespace tp::rt
