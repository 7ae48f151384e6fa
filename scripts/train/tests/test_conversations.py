"""Reading, cleaning, doubles and the split."""

import json

import pytest

from parley_train.conversations import Conversation, clean, is_held_out, read_file, word_pattern
from parley_train.errors import InputError


def conversation(*texts, first="user"):
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return Conversation(tuple((roles[i % 2], text) for i, text in enumerate(texts)), "here", "MIT")


def test_json_lines_keep_roles_source_and_license(tmp_path):
    path = tmp_path / "a.jsonl"
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\u2028there"},
        {"role": "assistant", "content": "Hello"},
    ]
    path.write_text(
        json.dumps({"messages": messages, "source": "talk", "license": "MIT"}, ensure_ascii=False) + "\n\n",
        encoding="utf-8",
    )
    [read] = read_file(path)
    assert read == Conversation(
        (("system", "Be brief."), ("user", "Hi\u2028there"), ("assistant", "Hello")), "talk", "MIT"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"messages": []}', "a.jsonl:1: an object with a list of messages"),
        ("a.jsonl", '\n{"messages": [{"role": "robot", "content": "x"}]}', "a.jsonl:2: a message has a role"),
        ("a.jsonl", '{"messages": [{"role": "user"}]}', "a.jsonl:1: a message has a role"),
        ("a.jsonl", "[1]", "an object"),
        ("a.jsonl", "{", "a.jsonl:1: not JSON"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "x"}], "source": "../x"}', "source '../x'"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "x"}], "license": 3}', "license 3"),
        ("a.tsv", "only one", "a.tsv:1: question<TAB>answer expected, found 1 fields"),
        ("a.csv", "a,b", ".jsonl, .tsv or .txt expected"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_file(tmp_path / name)
    assert message in str(error.value)


def test_a_file_that_is_not_utf8_is_named_with_the_byte(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"good\t\xff")
    with pytest.raises(InputError, match="not UTF-8 at byte 5"):
        read_file(tmp_path / "a.tsv")


def test_a_table_of_questions_becomes_conversations(tmp_path):
    (tmp_path / "my bot.tsv").write_text("Open?\tFrom nine.\nWhere?\tHere.\n")
    assert [one.messages for one in read_file(tmp_path / "my bot.tsv")] == [
        (("user", "Open?"), ("assistant", "From nine.")),
        (("user", "Where?"), ("assistant", "Here.")),
    ]


def test_plain_text_is_cut_at_ends_of_text_and_at_blank_lines_where_it_is_long(tmp_path):
    paragraphs = [letter * 3000 for letter in "abcd"]
    (tmp_path / "book.txt").write_text("short<|endoftext|>" + "\n\n".join(paragraphs))
    pieces = [one.messages[0][1] for one in read_file(tmp_path / "book.txt")]
    assert pieces == ["short", "\n\n".join(paragraphs[:2]), "\n\n".join(paragraphs[2:])]


def test_cleaning_folds_quotes_collapses_spaces_and_drops_what_has_no_answer():
    dirty = conversation("\u201cHi\u201d \n there\x07", " It\u2019s\u00a0fine\u2026 ", "And", first="user")
    assert clean(dirty, fold_quotes=True).messages == (("user", '"Hi" there'), ("assistant", "It's fine..."))
    assert clean(conversation("It\u2019s", "so"), fold_quotes=False).messages[0][1] == "It\u2019s"


def test_cleaning_merges_neighbours_of_one_role():
    twice = Conversation((("user", "a"), ("user", "b"), ("assistant", "c")), "here", "")
    assert clean(twice, True).messages == (("user", "a b"), ("assistant", "c"))


def test_nothing_is_left_of_a_conversation_in_which_nobody_answers():
    assert clean(conversation("Hello?", " "), True) is None


def test_plain_text_keeps_its_lines():
    text = Conversation((("text", "one\n\ntwo  three\n"),), "book", "")
    assert clean(text, True).messages == (("text", "one\n\ntwo  three"),)


def test_doubles_share_a_digest_whatever_case_spaces_and_system_text():
    told = Conversation((("system", "Be brief."), ("user", "HELLO  you"), ("assistant", "Hi")), "there", "")
    assert told.digest() == conversation("hello you", "hi").digest()
    assert conversation("ab", "c").digest() != conversation("a", "bc").digest()


def test_words_to_drop_are_whole_words_in_any_case():
    pattern = word_pattern(["cat", "dog"])
    assert pattern.search("A CAT sat") and not pattern.search("concatenate")
    assert word_pattern([]) is None


def test_the_share_that_is_held_out_is_near_what_was_asked_for():
    # Binomial: of 4,000 at 0.1 within five standard deviations (95) of 400.
    count = sum(is_held_out(conversation(str(i), "x"), 0.1) for i in range(4000))
    assert abs(count - 400) < 95
    assert not any(is_held_out(conversation(str(i), "x"), 0.0) for i in range(100))
