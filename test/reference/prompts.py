"""The test prompts as token ids, by the `tokenizers` package from the vocabulary and merges in the GGUF file.

python prompts.py MODEL.gguf      prints name and number of tokens of each
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent

# Text for the prompts that are defined by their length alone: original prose, cut at the token wanted.
PASSAGE = """The lighthouse at the end of the long stone pier had been dark for eleven years when Marta came back to the
island. She had grown up in the small white house beside it, and her grandfather had been its last keeper. Every
evening he used to climb the ninety-four steps with a can of oil in one hand and a book in the other, and every
morning he came down again, always with the book finished and the can empty. The fishermen said that they could
tell from the colour of the light which story he was reading. When the harbour was moved to the other side of
the bay, the ships no longer needed the light, and the council decided that it should be closed. Nobody argued.
Her grandfather locked the heavy green door, put the key on the nail beside the kitchen window, and never spoke
about it again. He lived for three more years, and on clear nights he sat on the bench in front of the house and
looked at the dark tower as if he expected it to say something. Now the house belonged to Marta, and the key was
still hanging on its nail. The first thing she did was to open all the windows. The second thing was to make a
list of everything that was broken: the roof above the pantry, two of the stairs, the pump, the stove, the lock
of the back door, and the old radio that her grandfather had used to listen to the weather report. The list
filled three pages. She read it twice, laughed, and went down to the village to buy bread, nails and paint. In
the shop everyone knew who she was. The baker asked whether she planned to stay for the summer, the carpenter
offered to look at the roof, and a boy of about nine years wanted to know whether it was true that there was a
ghost in the tower. Marta told him that she did not know, but that she meant to find out, and that he was
welcome to help if his mother agreed. On the next morning he stood in front of the house with a torch, a rope,
and a bag full of apples. They took the key from the nail and walked along the pier together. The door was
harder to open than she remembered. Behind it the air was cold and smelled of salt and oil, and the first thing
that they saw on the bottom step was a book. It lay there as if somebody had put it down a moment ago, with a
strip of blue cloth between its pages. Marta picked it up, wiped the dust from the cover, and read the title
aloud. The boy asked her what it meant. She sat down on the step, opened the book at the strip of cloth, and
began to explain that it was the name of a ship, that the ship had sailed around the world twice, and that
nobody had seen it since the winter in which the light went out. The boy listened with his mouth open. Far below
them a wave broke against the stones, and for a moment it sounded as though somebody had laughed. They looked at
each other, took the torch, and climbed the first of the ninety-four steps"""

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chatml(message: str) -> str:
    """One user message in the template of the checkpoint, ready for the answer."""
    return (
        f"<|im_start|>system\n{DEFAULT_SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n"
    )


def gguf_tokenizer(path):
    """The tokenizer of a GGUF file with the 'smollm' pre-tokenizer: single digits, then byte-level BPE."""
    import gguf
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = gguf.GGUFReader(str(path)).fields
    if fields["tokenizer.ggml.pre"].contents() != "smollm":
        raise ValueError("the pre-tokenizer of this file is not 'smollm'")
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = gguf.TokenType.CONTROL
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, kind in zip(tokens, types) if kind == control]
    )
    return tokenizer


def load_prompts(model_path) -> dict[str, list[int]]:
    """Token ids of each prompt, by name."""
    tokenizer = gguf_tokenizer(model_path)
    passage = tokenizer.encode(PASSAGE.replace("\n", " "), add_special_tokens=False).ids
    prompts = {}
    for entry in json.loads((HERE / "prompts.json").read_text()):
        if "length" in entry:
            start = entry.get("start", 0)
            ids = passage[start : start + entry["length"]]
            assert len(ids) == entry["length"], f"the passage has only {len(passage)} tokens"
        else:
            text = chatml(entry["chat"]) if "chat" in entry else entry["text"]
            ids = tokenizer.encode(text, add_special_tokens=False).ids
        prompts[entry["name"]] = ids
    return prompts


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, ids in load_prompts(sys.argv[1]).items():
        print(f"{name:10} {len(ids):4} tokens")


if __name__ == "__main__":
    main()
