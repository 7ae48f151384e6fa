"""The tokenizer: byte-level BPE with GPT-2's pre-tokenization, learned from the conversations or read from a folder.

Also the layout of a conversation, which is `role_tokens` of src/chat/format.h:

    <|system|>text (sometimes) <|user|>text<|assistant|>text ... <|endoftext|>
"""

import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from .conversations import END_OF_TEXT, Conversation
from .errors import InputError

ROLE_TOKENS = ("<|user|>", "<|assistant|>", "<|system|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_level(model) -> Tokenizer:
    """A tokenizer around a BPE model that cuts text as GPT-2 does and spells bytes as it does."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def add_special(tokenizer: Tokenizer, roles: bool) -> None:
    """Gives <|endoftext|> and, for conversations, the role tokens the ids that follow, where they have none yet."""
    names = [END_OF_TEXT, *(ROLE_TOKENS if roles else ())]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])


def learn(conversations: list[Conversation], vocabulary: int, roles: bool) -> Tokenizer:
    """Learns merges until there are `vocabulary` ids, special tokens included, or no pair is left that stands twice."""
    tokenizer = byte_level(models.BPE())
    special = 1 + (len(ROLE_TOKENS) if roles else 0)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - special,
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for one in conversations for _, text in one.messages), trainer)
    add_special(tokenizer, roles)
    return tokenizer


def read_folder(folder: pathlib.Path) -> Tokenizer:
    """Reads vocab.json and merges.txt, and the special tokens that tokenizer_config.json lists. Raises InputError."""
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        tokenizer = byte_level(models.BPE(vocabulary, merges))
        config = folder / "tokenizer_config.json"
        added = (
            json.loads(config.read_text(encoding="utf-8")).get("added_tokens_decoder", {}) if config.exists() else {}
        )
        special = [
            AddedToken(token["content"], special=True, normalized=False)
            for _, token in sorted(added.items(), key=lambda one: int(one[0]))
        ]
        tokenizer.add_special_tokens(special)
        return tokenizer
    except InputError:
        raise
    except Exception as error:  # tokenizers raises bare Exceptions
        raise InputError(f"{folder}: no tokenizer in vocab.json and merges.txt: {error}") from error


def write_folder(tokenizer: Tokenizer, folder: pathlib.Path, context: int) -> None:
    """Writes vocab.json (special tokens included), merges.txt, tokenizer_config.json and special_tokens_map.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    ordered = dict(sorted(vocabulary.items(), key=lambda one: one[1]))
    (folder / "vocab.json").write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")
    merges = [" ".join(merge) if isinstance(merge, list) else merge for merge in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    special = {
        tokenizer.token_to_id(name): name
        for name in (END_OF_TEXT, *ROLE_TOKENS)
        if tokenizer.token_to_id(name) is not None
    }
    roles = [name for name in ROLE_TOKENS if name in special.values()]
    flags = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": context,
        "add_prefix_space": False,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
        "additional_special_tokens": roles,
        "added_tokens_decoder": {str(id): {"content": name, **flags} for id, name in sorted(special.items())},
    }
    if roles:
        config["chat_template"] = CHAT_TEMPLATE
    names = {key: config[key] for key in ("bos_token", "eos_token", "unk_token", "additional_special_tokens")}
    for name, value in (("tokenizer_config.json", config), ("special_tokens_map.json", names)):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def encode_all(tokenizer: Tokenizer, conversations: list[Conversation]) -> list[list[int]]:
    """Ids of each conversation with its special tokens, <|endoftext|> last.

    Words that look like special tokens stay words.
    """
    tokenizer.encode_special_tokens = True  # that is: as ordinary text
    texts = [text for one in conversations for _, text in one.messages]
    encoded = iter(tokenizer.encode_batch_fast(texts, add_special_tokens=False))
    end = tokenizer.token_to_id(END_OF_TEXT)
    result = []
    for conversation in conversations:
        ids: list[int] = []
        for role, _ in conversation.messages:
            if role != "text":
                ids.append(tokenizer.token_to_id(f"<|{role}|>"))
            ids += next(encoded).ids
        result.append([*ids, end])
    return result
