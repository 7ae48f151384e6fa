// Finding conversations by their titles and by what was said.

import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { NO_DRAFT, type StoredChat } from "../../../../web/app/state/chat_store";
import { type Hit, mark, search, wordsOf } from "../../../../web/app/state/search";

function chat(id: string, title: string, ...texts: string[]): StoredChat {
  return {
    conversation: { id, title, created: 0, updated: 0, leaf: null, system: "", pinned: false },
    messages: texts.map((content, index) => ({
      id: `${id}${index}`,
      conversation: id,
      parent: null,
      role: "user",
      content,
      created: index,
    })),
    draft: NO_DRAFT,
  };
}

const CHATS = [
  chat("a", "Trams in Lisbon", "How do I get to Belém?", "By tram 15."),
  chat("b", "Dinner", "A table in LISBON, tonight?", "And a tram back from lisbon"),
  chat("c", "Weather", "Rain"),
  chat("d", "天气", "里斯本今天下雨吗？"),
];

async function find(query: string): Promise<Hit[]> {
  const hits: Hit[] = [];
  const list = signal(CHATS.map(({ conversation }) => conversation));
  const read = async (id: string) => CHATS.find(({ conversation }) => conversation.id === id) ?? null;
  await search({ list, read }, query, (hit) => hits.push(hit), new AbortController().signal);
  return hits;
}

test("titles come first, then the newest message with every word, whatever its case", async () => {
  const hits = await find("lisbon TRAM");
  expect(hits.map(({ conversation, message }) => [conversation.id, message?.id])).toEqual([
    ["a", undefined],
    ["b", "b1"],
  ]);
  expect(hits[0]?.title).toEqual({ before: "", match: "Tram", after: "s in Lisbon" });
});

test("words are found in any script and however their letters are composed", async () => {
  expect((await find("下雨")).map(({ conversation }) => conversation.id)).toEqual(["d"]);
  expect((await find("bele\u0301m")).map(({ conversation }) => conversation.id)).toEqual(["a"]);
  expect(await find("nowhere")).toEqual([]);
});

test("a long text is cut around the first word, never inside a character", () => {
  const text = `${"😀".repeat(50)} needle ${"😀".repeat(50)}`;
  for (const around of [3, 4, 5, 6]) {
    const marked = mark(text, ["needle"], around);
    expect(marked.match).toBe("needle");
    expect(`${marked.before}${marked.after}`).toMatch(/^…?(😀)* +(😀)*…?$/u);
  }
  expect(mark("Needle", ["needle"], 5)).toEqual({ before: "", match: "Needle", after: "" });
});

test("where a letter changes its length with its case nothing is marked wrongly", () => {
  expect(mark("İstanbul needle", ["needle"], 40)).toEqual({
    before: "İstanbul needle",
    match: "",
    after: "",
  });
});

test("a query of spaces has no words", () => {
  expect(wordsOf("  \n ")).toEqual([]);
});

test("a search that was given up finds nothing more", async () => {
  const giveUp = new AbortController();
  const hits: Hit[] = [];
  const list = signal(CHATS.map(({ conversation }) => conversation));
  const read = async (id: string) => {
    giveUp.abort();
    return CHATS.find(({ conversation }) => conversation.id === id) ?? null;
  };
  await search({ list, read }, "tonight", (hit) => hits.push(hit), giveUp.signal);
  expect(hits).toEqual([]);
});
