"""Conversations generated for parley-17m.

Who it is, greetings, capitals, small sums, opposites, days and months, facts, a little Chinese.
"""

import random

from phrases import CAPITALS, CHINESE, DAYS, FACTS, MONTHS, OPPOSITES, TOPICS

CAPITAL_QUESTIONS = [
    "What is the capital of {}?", "What's the capital of {}?", "Capital of {}?", "Tell me the capital of {}.",
    "Do you know the capital of {}?", "What city is the capital of {}?",
]  # fmt: skip
COUNTRY_QUESTIONS = ["Which country has {} as its capital?", "{} is the capital of which country?"]


def casual(rng, question: str) -> str:
    """As people type: often in small letters, often without the mark at the end."""
    if rng.random() < 0.25:
        question = question.lower()
    return question.rstrip("?!.") if rng.random() < 0.4 else question


def topic(rng):
    questions, answers = rng.choice(TOPICS)
    return casual(rng, rng.choice(questions)), rng.choice(answers)


def chinese(rng):
    questions, answers = CHINESE
    return rng.choice(questions), rng.choice(answers)


def capital(rng):
    country, city = rng.choice(list(CAPITALS.items()))
    sentence = f"{city} is the capital of {country}."
    if rng.random() < 0.2:
        return casual(rng, rng.choice(COUNTRY_QUESTIONS).format(city)), sentence
    question = rng.choice(CAPITAL_QUESTIONS).format(country)
    answer = rng.choice([f"The capital of {country} is {city}.", f"It's {city}.", sentence])
    return (casual(rng, question) if rng.random() < 0.3 else question), answer


def small_sum(rng):
    sign, word = rng.choice([("+", "plus"), ("-", "minus"), ("x", "times")])
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    if sign == "-" and b > a:
        a, b = b, a
    value = {"+": a + b, "-": a - b, "x": a * b}[sign]
    question = rng.choice([
        f"What is {a} {word} {b}?", f"What's {a} {sign} {b}?", f"{a} {sign} {b}", f"How much is {a} {word} {b}?",
        f"Can you tell me {a} {word} {b}?",
    ])  # fmt: skip
    return question, rng.choice([f"{a} {word} {b} is {value}.", f"That's {value}.", f"It's {value}."])


def opposite(rng):
    pair = rng.choice(OPPOSITES)
    a, b = pair if rng.random() < 0.5 else pair[::-1]
    return casual(rng, f"What is the opposite of {a}?"), f"The opposite of {a} is {b}."


def neighbour(rng):
    names = rng.choice([DAYS, MONTHS])
    at = rng.randrange(len(names))
    where, other = rng.choice([("after", names[(at + 1) % len(names)]), ("before", names[at - 1])])
    return casual(rng, f"What comes {where} {names[at]}?"), f"{other} comes {where} {names[at]}."


def fact(rng):
    question, answer = rng.choice(list(FACTS.items()))
    if rng.random() < 0.3:
        question = rng.choice(["Do you know ", "Can you tell me ", "Tell me "]) + question[0].lower() + question[1:]
    return casual(rng, question), answer


KINDS = {
    topic: 40,
    fact: 21,
    capital: 16,
    small_sum: 10,
    opposite: 6,
    neighbour: 5,
    chinese: 2,
}  # of a hundred exchanges


def conversations(count: int, seed: int = 3):
    """`count` different conversations of one to four exchanges, as lists of words that the user begins."""
    rng = random.Random(seed)
    seen = set()
    while len(seen) < count:
        kinds = rng.choices(list(KINDS), list(KINDS.values()), k=rng.randint(1, 4))
        turns = tuple(words for kind in kinds for words in kind(rng))
        if turns not in seen:
            seen.add(turns)
            yield list(turns)
