//===- Chat.h - prompts for models that were trained on conversations ---------------===//
//
// A checkpoint carries its chat template as a Jinja program. It is not run here: the family it belongs to is recognised
// by the markers in it, the details in which members of a family differ (a default system message, spaces around
// [INST], the date of Llama 3.1) are read from its text, and the prompt is written as the template would write it.
//
//===----------------------------------------------------------------------===//
#ifndef TP_RUNTIME_TOKENIZER_CHAT_H
#define TP_RUNTIME_TOKENIZER_CHAT_H

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tp::rt {

enum class ChatFamily { ChatML, Llama2, Llama3, Mistral, Gemma, Phi, Zephyr };

struct ChatMessage {
  std::string role; ///< "system", "user" or "assistant"
  std::string content;
};

/// The texts of the tokens that templates call bos_token and eos_token ("" where the model has none).
struct ChatTokens {
  std::string bos, eos;
};

/// The family of a template, or nothing when it belongs to none of them.
std::optional<ChatFamily> recogniseChat(std::string_view templateText);

std::string_view chatFamilyName(ChatFamily family);

/// All of them, for messages: "ChatML, Llama 2, ...".
std::string chatFamilyNames();

/// The prompt for the model's next answer. It has every special token in it, bos too where the template writes one:
/// encode it with addSpecial false and parseSpecial true. Messages are an optional system message, then user and
/// assistant in turn, the last from the user; anything else, or a system message that the template refuses, throws
/// std::runtime_error.
std::string renderChat(ChatFamily family, std::string_view templateText, const ChatTokens &tokens,
                       std::span<const ChatMessage> messages);

} // namespace tp::rt

#endif
