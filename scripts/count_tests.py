#!/usr/bin/env python3
"""Prints `PASSED FAILED SKIPPED` for the output of a test runner; it runs nothing itself.

    count_tests.py KIND FILE
        ctest        output of ctest, one test of Parley each
        catch2       output of `ctest --verbose` where each test is a whole Catch2 program
        node         output of `node --test`
        vitest       vitest's JSON report
        playwright   Playwright's JSON report
        pytest       output of `pytest`
        own          output whose last line is `N passed, N failed`
"""
import json
import re
import sys


def number(pattern, text):
    """The sum of all numbers that the pattern's one group finds."""
    return sum(int(found) for found in re.findall(pattern, text, re.MULTILINE))


def count_ctest(text):
    failed = number(r"tests passed, (\d+) tests failed out of \d+", text)
    total = number(r"tests passed, \d+ tests failed out of (\d+)", text)
    skipped = len(re.findall(r"\*\*\*(?:Skipped|Not Run)", text))
    return total - failed - skipped, failed, skipped


def count_catch2(text):
    """Catch2's own numbers, and one for each program that states none: a replayed corpus, a program that crashed."""
    passed, failed, skipped = 0, 0, 0
    for test, outcome in re.findall(r"^ *\d+/\d+ Test +#(\d+): \S+ \.*(.*)", text, re.MULTILINE):
        output = "\n".join(re.findall(rf"^{test}: (.*)", text, re.MULTILINE))
        cases = r"^test cases: .*?(\d+) "
        all_passed = number(r"^All tests passed \(.* in (\d+) test cases?\)", output)
        program = [all_passed + number(cases + "passed", output), number(cases + "failed", output)]
        skipped += number(cases + "skipped", output)
        if not outcome.strip().startswith("Passed"):
            program[1] = max(program[1], 1)
        elif program == [0, 0]:
            program[0] = 1
        passed += program[0]
        failed += program[1]
    return passed, failed, skipped


def count_node(text):
    return (
        number(r"^(?:# |ℹ )pass (\d+)", text),
        number(r"^(?:# |ℹ )(?:fail|cancelled) (\d+)", text),
        number(r"^(?:# |ℹ )(?:skipped|todo) (\d+)", text),
    )


def count_vitest(text):
    report = json.loads(text)
    # A file that does not load fails without a test of its own.
    failed = max(report["numFailedTests"], report["numFailedTestSuites"] and 1)
    return report["numPassedTests"], failed, report["numPendingTests"] + report.get("numTodoTests", 0)


def count_playwright(text):
    report = json.loads(text)
    stats = report["stats"]
    failed = stats["unexpected"] + stats["flaky"] + len(report.get("errors", []))
    return stats["expected"], failed, stats["skipped"]


def count_pytest(text):
    last = text.rstrip().rsplit("\n", 1)[-1]
    # "2 failed, 50 passed, 1 skipped in 12.30s"; an error is a fixture or a file that broke.
    return number(r"(\d+) passed", last), number(r"(\d+) (?:failed|errors?)", last), number(r"(\d+) skipped", last)


def count_own(text):
    passed, failed = re.findall(r"^(\d+) passed, (\d+) failed$", text, re.MULTILINE)[-1]
    return int(passed), int(failed), 0


COUNTERS = {
    "ctest": count_ctest,
    "catch2": count_catch2,
    "node": count_node,
    "vitest": count_vitest,
    "playwright": count_playwright,
    "pytest": count_pytest,
    "own": count_own,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in COUNTERS:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8", errors="replace") as file:
        print(*COUNTERS[sys.argv[1]](file.read()))


if __name__ == "__main__":
    main()
