#include "tokenizer/Chat.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

using namespace tp::rt;

// Whole templates are compared with Jinja in test/python/tokenizer_test.py.

TEST(Chat, FamiliesAreKnownByTheirMarkers) {
  EXPECT_EQ(recogniseChat("..<|im_start|>..<|im_end|>.."), ChatFamily::ChatML);
  EXPECT_EQ(recogniseChat("<|start_header_id|> <|eot_id|>"), ChatFamily::Llama3);
  EXPECT_EQ(recogniseChat("[INST] <<SYS>>"), ChatFamily::Llama2);
  EXPECT_EQ(recogniseChat("[INST]"), ChatFamily::Mistral);
  EXPECT_EQ(recogniseChat("<start_of_turn> <end_of_turn>"), ChatFamily::Gemma);
  EXPECT_EQ(recogniseChat("<|user|> <|end|> <|assistant|>"), ChatFamily::Phi);
  EXPECT_EQ(recogniseChat("<|im_start|> <|im_sep|> <|im_end|>"), ChatFamily::Phi);
  EXPECT_EQ(recogniseChat("<|user|> eos_token <|assistant|>"), ChatFamily::Zephyr);
}

TEST(Chat, OthersAreNotGuessed) {
  EXPECT_EQ(recogniseChat(""), std::nullopt);
  EXPECT_EQ(recogniseChat("### Instruction:"), std::nullopt);
  EXPECT_EQ(recogniseChat("<|user|> <|assistant|>"), std::nullopt); // what ends a message?
  EXPECT_EQ(recogniseChat("[SYSTEM_PROMPT] [INST]"), std::nullopt); // has the day's date in it
}

TEST(Chat, DefaultSystemMessageComesFromTheTemplate) {
  std::vector<ChatMessage> messages = {{"user", "Hi"}};
  std::string text = "{{ '<|im_start|>system\nBe good.<|im_end|>\n' }} {{ '<|im_start|>' }}";
  EXPECT_EQ(renderChat(ChatFamily::ChatML, text, {}, messages),
            "<|im_start|>system\nBe good.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  messages.insert(messages.begin(), {"system", "Be bad."});
  EXPECT_EQ(renderChat(ChatFamily::ChatML, text, {}, messages),
            "<|im_start|>system\nBe bad.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(Chat, MessagesOutOfOrderAreAnError) {
  using Messages = std::vector<ChatMessage>;
  for (const Messages &messages :
       {Messages{}, Messages{{"system", "a"}}, Messages{{"user", "a"}, {"user", "b"}},
        Messages{{"user", "a"}, {"assistant", "b"}}, Messages{{"tool", "a"}}, Messages{{"user", "a"}, {"system", "b"}}})
    EXPECT_THROW(renderChat(ChatFamily::ChatML, "", {}, messages), std::runtime_error);
}

TEST(Chat, BrokenTemplatesDoNotCrash) {
  std::string text =
      "{{ bos_token + '[INST] \\' + \"[/INST]\\n\" eos_token content {{ '<|im_start|>system\\n<|im_end|>' }} "
      "Cutting Knowledge Date: {% set date_string = '<|user|><|assistant|>\n";
  std::vector<ChatMessage> messages = {{"user", "Hi"}, {"assistant", "x"}, {"user", "y"}};
  for (size_t length = 0; length <= text.size(); ++length)
    for (int family = 0; family < 7; ++family)
      renderChat(static_cast<ChatFamily>(family), text.substr(0, length), {"<s>", "</s>"}, messages);
}
