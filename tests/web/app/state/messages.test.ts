// The tree of messages: walks along it, and its titles.

import { expect, test } from "vitest";
import {
  familyKey,
  isUnfinished,
  type Message,
  newestLeaf,
  pathTo,
  type ReplyMessage,
  titleFrom,
} from "../../../../web/app/state/messages";

function said(id: string, parent: string | null, created: number): Message {
  return { id, parent, created, conversation: "c", role: "user", content: id };
}

function replied(id: string, parent: string | null, created: number): Message {
  return { id, parent, created, conversation: "c", role: "assistant", content: id, state: "done" };
}

function tree(...messages: Message[]): Map<string, Message> {
  return new Map(messages.map((message) => [message.id, message]));
}

const branched = tree(
  said("hello", null, 1),
  replied("hi", "hello", 2),
  replied("good day", "hello", 3),
  said("bye", "hi", 4),
  replied("see you", "bye", 5),
);

test("a path runs from the first message to its leaf", () => {
  expect(pathTo("see you", branched).map(({ id }) => id)).toEqual(["hello", "hi", "bye", "see you"]);
  expect(pathTo("good day", branched).map(({ id }) => id)).toEqual(["hello", "good day"]);
  expect(pathTo(null, branched)).toEqual([]);
});

test("a circle or a missing parent in damaged data ends the path", () => {
  expect(pathTo("a", tree(said("a", "b", 1), replied("b", "a", 2))).map(({ id }) => id)).toEqual(["b", "a"]);
  expect(pathTo("a", tree(said("a", "lost", 1))).map(({ id }) => id)).toEqual(["a"]);
});

test("the newest leaf is the end of the branch that was written last", () => {
  expect(newestLeaf("hi", branched)).toBe("see you");
  expect(newestLeaf("good day", branched)).toBe("good day");
  expect(newestLeaf("hello", branched)).toBe("good day");
  expect(newestLeaf("a", tree(said("a", "b", 1), replied("b", "a", 2)))).toBe("b");
});

test("replies to one message are versions of each other, and no user message is one of them", () => {
  const [hello, hi, goodDay, bye] = [...branched.values()] as [Message, Message, Message, Message];
  expect(familyKey(hi)).toBe(familyKey(goodDay));
  expect(new Set([hello, hi, bye].map(familyKey)).size).toBe(3);
});

test("a title is the first line, cut between words, and never inside a character", () => {
  expect(titleFrom("  How are\n you? ")).toBe("How are you?");
  expect(titleFrom("word ".repeat(30))).toBe(`${"word ".repeat(11)}word…`);
  expect(titleFrom("😀".repeat(100))).toBe(`${"😀".repeat(60)}…`);
});

test("a reply is unfinished where something else than the model ended it", () => {
  const reply: ReplyMessage = {
    id: "r",
    parent: "u",
    created: 1,
    conversation: "c",
    role: "assistant",
    content: "Hi",
    state: "done",
  };
  const details = {
    model: "m",
    tokens: 2,
    tokensPerSecond: 9,
    seed: 1,
    contextUsed: 8,
    contextTotal: 9,
    options: {},
  };
  expect(isUnfinished({ ...reply, details })).toBe(false);
  expect(isUnfinished(reply)).toBe(false); // a branch that ends with the token that was chosen
  for (const state of ["cut", "stopped", "interrupted"] as const) {
    expect(isUnfinished({ ...reply, state, details })).toBe(true);
    expect(isUnfinished({ ...reply, state, content: "" })).toBe(false);
  }
  expect(isUnfinished({ ...reply, edited: true })).toBe(true);
  expect(isUnfinished({ ...reply, edited: true, details })).toBe(false); // the model went on from it
});
