"""Multiplies training conversations as a recipe's [mix] says.

Runs after the split, so that no held-out words come back.
"""

import random
from collections import defaultdict

from .conversations import Conversation
from .errors import InputError
from .recipe import Mix

_OTHER = {"user": "assistant", "assistant": "user", "system": "system"}


def swapped(conversation: Conversation) -> Conversation | None:
    """The same talk with the assistant's part taken by the user; None when nothing is left to answer."""
    turns = [(_OTHER[role], text) for role, text in conversation.messages if role != "system"]
    turns = turns[next((i for i, turn in enumerate(turns) if turn[0] == "user"), len(turns)) :]
    while turns and turns[-1][0] == "user":
        turns.pop()
    return Conversation(tuple(turns), conversation.source, conversation.license) if turns else None


def _joined(conversations, rng) -> list[Conversation]:
    shuffled = rng.sample(conversations, len(conversations))
    result = []
    while shuffled:
        group = [shuffled.pop() for _ in range(min(rng.randint(1, 4), len(shuffled)))]
        result.append(Conversation(sum((one.messages for one in group), ()), group[0].source, group[0].license))
    return result


def _led(mix: Mix, by_source, rng) -> list[Conversation]:
    into = [conversation for source in mix.lead for conversation in by_source[source]]
    result = []
    for conversation in rng.sample(into, min(mix.lead_count, len(into))):
        before = rng.choice([one for source in mix.lead[conversation.source] for one in by_source[source]])
        messages = before.messages + tuple(turn for turn in conversation.messages if turn[0] != "system")
        result.append(Conversation(messages, conversation.source, conversation.license))
    return result


def _with_system(conversation: Conversation, mix: Mix, rng) -> Conversation:
    texts = mix.system.get(conversation.source)
    if not texts or conversation.messages[0][0] == "system" or rng.random() >= mix.system_share:
        return conversation
    return Conversation(
        (("system", rng.choice(texts)), *conversation.messages), conversation.source, conversation.license
    )


def mixed(conversations: list[Conversation], mix: Mix, seed: int) -> list[Conversation]:
    """All training conversations, in an order that depends on the seed alone.

    Raises InputError for a source that is not there.
    """
    rng = random.Random(seed)
    by_source = defaultdict(list)
    for conversation in conversations:
        by_source[conversation.source].append(conversation)
    named = {*mix.repeat, *mix.join, *mix.swap_roles, *mix.lead, *sum(mix.lead.values(), [])}
    for source in sorted(named - set(by_source)):
        raise InputError(f"[mix] names the source '{source}', of which there is no conversation")
    result = []
    for source, group in sorted(by_source.items()):
        if source in mix.join:
            result += [joined for _ in range(mix.join[source]) for joined in _joined(group, rng)]
        else:
            result += group * mix.repeat.get(source, 1)
        for conversation in group:
            if rng.random() < mix.swap_roles.get(source, 0):
                result += filter(None, [swapped(conversation)])
    result += _led(mix, by_source, rng)
    rng.shuffle(result)
    return [_with_system(conversation, mix, rng) for conversation in result]
