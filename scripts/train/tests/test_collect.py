"""parley-17m's sources: from the files of each repository to the one JSON file, and on to JSON lines."""

import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parents[1] / "parley_17m"


def turns(key, text, *pairs):
    return [{key: speaker, text: words} for speaker, words in pairs]


@pytest.fixture
def checkouts(tmp_path):
    """Each source's files in the form that its repository has them, one conversation each."""
    spoken = ("USER", "A table."), ("SYSTEM", "Where?"), ("SYSTEM", "When?")
    sgd = [{"turns": turns("speaker", "utterance", *spoken)}]
    topical = {"t_1": {"content": turns("agent", "message", ("agent_1", "Hi"), ("agent_2", "Hey"))}}
    tm4 = [{"utterances": turns("speaker", "text", ("user", "one Chai"), ("assistant", "Is that all?"))}]
    chatterbot = "categories:\n- AI\nconversations:\n- - What is 2?\n  - 2\n"
    # The tenth sentence is empty, the second row's worker is blocked, the third row was rejected.
    header = "WorkerId,Reject,Answer.sentence1,Answer.sentence10,Answer.sentence2"
    rows = [header, "GOOD,,first,{},second", "BAD,,no,no,no", "GOOD,x,no,no,no"]
    files = {
        "dstc8-schema-guided-dialogue/train/dialogues_001.json": json.dumps(sgd),
        "Topical-Chat/conversations/valid_freq.json": json.dumps(topical),
        "Topical-Chat/conversations/train.json": json.dumps({"t_2": {"content": []}}),
        "Taskmaster/TM-4-2024/data/data_00.json": json.dumps(tm4),
        "qna_chitchat_friendly.tsv": 'Question\tAnswer\tSource\nAre you "real"?\tI am a program.\tx\n',
        "chatterbot-corpus/chatterbot_corpus/data/english/ai.yml": chatterbot,
        "self_dialogue_corpus/blocked_workers.txt": "BAD\n",
        "self_dialogue_corpus/corpus/movies/a.csv": "\n".join(rows),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def run(script, argument, **more):
    return subprocess.run(
        [sys.executable, HERE / script, argument], capture_output=True, text=True, check=False, **more
    )


def test_each_source_is_read_as_texts_that_take_turns(checkouts):
    done = run("collect.py", checkouts)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "sgd": [["A table.", "Where? When?"]],
        "self": [["first", "second"]],
        "topical": [["Hi", "Hey"]],
        "tm4": [["one Chai", "Is that all?"]],
        "qna_pairs": [['Are you "real"?', "I am a program."]],
        "chatterbot": [["What is 2?", "2"]],
    }


def test_a_source_that_is_not_there_is_named(checkouts):
    (checkouts / "Taskmaster/TM-4-2024/data/data_00.json").unlink()
    done = run("collect.py", checkouts)
    assert done.returncode == 1 and "nothing of tm4" in done.stderr


def test_json_lines_have_licenses_and_the_generated_conversations(checkouts):
    done = run("sources.py", "-", input=run("collect.py", checkouts).stdout)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0] == {
        "messages": [{"role": "user", "content": "A table."}, {"role": "assistant", "content": "Where? When?"}],
        "source": "sgd",
        "license": "CC-BY-SA-4.0",
    }
    assert sum(line["source"] == "generated" for line in lines) == 9000 and len(lines) == 9006
    again = run("sources.py", "-", input=json.dumps({"other": []}))
    assert again.returncode == 1
