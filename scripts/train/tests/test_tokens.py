"""The tokenizer: ids, layout, and the same tokenizer after a folder."""

import pytest
from transformers import GPT2Tokenizer

from parley_train import tokens
from parley_train.conversations import Conversation
from parley_train.errors import InputError

WORDS = "the cat sat on the mat, the dog sat on the log; and the cat's mat was the dog's log "
TALK = Conversation(
    (("system", "Be brief."), ("user", WORDS * 3), ("assistant", "Naïve 你好 🙂 <|endoftext|>")), "x", ""
)


@pytest.fixture(scope="module")
def tokenizer():
    return tokens.learn([TALK], 300, roles=True)


def test_bytes_come_first_and_special_tokens_last(tokenizer):
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    assert size <= 300
    names = [tokens.END_OF_TEXT, *tokens.ROLE_TOKENS]
    assert [tokenizer.token_to_id(name) for name in names] == [size - 4, size - 3, size - 2, size - 1]
    assert all(len(tokenizer.id_to_token(id)) == 1 for id in range(256))


def test_learning_twice_gives_the_same(tokenizer):
    assert tokens.learn([TALK], 300, roles=True).to_str() == tokenizer.to_str()


def test_the_layout_is_role_tokens_and_words_that_look_special_stay_words(tokenizer):
    [ids] = tokens.encode_all(tokenizer, [TALK])
    end, user, assistant, system = (tokenizer.token_to_id(name) for name in (tokens.END_OF_TEXT, *tokens.ROLE_TOKENS))
    assert ids[0] == system and ids[-1] == end
    assert [id for id in ids if id in (end, user, assistant, system)] == [system, user, assistant, end]
    assert (
        tokenizer.decode(ids, skip_special_tokens=False)
        == f"<|system|>Be brief.<|user|>{WORDS * 3}<|assistant|>Naïve 你好 🙂 <|endoftext|><|endoftext|>"
    )


def test_plain_text_has_no_roles():
    plain = Conversation((("text", "a b a b a b"),), "x", "")
    tokenizer = tokens.learn([plain], 300, roles=False)
    [ids] = tokens.encode_all(tokenizer, [plain])
    assert (
        tokenizer.token_to_id("<|user|>") is None
        and tokenizer.decode(ids, skip_special_tokens=False) == "a b a b a b<|endoftext|>"
    )


def test_a_folder_gives_the_same_ids_here_and_in_transformers(tokenizer, tmp_path):
    tokens.write_folder(tokenizer, tmp_path, 64)
    again = tokens.read_folder(tmp_path)
    assert tokens.encode_all(again, [TALK]) == tokens.encode_all(tokenizer, [TALK])
    theirs = GPT2Tokenizer.from_pretrained(tmp_path)
    assert theirs(WORDS)["input_ids"] == tokenizer.encode(WORDS).ids
    assert theirs("<|user|>")["input_ids"] == [tokenizer.token_to_id("<|user|>")]


def test_roles_are_added_once_to_a_tokenizer_without_them(tmp_path):
    plain = tokens.learn([Conversation((("text", WORDS),), "x", "")], 300, roles=False)
    tokens.write_folder(plain, tmp_path, 64)
    read = tokens.read_folder(tmp_path)
    size = read.get_vocab_size(with_added_tokens=True)
    tokens.add_special(read, roles=True)
    tokens.add_special(read, roles=True)
    assert read.get_vocab_size(with_added_tokens=True) == size + 3


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(InputError, match="no tokenizer in vocab.json"):
        tokens.read_folder(tmp_path)
