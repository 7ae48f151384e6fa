"""`parley tokenize` and `parley detokenize` as a program uses them: JSON lines, any bytes, errors that name the line."""

import json
import subprocess
import sys
import unittest

PARLEY = sys.argv.pop(1)


def parley(*arguments, stdin):
    result = subprocess.run([PARLEY, *arguments], input=stdin, capture_output=True, check=False)
    return result.returncode, result.stdout, result.stderr.decode()


def tokenize_lines(*lines):
    code, out, error = parley("tokenize", "--jsonl", stdin="".join(line + "\n" for line in lines).encode())
    assert code == 0, error
    return [json.loads(row) for row in out.decode().split("\n")[:-1]]


class Tokenize(unittest.TestCase):
    def test_escapes_give_the_characters_they_stand_for(self):
        escaped = r'"\" \\ \/ \b \f \n \r \t \u0041 \u00e9 \u4f60 \ud83d\ude42"'
        plain = json.dumps(json.loads(escaped), ensure_ascii=False)
        self.assertEqual(*tokenize_lines(escaped, plain))

    def test_t3_lone_surrogates_and_ill_formed_bytes_are_replacements(self):
        for lone in (r'"a\ud800b"', r'"a\udc00b"', r'"a\ud800A b"', r'"a\ud800\ud800b"'):
            replaced = json.dumps("".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in json.loads(lone)))
            self.assertEqual(*tokenize_lines(lone, replaced))
        code, out, _ = parley("tokenize", "--jsonl", stdin=b'"a\xffb"\n')
        self.assertEqual(code, 0)
        self.assertEqual([json.loads(out)], tokenize_lines(json.dumps("a\ufffdb")))

    def test_t6_special_tokens_are_text_unless_asked_for(self):
        self.assertNotIn("8188", parley("tokenize", stdin=b"<|endoftext|>")[1].decode().split())
        self.assertEqual(parley("tokenize", "--special", stdin=b"<|endoftext|>")[1], b"8188\n")

    def test_no_text_gives_no_ids(self):
        self.assertEqual(parley("tokenize", stdin=b"")[1], b"\n")
        self.assertEqual(parley("tokenize", "--jsonl", stdin=b"")[1], b"")
        self.assertEqual(parley("tokenize", "--jsonl", stdin=b'""\n')[1], b"[]\n")
        self.assertEqual(parley("detokenize", stdin=b"\n")[1], b"")

    def test_a_line_that_is_no_string_is_an_error_with_its_number(self):
        for bad in (b"x", b"", b'"', b'"a', b'"a"b"', b'"\\x"', b'"\\u12g4"', b'"\\u12', b'"a\tb"', b"1", b'["a"]'):
            code, out, error = parley("tokenize", "--jsonl", stdin=b'"good"\n' + bad + b"\n")
            self.assertEqual(code, 1, bad)
            self.assertEqual(len(out.splitlines()), 1)
            self.assertIn("line 2: expected one JSON string [BAD_JSON]", error)

    def test_detokenize_gives_the_bytes_back(self):
        text = "Zażółć <|user|> 🙂\n\n  x".encode()
        ids = parley("tokenize", stdin=text)[1]
        self.assertEqual(parley("detokenize", stdin=ids)[1], text)
        as_json = b"[" + ids.strip().replace(b" ", b", ") + b"]\n"
        self.assertEqual(parley("detokenize", stdin=as_json)[1], text)
        rows = parley("detokenize", "--jsonl", stdin=as_json + b"[]\n")[1].decode().split("\n")
        self.assertEqual([json.loads(row) for row in rows[:-1]], [text.decode(), ""])

    def test_detokenize_names_special_tokens_or_leaves_them_out(self):
        self.assertEqual(parley("detokenize", stdin=b"8189 8190")[1], b"<|user|><|assistant|>")
        self.assertEqual(parley("detokenize", "--skip-special", stdin=b"8189 8190")[1], b"")

    def test_ids_outside_the_vocabulary_and_words_are_errors(self):
        for bad, message in (
            (b"8192", "token id 8192 is outside the vocabulary of 8192 [BAD_ARG]"),
            (b"99999999999", "'99999999999' is no token id [BAD_ARG]"),
            (b"1 -2", "'-2' is no token id [BAD_ARG]"),
            (b"one", "'one' is no token id [BAD_ARG]"),
        ):
            code, out, error = parley("detokenize", stdin=bad)
            self.assertEqual((code, out), (1, b""))
            self.assertIn(message, error)
        for bad in (b"1", b"[[1]]", b'["1"]', b"[1.0]", b"[-1]", b"[4294967296]"):
            code, _, error = parley("detokenize", "--jsonl", stdin=bad + b"\n")
            self.assertEqual(code, 1, bad)
            self.assertIn("line 1: expected one JSON array of token ids [BAD_JSON", error)
        self.assertIn("[BAD_JSON", parley("detokenize", "--jsonl", stdin=b"[1,\n")[2])


if __name__ == "__main__":
    unittest.main()
