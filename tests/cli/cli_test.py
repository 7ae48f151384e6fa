"""End-to-end tests of the `parley` program: what each subcommand prints, its exit codes, and that it is right.

    cli_test.py PARLEY [unittest arguments]

Runs the program as a user would, on the bundled model.
"""
import json
import math
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests/golden/parley-17m"
TINY = ROOT / "tests/fuzz/corpus/gguf/model_q4_0"  # a vocabulary of the 256 bytes, a context of 8
PARLEY = ""

EOS, USER, ASSISTANT = 8188, 8189, 8190


def parley(*words, stdin="", code=0):
    """Runs the program and checks its exit code; stdout and stderr as text."""
    done = subprocess.run([PARLEY, *words], input=stdin.encode(), capture_output=True, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    if done.returncode != code:
        raise AssertionError(f"parley {words}: exit code {done.returncode}, not {code}\n{out}\n{err}")
    return out, err


def complete(*words, stdin=""):
    out, err = parley("complete", "--json", *words, stdin=stdin)
    assert err == "", err
    return json.loads(out)


class Usage(unittest.TestCase):
    COMMANDS = ["chat", "complete", "tokenize", "detokenize", "quantize", "inspect", "eval", "bench"]

    def test_help_at_each_level(self):
        out, err = parley("--help")
        self.assertEqual(err, "")
        for command in self.COMMANDS:
            self.assertIn(command, out)
            text, _ = parley(command, "--help")
            self.assertTrue(text.startswith(f"Usage: parley {command}"), text)
            self.assertIn("--help", text)
        self.assertTrue(
            out.endswith("\nExit code: 0, 1 when something went wrong, 2 when the command line is wrong.\n"), out
        )
        self.assertRegex(parley("--version")[0], r"^parley \d+\.\d+\.\d+")

    def test_wrong_words_are_usage_errors(self):
        for words, message in [
            ([], "Usage"),
            (["sing"], "unknown command 'sing'"),
            (["complete"], "missing option --prompt"),
            (["complete", "--prompt"], "--prompt needs a value"),
            (["complete", "--prompt", "x", "--frobnicate"], "unknown option --frobnicate"),
            (["complete", "--prompt", "x", "y"], "unexpected argument 'y'"),
            (["complete", "--prompt", "x", "--echo=1"], "--echo takes no value"),
            (["complete", "--prompt", "x", "--temperature", "3"], "option temperature must be in [0, 2], not '3'"),
            (["complete", "--prompt", "x", "--temperature", "nan"], "temperature"),
            (["complete", "--prompt", "x", "--top-k", "-1"], "top_k"),
            (["complete", "--prompt", "x", "--max-tokens", "2", "--max-length", "9"], "exclude each other"),
            (["complete", "--prompt", "x", "--max-tokens", "2", "--min-tokens", "3"], "min_tokens is above max_tokens"),
            (["complete", "--prompt", "x", "--best-of", "2", "--temperature", "0"], "best_of needs a temperature"),
            (["complete", "--prompt", "x", "--logprobs", "3"], "--logprobs is printed with --json only"),
            (["complete", "--prompt", "x", "--top-logprobs", "3"], "--top-logprobs is printed with --json only"),
            (["complete", "--prompt", "x", "--engine", "steam"], "expected kernels or reference"),
            (["chat", "--max-tokens", "2", "--min-tokens", "3"], "min_tokens is above max_tokens"),
            (["chat", "--best-of", "2", "--temperature", "0"], "best_of needs a temperature"),
            (["chat", "--chat-format", "morse"], "morse"),
            (["complete", "--prompt", "x", "--threads", "two"], "expected a whole number"),
            (["eval"], "missing option --text"),
            (["quantize", "in"], "missing argument"),
            (["inspect"], "missing argument"),
        ]:
            with self.subTest(words):
                out, err = parley(*words, code=2)
                self.assertEqual(out, "")
                self.assertIn(message, err)

    def test_options_that_would_change_nothing_are_unknown(self):
        for command, options in {
            "chat": ["logprobs", "top-logprobs"],
            "complete": ["chat-format"],
            "tokenize": ["threads", "context", "chat-format"],
            "detokenize": ["threads", "context", "chat-format"],
            "eval": ["chat-format"],
            "bench": ["chat-format"],
        }.items():
            for option in options:
                with self.subTest(command=command, option=option):
                    _, err = parley(command, f"--{option}", "1", code=2)
                    self.assertIn(f"unknown option --{option}", err)
                    self.assertNotIn(f"--{option} ", parley(command, "--help")[0])

    def test_a_value_may_be_a_word_for_help(self):
        for words, value in [(["--prompt", "-h"], "-h"), (["--prompt", "--help"], "--help"), (["--prompt=-h"], "-h")]:
            self.assertTrue(complete(*words, "--max-tokens", "1", "--echo")["text"].startswith(value))
        self.assertIn("Usage", parley("complete", "--prompt", "x", "-h")[0])

    @unittest.skipIf(not os.path.exists("/dev/full"), "no /dev/full on this system")
    def test_output_that_cannot_be_written_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            for words in [
                ["--help"], ["--version"], ["chat", "--help"],
                ["chat", "--model", TINY],
                ["complete", "--model", TINY, "--prompt", "a", "--max-tokens", "1"],
                ["tokenize"], ["tokenize", "--jsonl"], ["detokenize"],
                ["quantize", TINY, f"{folder}/out.gguf"],
                ["inspect", TINY], ["inspect", TINY, "--json"],
                ["eval", "--model", TINY, "--text", "-"],
                ["bench", "--model", TINY, "--prompt-tokens", "2", "--tokens", "1", "--runs", "1"],
            ]:
                stdin = b'"a"' if "--jsonl" in words else b"/help\n" if "chat" in words else b"1 2"
                with self.subTest(words), open("/dev/full", "wb") as full:
                    done = subprocess.run([PARLEY, *words], input=stdin, stdout=full, stderr=subprocess.PIPE,
                                          check=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr.decode(), r"^parley.*cannot write to standard output: .*\[IO\]\n$")

    def test_a_file_writes_no_control_characters_to_the_terminal(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.gguf"
            parley("quantize", TINY, path, "--name", "n\x1b[31mam\u009b31me")
            words = ["--prompt-tokens", "2", "--tokens", "1", "--runs", "1"]
            for out in [parley("bench", "--model", path, *words)[0],
                        parley("chat", "--model", path, stdin="/info\n")[0],
                        parley("inspect", path, "--all")[0]]:
                self.assertIn("n?[31mam?31me", out)
                self.assertNotRegex(out, "[\x1b\u009b]")
            data = pathlib.Path(path).read_bytes()
            at = data.index(b"gpt2")
            pathlib.Path(path).write_bytes(data[:at] + b"g\x1bt2" + data[at + 4:])
            _, err = parley("complete", "--model", path, "--prompt", "x", code=1)
            self.assertIn("g?t2", err)
            self.assertNotIn("\x1b", err)

    def test_errors_name_what_is_wrong(self):
        out, err = parley("complete", "--model", "no-such-model", "--prompt", "x", code=1)
        self.assertEqual(out, "")
        self.assertIn("no-such-model", err)
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            file.write(b"<!DOCTYPE html><html>")
            file.flush()
            _, err = parley("complete", "--model", file.name, "--prompt", "x", code=1)
        self.assertIn("BAD_MAGIC", err)
        self.assertIn("HTML", err)
        for words, message in [
            (["--context", "4096"], "context"),
            (["--threads", "65"], "threads"),
            (["--max-length", "1"], "max_length"),
            (["--stop-token-ids", "8192"], "stop_token_ids"),
            (["--logit-bias", "9999:1"], "logit_bias"),
        ]:
            with self.subTest(words):
                _, err = parley("complete", "--prompt", "x y z", *words, code=1)
                self.assertIn(message, err)
                self.assertIn("BAD_ARG", err)


class Complete(unittest.TestCase):
    def test_json_has_the_documented_shape(self):
        result = complete("--prompt", "Hello, how are you?", "--temperature", "0")
        self.assertEqual(list(result), ["prompt_ids", "ids", "text", "finish_reason", "seed", "usage", "timings"])
        self.assertEqual(result["prompt_ids"], [1607, 11, 575, 368, 278, 30])
        self.assertEqual(result["ids"][-1], EOS)
        self.assertEqual(result["finish_reason"], "stop")
        self.assertEqual(result["usage"], {"prompt_tokens": 6, "completion_tokens": len(result["ids"]),
                                           "total_tokens": 6 + len(result["ids"])})
        self.assertEqual(set(result["timings"]),
                         {"prompt_ms", "prompt_per_second", "predicted_ms", "predicted_per_second"})

    def test_text_streams_what_json_holds(self):
        words = ["--prompt", "My favorite movie is", "--seed", "5", "--max-tokens", "20"]
        self.assertEqual(parley("complete", *words)[0], complete(*words)["text"] + "\n")
        self.assertEqual(parley("complete", *words, "--echo")[0],
                         "My favorite movie is" + complete(*words)["text"] + "\n")

    def test_prompt_from_standard_input(self):
        words = ["--temperature", "0", "--max-tokens", "5"]
        self.assertEqual(complete("--prompt", "-", *words, stdin="Once upon a time")["ids"],
                         complete("--prompt", "Once upon a time", *words)["ids"])

    def test_seed_is_returned_and_repeats_the_text(self):
        words = ["--prompt", "<|user|>Do you like music?<|assistant|>", "--special", "--max-tokens", "20"]
        first = complete(*words)
        again = complete(*words, "--seed", str(first["seed"]))
        self.assertEqual(first["ids"], again["ids"])
        self.assertTrue(0 <= first["seed"] < 2**53)
        self.assertNotEqual(first["seed"], complete(*words)["seed"])

    def test_threads_do_not_change_the_ids(self):
        words = ["--prompt", "I would like to book", "--seed", "11", "--max-tokens", "24"]
        ids = [complete(*words, "--threads", str(n))["ids"] for n in (1, 2, 3)]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[0], ids[2])

    def test_t6_special_tokens_are_text_unless_asked_for(self):
        words = ["--prompt", "<|user|>", "--temperature", "0", "--max-tokens", "1"]
        self.assertGreater(len(complete(*words)["prompt_ids"]), 1)
        self.assertEqual(complete(*words, "--special")["prompt_ids"], [USER])

    def test_i4_an_empty_prompt_starts_from_the_end_of_text(self):
        self.assertEqual(complete("--prompt", "", "--max-tokens", "1")["prompt_ids"], [EOS])

    def test_i1_the_end_of_the_context_is_length(self):
        result = complete("--prompt", "Once upon a time", "--context", "16", "--temperature", "0", "--ignore-eos")
        self.assertEqual(result["finish_reason"], "length")
        self.assertEqual(result["usage"]["total_tokens"], 16)
        _, err = parley("complete", "--prompt", "one two three four five six seven eight nine", "--context", "8", code=1)
        self.assertIn("CONTEXT_FULL", err)

    def test_limits_and_stops(self):
        words = ["--prompt", "Hello, how are you?", "--temperature", "0"]
        whole = complete(*words)
        self.assertEqual(complete(*words, "--max-tokens", "4")["ids"], whole["ids"][:4])
        self.assertEqual(complete(*words, "--max-length", "10")["ids"], whole["ids"][:4])
        stopped = complete(*words, "--stop", "thanks")
        self.assertEqual(stopped["finish_reason"], "stop")
        self.assertEqual(stopped["text"], whole["text"][:whole["text"].index("thanks")])
        at = complete(*words, "--stop-token-ids", str(whole["ids"][3]))
        self.assertEqual(at["ids"], whole["ids"][:whole["ids"].index(whole["ids"][3]) + 1])

    def test_names_of_the_api_are_accepted(self):
        words = ["--prompt", "x", "--seed", "3", "--max-tokens", "8"]
        self.assertEqual(complete(*words, "--top-k", "5", "--min-p", "0.1")["ids"],
                         complete(*words, "--top_k=5", "--min_p=0.1")["ids"])

    def test_each_option_takes_effect(self):
        prompt = ["--prompt", "<|user|>Do you like music?<|assistant|>", "--special", "--temperature", "0",
                  "--max-tokens", "24"]
        plain = complete(*prompt)["ids"]
        first = str(plain[0])
        self.assertNotEqual(complete(*prompt, "--logit-bias", f"{first}:-100")["ids"][0], plain[0])
        self.assertEqual(complete(*prompt, "--logit-bias", "100:100")["ids"], [100] * 24)
        once = complete(*prompt, "--no-repeat-ngram-size", "1")["ids"]
        self.assertEqual(len([i for i in once if i < EOS]), len({i for i in once if i < EOS}))
        ignoring = complete(*prompt, "--ignore-eos", "--max-tokens", "200")
        self.assertEqual(len(ignoring["ids"]), 200)
        at_least = complete(*prompt, "--min-tokens", "24")["ids"]
        self.assertNotIn(EOS, at_least)
        for option in (["--repetition-penalty", "5"], ["--frequency-penalty", "2"], ["--presence-penalty", "2"]):
            self.assertNotEqual(complete(*prompt, *option)["ids"], plain, option)
        drawn = ["--prompt", "x", "--seed", "9", "--max-tokens", "8"]
        greedy = complete("--prompt", "x", "--temperature", "0", "--max-tokens", "8")["ids"]
        for option in (["--top-k", "1"], ["--top-p", "0.0001"], ["--min-p", "0.9999"]):
            self.assertEqual(complete(*drawn, *option)["ids"], greedy, option)
        self.assertNotEqual(complete(*drawn, "--typical-p", "0.01")["ids"],
                            complete(*drawn, "--typical-p", "1")["ids"])

    def test_logprobs(self):
        result = complete("--prompt", "Hello", "--temperature", "0", "--max-tokens", "3", "--logprobs", "4")
        self.assertEqual(len(result["logprobs"]), 3)
        for token, generated in zip(result["logprobs"], result["ids"]):
            self.assertEqual(token["id"], generated)
            self.assertEqual(token["top_logprobs"][0]["id"], generated)
            self.assertEqual(token["top_logprobs"][0]["logprob"], token["logprob"])
            values = [t["logprob"] for t in token["top_logprobs"]]
            self.assertEqual(len(values), 4)
            self.assertEqual(values, sorted(values, reverse=True))
            self.assertLess(sum(math.exp(v) for v in values), 1)

    def test_reference_engine_gives_the_golden_greedy_ids(self):
        prompts = json.loads((GOLDEN / "golden-q8_0.json").read_text(encoding="utf-8"))["prompts"]
        self.assertEqual(len(prompts), 19)
        for golden in prompts:
            with self.subTest(golden["prompt"]):
                result = complete("--engine", "reference", "--special", "--temperature", "0", "--max-length", "100",
                                  "--echo", "--prompt", golden["prompt"])
                self.assertEqual(result["prompt_ids"] + result["ids"], golden["greedy_ids"])
                self.assertEqual(result["text"], golden["greedy_text"])


class Chat(unittest.TestCase):
    def test_replies_line_by_line(self):
        words = ["chat", "--temperature", "0"]
        one = parley(*words, stdin="Hello, how are you?\n")[0]
        golden = complete("--prompt", "<|user|>Hello, how are you?<|assistant|>", "--special", "--temperature", "0",
                          "--repetition-penalty", "1.1", "--max-tokens", "64",
                          "--stop-token-ids", str(USER), "--stop-token-ids", str(ASSISTANT))
        self.assertEqual(one, golden["text"] + "\n")
        two = parley(*words, stdin="Hello, how are you?\nDo you like music?\n")[0]
        self.assertTrue(two.startswith(one))
        self.assertEqual(two.count("\n"), 2)

    def test_commands(self):
        out, err = parley("chat", stdin="/help\n/quit\nnever said\n")
        self.assertIn("/again", out)
        self.assertEqual(err, "")
        self.assertEqual(out.count("\n"), 6)
        _, err = parley("chat", stdin="/dance\n", code=1)
        self.assertIn("/dance", err)
        words = ["chat", "--temperature", "0", "--system", "You are a customer service assistant."]
        out = parley(*words, stdin="Hi\n/new\nHi\n/again\n")[0].splitlines()
        self.assertEqual(len(out), 3)
        self.assertEqual(out[0], out[1])
        self.assertEqual(out[0], out[2])
        self.assertIn("context:", parley("chat", stdin="/info\n")[0])

    def test_only_the_command_itself_sets_the_system_text(self):
        for line in ["/systems", "/systemprompt You are a pirate."]:
            out, err = parley("chat", "--temperature", "0", stdin=f"Hi\n{line}\n/again\n", code=1)
            self.assertIn("is no command", err)
            self.assertEqual(len(out.splitlines()), 2)  # the conversation was kept
        _, err = parley("chat", stdin="Hi\n/system You are a pirate.\n/again\n", code=1)
        self.assertIn("there is nothing to reply to", err)

    def test_what_is_asked_for_goes_before_the_preset(self):
        out, _ = parley("chat", "--temperature", "0", "--min-tokens", "100", stdin="Hi\n/info\n")
        self.assertGreater(int(out.split("context: ")[1].split()[0]), 100)  # the preset ends at 64
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.gguf"  # not the catalog's: the preset is that of eos_turns, 2 tokens or more
            parley("quantize", "parley-17m", path)
            words = ["chat", "--model", path, "--chat-format", "eos_turns", "--max-tokens", "1"]
            self.assertEqual(parley(*words, stdin="Hi\n")[1], "")

    def test_a_reply_stopped_before_its_first_word_is_none(self):
        # Twenty tries are written unseen, so that the signal comes before any text.
        words = ["--best-of", "20", "--max-tokens", "40", "--threads", "1", "--ignore-eos", "--seed", "1",
                 "--logit-bias", f"{EOS}:-100", "--temperature", "0.7", "--top-k", "40", "--top-p", "1",
                 "--repetition-penalty", "1", "--retry-repeats", "0"]
        with subprocess.Popen([PARLEY, "chat", *words],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as chat:
            def say(line, stop=False):
                chat.stdin.write(line.encode() + b"\n")
                chat.stdin.flush()
                if stop:
                    time.sleep(0.2)
                    chat.send_signal(signal.SIGINT)
                chat.stdin.write(b"/help\n")
                chat.stdin.flush()
                out = b""
                while not out.endswith(b"stops a reply\n"):
                    out += os.read(chat.stdout.fileno(), 4096)
                return out.decode().partition("/help ")[0].removesuffix("\n")

            def reply(conversation):
                return complete(*words, "--special", "--prompt", conversation + "<|assistant|>")["text"]

            say("/new")  # it listens now
            asked = "<|user|>Tell me a story"
            self.assertEqual(say("Tell me a story", stop=True), "")
            story = say("/again")  # the message has stayed
            self.assertEqual(story, reply(asked))
            self.assertEqual(say("/again", stop=True), "")  # the story stays
            self.assertEqual(say("Hi", stop=True), "")
            self.assertEqual(say("Ho"), reply(f"{asked}<|assistant|>{story}<|user|>Hi<|user|>Ho"))
            chat.stdin.close()
            self.assertEqual(chat.wait(timeout=60), 0)

    def test_twenty_turns_without_an_empty_or_repeated_reply(self):
        turns = json.loads((ROOT / "tests/golden/twenty_turns.json").read_text())
        for seed in ["5", "6"]:  # which without retries repeat one reply
            replies = parley("chat", "--seed", seed, stdin="\n".join(turns) + "\n")[0].splitlines()
            self.assertEqual(len(replies), len(turns))
            self.assertNotIn("", [reply.strip() for reply in replies])
            self.assertEqual(len({reply.strip() for reply in replies}), len(turns), replies)

    def test_i5_ctrl_c_stops_the_reply_not_the_program(self):
        # Hundreds of tokens, so that the signal arrives while they come.
        with subprocess.Popen([PARLEY, "chat", "--ignore-eos", "--max-tokens", "400", "--seed", "1", "--context", "512",
                               "--logit-bias", f"{EOS}:-100"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as chat:
            chat.stdin.write(b"Tell me a story\n")
            chat.stdin.flush()
            os.read(chat.stdout.fileno(), 1)
            chat.send_signal(signal.SIGINT)
            text = b""
            while not text.endswith(b"\n"):
                text += os.read(chat.stdout.fileno(), 4096)
            chat.stdin.write(b"/info\n")
            chat.stdin.flush()
            info = b""
            while b"context:" not in info:
                info += os.read(chat.stdout.fileno(), 4096)
            chat.stdin.close()
            self.assertEqual(chat.wait(timeout=60), 0)
        # Stopped within a step: far from the 400 tokens that were asked for.
        used = int(info.split(b"context: ")[1].split(b" ")[0])
        self.assertLess(used, 400)


class Eval(unittest.TestCase):
    @staticmethod
    def evaluate(*words, stdin):
        return json.loads(parley("eval", "--text", "-", "--special", "--json", *words, stdin=stdin)[0])

    @classmethod
    def setUpClass(cls):
        text = (GOLDEN / "validation.txt").read_text(encoding="utf-8")
        cls.text = text[:12000]

    def test_kernels_are_close_to_the_reference(self):
        reference = self.evaluate("--engine", "reference", stdin=self.text)
        kernels = self.evaluate("--against", "parley-17m", "--against-engine", "reference", stdin=self.text)
        self.assertEqual(set(reference), {"perplexity", "tokens"})
        self.assertEqual(set(kernels), {"perplexity", "tokens", "kl", "agreement"})
        self.assertEqual(reference["tokens"], kernels["tokens"])
        self.assertLess(abs(kernels["perplexity"] / reference["perplexity"] - 1), 0.005)
        self.assertLess(kernels["kl"], 0.002)
        self.assertGreater(kernels["kl"], 0)
        self.assertGreater(kernels["agreement"], 0.97)

    def test_a_model_agrees_with_itself(self):
        result = self.evaluate("--against", "parley-17m", stdin=self.text[:3000])
        self.assertEqual(result["kl"], 0)
        self.assertEqual(result["agreement"], 1)

    def test_another_engine_alone_is_for_the_same_model(self):
        text = self.text[:1000]
        result = self.evaluate("--against-engine", "reference", stdin=text)
        self.assertEqual(result, self.evaluate("--against", "parley-17m", "--against-engine", "reference", stdin=text))
        self.assertGreater(result["kl"], 0)

    def test_models_of_as_many_other_tokens_are_not_compared(self):
        data = TINY.read_bytes()
        a, b = struct.pack("<Q", 1) + b"a", struct.pack("<Q", 1) + b"b"
        self.assertEqual(data.count(a + b), 1)
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            file.write(data.replace(a + b, b + a))
            file.flush()
            words = ["eval", "--text", "-", "--model", TINY, "--against"]
            parley(*words, TINY, stdin="abc")
            _, err = parley(*words, file.name, stdin="abc", code=1)
        self.assertIn("vocabularies differ: token", err)
        self.assertIn("'a' and 'b'", err)
        _, err = parley(*words, "parley-17m", stdin="abc", code=1)
        self.assertIn("vocabularies differ: 257 tokens and 8192", err)

    def test_perplexity_is_that_of_the_log_probabilities(self):
        # One window: the mean of -log p over all tokens but the first, from `complete`, one token at a time.
        text = "<|user|>Hi<|assistant|>Hello"
        ids = [int(i) for i in parley("tokenize", "--special", stdin=text)[0].split()]
        total = 0
        for i in range(1, len(ids)):
            prompt = parley("detokenize", stdin=" ".join(map(str, ids[:i])))[0]
            token = complete("--special", "--prompt", prompt, "--logit-bias", f"{ids[i]}:100", "--temperature", "0",
                             "--max-tokens", "1", "--logprobs", "0")
            self.assertEqual(token["ids"], [ids[i]])
            total -= token["logprobs"][0]["logprob"]
        result = self.evaluate(stdin=text)
        self.assertEqual(result["tokens"], len(ids) - 1)
        self.assertAlmostEqual(math.log(result["perplexity"]), total / (len(ids) - 1), places=9)

    def test_windows_do_not_overlap_and_their_first_token_is_not_scored(self):
        text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        ids = parley("tokenize", stdin=text)[0].split()
        result = json.loads(parley("eval", "--text", "-", "--context", "8", "--json", stdin=text)[0])
        windows = math.ceil(len(ids) / 8)
        self.assertEqual(result["tokens"], len(ids) - windows)


class Models(unittest.TestCase):
    def test_tokenize_and_back(self):
        text = "Hello, 你好 🙂 <|user|>\n"
        ids = parley("tokenize", stdin=text)[0]
        self.assertEqual(ids.count("\n"), 1)
        self.assertEqual(parley("detokenize", stdin=ids)[0], text)
        self.assertNotIn(str(USER), ids.split())
        self.assertIn(str(USER), parley("tokenize", "--special", stdin=text)[0].split())
        lines = parley("tokenize", "--jsonl", stdin=json.dumps("Hello") + "\n" + json.dumps("a\nb") + "\n")[0]
        self.assertEqual(len([json.loads(line) for line in lines.splitlines()]), 2)

    def test_quantized_copies_run(self):
        with tempfile.TemporaryDirectory() as folder:
            q8 = f"{folder}/bundled.gguf"
            catalog = json.loads((ROOT / "models/catalog.json").read_text(encoding="utf-8"))
            parts = catalog["models"][0]["files"][0]["parts"]
            pathlib.Path(q8).write_bytes(b"".join((ROOT / "models" / p["url"]).read_bytes() for p in parts))
            parley("quantize", q8, f"{folder}/q4.gguf", "--type", "q4_0")
            words = ["--prompt", "Hello, how are you?", "--temperature", "0", "--max-tokens", "8"]
            self.assertEqual(complete(*words, "--model", q8)["ids"], complete(*words)["ids"])
            self.assertEqual(len(complete(*words, "--model", f"{folder}/q4.gguf")["ids"]), 8)
            info = json.loads(parley("inspect", "--json", f"{folder}/q4.gguf")[0])
            self.assertEqual(info["plan"]["quantization"], "Q4_0")

    def test_a_damaged_bundled_part_is_refused(self):
        # An installation of its own: bin/parley and share/parley/models, as `cmake --install` lays them out.
        with tempfile.TemporaryDirectory() as folder:
            binary = pathlib.Path(folder, "bin/parley")
            binary.parent.mkdir()
            binary.write_bytes(pathlib.Path(PARLEY).read_bytes())
            binary.chmod(0o755)
            models = pathlib.Path(folder, "share/parley/models")
            (models / "parley-17m").mkdir(parents=True)
            for path in [pathlib.Path("catalog.json"),
                         *(p.relative_to(ROOT / "models") for p in (ROOT / "models/parley-17m").glob("*.part"))]:
                (models / path).write_bytes((ROOT / "models" / path).read_bytes())
            command = [binary, "complete", "--prompt", "x", "--max-tokens", "1"]
            self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
            part = sorted((models / "parley-17m").glob("*.part"))[2]
            damaged = bytearray(part.read_bytes())
            damaged[1000] ^= 1
            part.write_bytes(damaged)
            done = subprocess.run(command, capture_output=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"CHECKSUM", done.stderr)
            self.assertIn(part.name.encode(), done.stderr)

    def test_bench_measures(self):
        result = json.loads(parley("bench", "--prompt-tokens", "32", "--tokens", "4", "--runs", "1", "--json")[0])
        self.assertGreater(result["prefill"]["tokens_per_second"], 0)
        self.assertGreater(result["decode"]["tokens_per_second"], 0)
        parley("bench", "--prompt-tokens", "512", "--tokens", "4", code=2)


if __name__ == "__main__":
    PARLEY = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
