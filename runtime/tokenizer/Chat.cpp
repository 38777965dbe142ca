#include "Chat.h"
#include "Unicode.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tp::rt {

namespace {
using Messages = std::span<const ChatMessage>;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string trim(std::string_view text) {
  text.remove_prefix(spacesAtStart(text));
  text.remove_suffix(spacesAtEnd(text));
  return std::string(text);
}

/// Reads on from `at`, just after an opening `quote`, to the closing one; nothing when the template ends before it.
std::optional<std::string> readLiteral(std::string_view text, size_t at, char quote) {
  std::string out;
  for (; at < text.size() && text[at] != quote; ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    char c = text[++at];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }
  return at < text.size() ? std::optional(out) : std::nullopt;
}

/// The string literals of the template that have `marker` in them, unescaped.
std::vector<std::string> literalsWith(std::string_view text, std::string_view marker) {
  std::vector<std::string> found;
  for (size_t at = 0; (at = text.find(marker, at)) != std::string_view::npos; at += marker.size()) {
    size_t open = text.find_last_of("'\"", at);
    if (open == std::string_view::npos)
      continue;
    if (std::optional<std::string> literal = readLiteral(text, open + 1, text[open]); literal && has(*literal, marker))
      found.push_back(*literal);
  }
  return found;
}

/// The expressions {{ ... }} that name all of `parts`.
std::vector<std::string> expressionsWith(std::string_view text, std::span<const std::string_view> parts) {
  std::vector<std::string> found;
  for (size_t at = 0; (at = text.find("{{", at)) != std::string_view::npos; at += 2) {
    size_t end = text.find("}}", at);
    if (end == std::string_view::npos)
      break;
    std::string_view inside = text.substr(at + 2, end - at - 2);
    bool all = true;
    for (std::string_view part : parts)
      all = all && has(inside, part);
    if (all)
      found.push_back(trim(inside.substr(inside.starts_with('-') ? 1 : 0)));
  }
  return found;
}

void checkMessages(Messages messages) {
  bool fromUser = true;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string &role = messages[i].role;
    if (i == 0 && role == "system")
      continue;
    if (role != (fromUser ? "user" : "assistant"))
      throw std::runtime_error("chat: expected a message from the " + std::string(fromUser ? "user" : "assistant") +
                               ", found one from '" + role + "'");
    fromUser = !fromUser;
  }
  if (fromUser)
    throw std::runtime_error("chat: expected the last message from the user, found " +
                             (messages.empty() ? std::string("none") : "'" + messages.back().role + "'"));
}

/// The messages without the system message, and that message's content.
struct Conversation {
  std::optional<std::string> system;
  Messages turns;
};

Conversation splitSystem(Messages messages) {
  if (messages.front().role != "system")
    return {std::nullopt, messages};
  return {messages.front().content, messages.subspan(1)};
}

[[noreturn]] void refuseSystem() { throw std::runtime_error("chat: this template takes no system message"); }

std::string bosOf(std::string_view templateText, const ChatTokens &tokens) {
  return has(templateText, "bos_token") ? tokens.bos : "";
}

//===--- ChatML: <|im_start|>role\n...<|im_end|>\n ---===//

std::optional<std::string> defaultSystem(std::string_view templateText) {
  constexpr std::string_view kOpen = "<|im_start|>system\n", kClose = "<|im_end|>";
  for (const std::string &literal : literalsWith(templateText, "<|im_start|>system")) {
    size_t begin = literal.find(kOpen);
    size_t end = begin == std::string::npos ? begin : literal.find(kClose, begin);
    if (end != std::string::npos)
      return literal.substr(begin + kOpen.size(), end - begin - kOpen.size());
  }
  return std::nullopt;
}

std::string renderChatMl(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  bool trims = has(templateText, "| trim") || has(templateText, "|trim");
  std::string out = bosOf(templateText, tokens);
  auto add = [&](const std::string &role, const std::string &content) {
    out += "<|im_start|>" + role + "\n" + (trims ? trim(content) : content) + "<|im_end|>\n";
  };
  std::optional<std::string> system = defaultSystem(templateText);
  if (system && messages.front().role != "system")
    out += "<|im_start|>system\n" + *system + "<|im_end|>\n";
  for (const ChatMessage &message : messages)
    add(message.role, message.content);
  return out + "<|im_start|>assistant\n";
}

//===--- Llama 2: bos [INST] <<SYS>>...<</SYS>> ... [/INST] answer eos ---===//

std::string renderLlama2(std::string_view, const ChatTokens &tokens, Messages messages) {
  auto [system, turns] = splitSystem(messages);
  std::string out;
  for (size_t i = 0; i < turns.size(); ++i) {
    std::string content = turns[i].content;
    if (i == 0 && system)
      content = "<<SYS>>\n" + *system + "\n<</SYS>>\n\n" + content;
    if (turns[i].role == "user")
      out += tokens.bos + "[INST] " + trim(content) + " [/INST]";
    else
      out += " " + trim(content) + " " + tokens.eos;
  }
  return out;
}

//===--- Llama 3: <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|> ---===//

/// The lines on dates that Llama 3.1 and later put before the system message. The date is the one that the template
/// falls back to, so that a prompt does not depend on the day.
std::string llama3Dates(std::string_view templateText) {
  std::vector<std::string> knowledge = literalsWith(templateText, "Cutting Knowledge Date:");
  if (knowledge.empty())
    return "";
  std::string date = "26 Jul 2024";
  constexpr std::string_view kSet = "set date_string = ";
  for (size_t at = 0; (at = templateText.find(kSet, at)) != std::string_view::npos; at += kSet.size()) {
    size_t quote = at + kSet.size();
    if (quote < templateText.size() && (templateText[quote] == '"' || templateText[quote] == '\''))
      date = readLiteral(templateText, quote + 1, templateText[quote]).value_or(date);
  }
  return knowledge.front() + "Today Date: " + date + "\n\n";
}

std::string renderLlama3(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  constexpr std::string_view kBegin = "<|begin_of_text|>";
  std::string out = has(templateText, kBegin) ? std::string(kBegin) : bosOf(templateText, tokens);
  auto header = [](std::string_view role) {
    return "<|start_header_id|>" + std::string(role) + "<|end_header_id|>\n\n";
  };
  auto [system, turns] = splitSystem(messages);
  std::string dates = llama3Dates(templateText);
  if (system || !dates.empty())
    out += header("system") + dates + trim(system.value_or("")) + "<|eot_id|>";
  for (const ChatMessage &message : turns)
    out += header(message.role) + trim(message.content) + "<|eot_id|>";
  return out + header("assistant");
}

//===--- Mistral: bos [INST] ... [/INST] answer eos ---===//

/// What the versions of the template do differently.
struct MistralStyle {
  std::string open = "[INST] ", close = " [/INST]";
  std::string beforeAnswer, afterAnswer;
  bool trimsAnswer = false, takesSystem = false, systemIsLast = false;
};

MistralStyle mistralStyle(std::string_view templateText) {
  MistralStyle style;
  if (auto found = literalsWith(templateText, "[INST]"); !found.empty())
    style.open = found.front();
  if (auto found = literalsWith(templateText, "[/INST]"); !found.empty())
    style.close = found.front();
  constexpr std::array<std::string_view, 2> kAnswer = {"content", "eos_token"};
  if (auto found = expressionsWith(templateText, kAnswer); !found.empty()) {
    std::string_view answer = found.front();
    auto quoteAt = [&](size_t at) { return at < answer.size() && (answer[at] == '\'' || answer[at] == '"'); };
    if (quoteAt(0))
      style.beforeAnswer = readLiteral(answer, 1, answer[0]).value_or("");
    size_t after = answer.find_first_of("'\"", answer.find("eos_token"));
    if (quoteAt(after))
      style.afterAnswer = readLiteral(answer, after + 1, answer[after]).value_or("");
    style.trimsAnswer = has(answer, "trim");
  }
  style.takesSystem = has(templateText, "system");
  style.systemIsLast = has(templateText, "loop.last");
  return style;
}

std::string renderMistral(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  MistralStyle style = mistralStyle(templateText);
  auto [system, turns] = splitSystem(messages);
  if (system && !style.takesSystem)
    refuseSystem();
  std::string out = bosOf(templateText, tokens);
  for (size_t i = 0; i < turns.size(); ++i) {
    const std::string &content = turns[i].content;
    bool carriesSystem = system && i == (style.systemIsLast ? turns.size() - 1 : 0);
    if (turns[i].role == "user")
      out += style.open + (carriesSystem ? *system + "\n\n" : "") + content + style.close;
    else
      out += style.beforeAnswer + (style.trimsAnswer ? trim(content) : content) + tokens.eos + style.afterAnswer;
  }
  return out;
}

//===--- Gemma: bos <start_of_turn>role\n...<end_of_turn>\n ---===//

std::string renderGemma(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  auto [system, turns] = splitSystem(messages);
  if (system && has(templateText, "System role not supported"))
    refuseSystem();
  std::string out = bosOf(templateText, tokens);
  for (size_t i = 0; i < turns.size(); ++i) {
    out += "<start_of_turn>" + std::string(turns[i].role == "user" ? "user" : "model") + "\n";
    out += (i == 0 && system ? *system + "\n\n" : "") + trim(turns[i].content) + "<end_of_turn>\n";
  }
  return out + "<start_of_turn>model\n";
}

//===--- Phi: <|role|>\n...<|end|>\n, and Phi 4: <|im_start|>role<|im_sep|>...<|im_end|> ---===//

/// Whether the template writes a line break after a marker: in one literal, in the next, or behind the expression.
bool breaksAfter(std::string_view text, std::string_view marker) {
  for (size_t at = 0; (at = text.find(marker, at)) != std::string_view::npos;) {
    at += marker.size();
    std::string_view rest = text.substr(at);
    size_t skipped = rest.find_first_not_of("'\"+ })");
    rest.remove_prefix(skipped == std::string_view::npos ? rest.size() : skipped);
    if (!rest.starts_with("\\n") && !rest.starts_with("\n"))
      continue;
    // A tag may eat the break before it.
    rest.remove_prefix(rest.find_first_not_of("\n ") == std::string_view::npos ? rest.size()
                                                                               : rest.find_first_not_of("\n "));
    if (!rest.starts_with("{%-") && !rest.starts_with("{{-"))
      return true;
  }
  return false;
}

std::string renderPhi4(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  std::string out = bosOf(templateText, tokens);
  for (const ChatMessage &message : messages)
    out += "<|im_start|>" + message.role + "<|im_sep|>" + message.content + "<|im_end|>";
  return out + "<|im_start|>assistant<|im_sep|>";
}

std::string renderPhi(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  if (has(templateText, "<|im_sep|>"))
    return renderPhi4(templateText, tokens, messages);
  std::string afterRole = breaksAfter(templateText, "<|assistant|>") ? "\n" : "";
  std::string afterEnd = breaksAfter(templateText, "<|end|>") ? "\n" : "";
  // A template that names no role writes any role.
  bool namesRoles = has(templateText, "'user'") || has(templateText, "\"user\"");
  bool takesSystem = !namesRoles || has(templateText, "system");
  std::string out = bosOf(templateText, tokens);
  for (const ChatMessage &message : messages) {
    if (message.role == "system" && !takesSystem)
      refuseSystem();
    out += "<|" + message.role + "|>" + afterRole + message.content + "<|end|>" + afterEnd;
  }
  return out + "<|assistant|>" + afterRole;
}

//===--- Zephyr: <|role|>\n...eos\n ---===//

std::string renderZephyr(std::string_view templateText, const ChatTokens &tokens, Messages messages) {
  constexpr std::string_view kAnswer = "<|assistant|>";
  std::string afterRole = breaksAfter(templateText, "<|user|>") ? "\n" : "";
  std::string afterEnd = breaksAfter(templateText, "eos_token") ? "\n" : "";
  std::string out = bosOf(templateText, tokens);
  for (const ChatMessage &message : messages) {
    if (message.role == "system" && !has(templateText, "system"))
      refuseSystem();
    out += "<|" + message.role + "|>" + afterRole + message.content + tokens.eos + afterEnd;
  }
  bool breaks = breaksAfter(templateText.substr(std::min(templateText.rfind(kAnswer), templateText.size())), kAnswer);
  return out + std::string(kAnswer) + (breaks ? "\n" : "");
}
} // namespace

std::optional<ChatFamily> recogniseChat(std::string_view text) {
  if (has(text, "<|im_start|>") && has(text, "<|im_end|>"))
    return has(text, "<|im_sep|>") ? ChatFamily::Phi : ChatFamily::ChatML;
  if (has(text, "<|start_header_id|>") && has(text, "<|eot_id|>"))
    return ChatFamily::Llama3;
  if (has(text, "<start_of_turn>") && has(text, "<end_of_turn>"))
    return ChatFamily::Gemma;
  if (has(text, "<|assistant|>") && has(text, "<|end|>"))
    return ChatFamily::Phi;
  if (has(text, "<|user|>") && has(text, "<|assistant|>") && has(text, "eos_token"))
    return ChatFamily::Zephyr;
  if (has(text, "[INST]") && has(text, "<<SYS>>"))
    return ChatFamily::Llama2;
  if (has(text, "[INST]") && !has(text, "[SYSTEM_PROMPT]"))
    return ChatFamily::Mistral;
  return std::nullopt;
}

std::string_view chatFamilyName(ChatFamily family) {
  constexpr std::array<std::string_view, 7> kNames = {"ChatML", "Llama 2", "Llama 3", "Mistral",
                                                      "Gemma",  "Phi",     "Zephyr"};
  return kNames[static_cast<size_t>(family)];
}

std::string chatFamilyNames() {
  std::string names;
  for (ChatFamily family : {ChatFamily::ChatML, ChatFamily::Llama2, ChatFamily::Llama3, ChatFamily::Mistral,
                            ChatFamily::Gemma, ChatFamily::Phi, ChatFamily::Zephyr})
    names += (names.empty() ? "" : ", ") + std::string(chatFamilyName(family));
  return names;
}

std::string renderChat(ChatFamily family, std::string_view templateText, const ChatTokens &tokens,
                       std::span<const ChatMessage> messages) {
  checkMessages(messages);
  switch (family) {
  case ChatFamily::ChatML:
    return renderChatMl(templateText, tokens, messages);
  case ChatFamily::Llama2:
    return renderLlama2(templateText, tokens, messages);
  case ChatFamily::Llama3:
    return renderLlama3(templateText, tokens, messages);
  case ChatFamily::Mistral:
    return renderMistral(templateText, tokens, messages);
  case ChatFamily::Gemma:
    return renderGemma(templateText, tokens, messages);
  case ChatFamily::Phi:
    return renderPhi(templateText, tokens, messages);
  case ChatFamily::Zephyr:
    return renderZephyr(templateText, tokens, messages);
  }
  throw std::runtime_error("chat: unknown family");
}

} // namespace tp::rt
