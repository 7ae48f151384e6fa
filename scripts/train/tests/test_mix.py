"""How training conversations are multiplied."""

import collections

import pytest

from parley_train.conversations import Conversation
from parley_train.errors import InputError
from parley_train.mix import mixed, swapped
from parley_train.recipe import Mix


def talk(source, *texts):
    return Conversation(tuple((("user", "assistant")[i % 2], text) for i, text in enumerate(texts)), source, "MIT")


MANY = [talk("pairs", f"q{i}", f"a{i}") for i in range(50)] + [
    talk("long", f"u{i}", f"v{i}", f"w{i}", f"x{i}") for i in range(50)
]


def test_without_a_mix_nothing_is_added_or_lost():
    assert collections.Counter(mixed(MANY, Mix(), 1)) == collections.Counter(MANY)


def test_the_seed_alone_decides_the_order():
    assert mixed(MANY, Mix(), 1) == mixed(MANY, Mix(), 1) != mixed(MANY, Mix(), 2)


def test_repeated_ones_are_there_so_often():
    counts = collections.Counter(mixed(MANY, Mix(repeat={"pairs": 3}), 1))
    assert {counts[one] for one in MANY[:50]} == {3} and {counts[one] for one in MANY[50:]} == {1}


def test_joined_ones_hold_each_conversation_once_a_time_and_at_most_four():
    result = [one for one in mixed(MANY, Mix(join={"pairs": 2}), 1) if one.source == "pairs"]
    assert all(2 <= len(one.messages) <= 8 for one in result)
    questions = collections.Counter(text for one in result for role, text in one.messages if role == "user")
    assert questions == {f"q{i}": 2 for i in range(50)}


def test_swapped_roles_begin_with_the_user_and_end_with_an_answer():
    assert swapped(talk("x", "a", "b", "c", "d")).messages == (("user", "b"), ("assistant", "c"))
    assert swapped(talk("x", "a", "b")) is None
    assert len(mixed(MANY, Mix(swap_roles={"long": 1.0}), 1)) == 150


def test_led_in_conversations_begin_with_another_ones_words():
    result = mixed(MANY, Mix(lead={"long": ["pairs"]}, lead_count=10), 1)
    led = [one for one in result if one.source == "long" and len(one.messages) == 6]
    assert len(led) == 10 and all(one.messages[0][1][0] == "q" and one.messages[2][1][0] == "u" for one in led)


def test_system_texts_stand_before_their_sources_conversations():
    result = mixed(MANY, Mix(system_share=1.0, system={"pairs": ["Be brief."]}), 1)
    assert {one.messages[0] for one in result if one.source == "pairs"} == {("system", "Be brief.")}
    assert all(one.messages[0][0] == "user" for one in result if one.source == "long")


def test_a_source_that_is_not_there_is_named():
    with pytest.raises(InputError, match="'nobody'"):
        mixed(MANY, Mix(repeat={"nobody": 2}), 1)
