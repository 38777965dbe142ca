"""Texts for tokenizer_test.py: hard ones, random ones, a corpus to train on, chat templates and conversations."""

HARD = [
    "", " ", "  ", "\n", "\t", "\r\n", "\n\n\n", " \n \n ", "   leading", "trailing   ", "a  b   c    d",
    "\tif x:\n\t\treturn  1\n", "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n  pass\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 3.14159e-10f; }", "0", "42", "1234567890", "3.14159", "1,000,000.00",
    "x1y22z333w4444", "\u0661\u0662\u0663 \u0967\u0968 \u2460\u2461 \u2167 \u00bd\u00b2\u00b3 \u3007", "don't won't I'll they've we're I'm he'd DON'T I'LL \u2019s '\u017f",
    "caf\u00e9 cafe\u0301 na\u00efve \u212b \u00c5 A\u030a", "q\u0307\u0323 q\u0323\u0307 e\u0301\u0323\u0302", "\u1e9b\u0323 \u0344 \u0958 \u2126 \uf900 \U0002f800",
    "\u1112\u1161\u11ab\u1100\u1173\u11af \ud55c\uae00 \u1100\u1161\u11a8\u11a8", "\u0301start with a mark", "a\u0300\u0301\u0302\u0303\u0304\u0305",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01\u3053\u3093\u306b\u3061\u306f\u3002\u30ab\u30bf\u30ab\u30ca", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 \u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5", "\u202eright to left\u202c \u200fmark", "zero\u200bwidth\u200cjoin\u200der\ufeffbom",
    "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u180eh\u1680i\u202fj", "\u00a0\u00a0 \u3000 x", "\x00\x01\x02\x1b\x7f\x80\x9f", "\u001c\u001d\u001e\u001f",
    "\ufffd\ufffe\uffff\U0010ffff", "\ue000\U000f0000", "_snake_case camelCase PascalCase kebab-case SCREAMING_CASE", "!!!???...,,,;;;:::---___",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~\\", "https://example.org/a/b?c=d&e=%20f#g", "user@example.org", "<html><body class=\"x\">&amp;</body></html>",
    '{"key": [1, 2.5, null, true], "text": "a\\nb"}', "\u00abquotes\u00bb \u201ccurly\u201d \u2018single\u2019 \u2014 dash \u2026", "\u2581marked\u2581 \u2581 spaces\u2581\u2581", "\u0120t \u010a",
    "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n", "a<|im_end|>b <|im_end|> c", "<|im_start|", "<|im_start|><|im_start|>", "<|endoftext|>  <|endoftext|>",
    "<s>text</s> <s> text </s><unk>", " <s>", "<s> ", "<|begin|>x<|end|> <|begin|>", "plain_added xplain_addedx", "a  left  b", " left", "left", "leftleft  left", "a  right  b",
    "right  ", "rightright", "alone xalone alonex _alone alone-alone \u00e9alone alone\u00e9 \u0301alone", "RAW \u00e9 RAW e\u0301 raw", "right  left  right", "<0x41><0x0A>", "\u0130\u0131 \u00df \ufb01 \u01c5 \u1e9e",
    "2\u00b2 x\u2080 \u00be", "a" * 300, " " * 300, "ab" * 500, "\n" * 100, "\U0001f600" * 100, "word " * 200, "\u00e9" * 200,
]

CORPUS = HARD + [
    "The quick brown fox jumps over the lazy dog. It's 12:45 o'clock, and we've 1024 things to do!",
    "A model reads tokens, not letters; the tokenizer decides what a token is.",
    "In 1969 the Eagle landed. \"That's one small step for a man,\" he said.",
    "int main(int argc, char **argv) {\n  std::cout << \"hello\" << std::endl;\n  return 0;\n}\n",
    "la ni\u00f1a comi\u00f3 pi\u00f1a; \u00fcber stra\u00dfe; \u00e7a va bien o\u00f9 \u00e7a",
    "\u4e2d\u6587\u5206\u8bcd\u6d4b\u8bd5 \u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8 \ud55c\uad6d\uc5b4 \ud14c\uc2a4\ud2b8",
] * 5

_ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJ", " ", "  \t\n\r", "0123456789", "'sdmtlrev", ".,;:!?-_()[]{}<>|/\\\"'`~@#$%^&*+=",
    "\u00e0\u00e9\u00ee\u00f5\u00fc\u00df\u00e7\u00f1", "\u0300\u0301\u0302\u0308\u0323\u0327\u0328\u0345", "\u0430\u0431\u0432\u0393\u0394\u03a9\u03c9", "\u4e00\u4e8c\u4e09\u3042\u30a2\uac00\ub098",
    "\u05d0\u05d1\u0627\u0628\u064e\u0651", "\u0905\u0915\u094d\u093f", "\U0001f600\U0001f468\u200d\ufe0f\U0001f3fd", "\u00a0\u2003\u3000\u2028\u0085\u200b", "\u00bd\u00b2\u2460\u0663\u2167", "\u2581\u0120\ufffd",
]


def randomTexts(rng, count, specials):
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 12)):
            kind = rng.random()
            if kind < 0.08 and specials:
                token = rng.choice(specials)
                parts.append(token if rng.random() < 0.7 else token[:rng.randrange(len(token))])
            elif kind < 0.14:
                # Any character that Unicode 12 assigned: both sides know it. Surrogates are no text.
                parts.append(chr(rng.choice([rng.randrange(0x20, 0x500), rng.randrange(0x900, 0xC00),
                                             rng.randrange(0x1E00, 0x2000), rng.randrange(0x3040, 0xA000),
                                             rng.randrange(0xAC00, 0xD7A4), rng.randrange(0x1F300, 0x1F600)])))
            else:
                letters = rng.choice(_ALPHABETS)
                parts.append("".join(rng.choice(letters) for _ in range(rng.randrange(1, 9))))
        texts.append("".join(parts))
    return texts


def _chat(*turns):
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS = [
    _chat(("user", "Hello!")),
    _chat(("user", "  spaces around \n")),
    _chat(("system", "Be brief."), ("user", "Hello!")),
    _chat(("system", " Be\nbrief. "), ("user", "One"), ("assistant", " Two "), ("user", "Three")),
    _chat(("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Four"), ("user", "\u00e9 <b> 'q' \"d\" \\n")),
]

_ALTERNATE = ("{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}")

# Written for this test in the ways that published checkpoints write theirs: name -> (family, template).
CHAT_TEMPLATES = {
    "smollm2": ("ChatML", "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
                "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
                "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
                "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"),
    "chatml plain": ("ChatML", "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + "
                     "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"),
    "chatml tools": ("ChatML", "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- if messages[0]['role'] == 'system' %}\n"
                     "        {{- messages[0]['content'] }}\n    {%- else %}\n        {{- 'It\\'s the tools\\' turn.' }}\n    {%- endif %}\n"
                     "{%- else %}\n    {%- if messages[0]['role'] == 'system' %}\n        {{- '<|im_start|>system\\n' + messages[0]['content'] "
                     "+ '<|im_end|>\\n' }}\n    {%- else %}\n        {{- '<|im_start|>system\\nIt\\'s \"you\" who helps.<|im_end|>\\n' }}\n"
                     "    {%- endif %}\n{%- endif %}\n{%- for message in messages %}\n    {%- if message.role == 'user' or "
                     "(message.role == 'system' and not loop.first) or message.role == 'assistant' %}\n        {{- '<|im_start|>' + "
                     "message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n    {%- endif %}\n{%- endfor %}\n"
                     "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n"),
    "chatml bos trim": ("ChatML", "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim + "
                        "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"),
    "llama2": ("Llama 2", "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}"
               "{% else %}{% set rest = messages %}{% set system = false %}{% endif %}{% for m in rest %}" + _ALTERNATE +
               "{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}"
               "{% else %}{% set content = m['content'] %}{% endif %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + "
               "' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"),
    "llama3": ("Llama 3", "{% for m in messages %}{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'+ "
               "m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
               "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"),
    "llama3.1": ("Llama 3", "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- set date_string = \"26 Jul 2024\" %}\n{%- endif %}\n"
                 "{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content']|trim %}\n    {%- set messages = "
                 "messages[1:] %}\n{%- else %}\n    {%- set system = \"\" %}\n{%- endif %}\n{{- \"<|start_header_id|>system<|end_header_id|>"
                 "\\n\\n\" }}\n{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n"
                 "{{- system }}\n{{- \"<|eot_id|>\" }}\n{%- for m in messages %}\n    {{- '<|start_header_id|>' + m['role'] + "
                 "'<|end_header_id|>\\n\\n'+ m['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n"
                 "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n"),
    "mistral 1": ("Mistral", "{{ bos_token }}{% for m in messages %}" + _ALTERNATE + "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + "
                  "' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token + ' ' }}{% else %}"
                  "{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"),
    "mistral 2": ("Mistral", "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n"
                  "    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set rest = messages %}\n{%- endif %}\n\n{{- bos_token }}\n"
                  "{%- for m in rest %}\n    {%- if m[\"role\"] == \"user\" %}\n        {%- if loop.first and system_message is defined %}\n"
                  "            {{- \" [INST] \" + system_message + \"\\n\\n\" + m[\"content\"] + \" [/INST]\" }}\n        {%- else %}\n"
                  "            {{- \" [INST] \" + m[\"content\"] + \" [/INST]\" }}\n        {%- endif %}\n    {%- else %}\n"
                  "        {{- \" \" + m[\"content\"] + eos_token}}\n    {%- endif %}\n{%- endfor %}\n"),
    "mistral 3": ("Mistral", "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n"
                  "    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set rest = messages %}\n{%- endif %}\n{{- bos_token }}\n"
                  "{%- for m in rest %}\n    {%- if m[\"role\"] == \"user\" %}\n        {%- if loop.last and system_message is defined %}\n"
                  "            {{- \"[INST] \" + system_message + \"\\n\\n\" + m[\"content\"] + \"[/INST]\" }}\n        {%- else %}\n"
                  "            {{- \"[INST] \" + m[\"content\"] + \"[/INST]\" }}\n        {%- endif %}\n    {%- elif m.tool_calls is defined %}\n"
                  "        {{- \"]\" + eos_token }}\n    {%- else %}\n        {{- \" \" + m[\"content\"]|trim + eos_token}}\n    {%- endif %}\n"
                  "{%- endfor %}\n"),
    "gemma": ("Gemma", "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
              "{% for m in messages %}{% if (m['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = m['role'] %}"
              "{% endif %}{{ '<start_of_turn>' + role + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
              "{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"),
    "gemma 3": ("Gemma", "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set prefix = messages[0]['content'] + '\\n\\n' -%}"
                "{%- set rest = messages[1:] -%}{%- else -%}{%- set prefix = \"\" -%}{%- set rest = messages -%}{%- endif -%}"
                "{%- for m in rest -%}{%- if (m['role'] == 'assistant') -%}{%- set role = \"model\" -%}{%- else -%}"
                "{%- set role = m['role'] -%}{%- endif -%}{{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else \"\") }}"
                "{{ m['content'] | trim }}{{ '<end_of_turn>\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}"
                "{{'<start_of_turn>model\\n'}}{%- endif -%}"),
    "phi 3": ("Phi", "{% for m in messages %}{% if m['role'] == 'system' %}{{'<|system|>\\n' + m['content'] + '<|end|>\\n'}}"
              "{% elif m['role'] == 'user' %}{{'<|user|>\\n' + m['content'] + '<|end|>\\n'}}{% elif m['role'] == 'assistant' %}"
              "{{'<|assistant|>\\n' + m['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}"
              "{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"),
    "phi 4 mini": ("Phi", "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
                   "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"),
    "phi 4": ("Phi", "{% for m in messages %}{% if (m['role'] == 'system') %}{{'<|im_start|>system<|im_sep|>' + m['content'] + '<|im_end|>'}}"
              "{% elif (m['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + m['content'] + '<|im_end|>'}}{% elif (m['role'] == 'assistant') %}"
              "{{'<|im_start|>assistant<|im_sep|>' + m['content'] + '<|im_end|>'}}{% endif %}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"),
    "zephyr": ("Zephyr", "{% for m in messages %}\n{% if m['role'] == 'user' %}\n{{ '<|user|>\n' + m['content'] + eos_token }}\n"
               "{% elif m['role'] == 'system' %}\n{{ '<|system|>\n' + m['content'] + eos_token }}\n{% elif m['role'] == 'assistant' %}\n"
               "{{ '<|assistant|>\n'  + m['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n"
               "{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"),
    "zephyr in a line": ("Zephyr", "{% for m in messages %}{% if m['role'] == 'user' %}"
                         "{{ '<|user|>\\n' + m['content'] + eos_token + '\\n' }}{% elif m['role'] == 'system' %}"
                         "{{ '<|system|>\\n' + m['content'] + eos_token + '\\n' }}{% else %}{{ '<|assistant|>\\n' + m['content'] + eos_token + '\\n' }}"
                         "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"),
}
