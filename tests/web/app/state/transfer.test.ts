// Conversations as files: out and back without loss, and whatever is wrong with a file refused with its place.

import fc from "fast-check";
import { expect, test } from "vitest";
import { CheckError } from "../../../../web/app/state/chat_check";
import { NO_DRAFT, type StoredChat } from "../../../../web/app/state/chat_store";
import type { Message } from "../../../../web/app/state/messages";
import {
  checkBundle,
  exportJson,
  FORMAT,
  fileName,
  readBundle,
  type Settings,
  toMarkdown,
} from "../../../../web/app/state/transfer";

const SETTINGS: Settings = {
  theme: "dark",
  language: "zh",
  model: "parley-17m",
  options: { "parley-17m": { temperature: 0.5, seed: 7, stop: ["\n"], logit_bias: { "11": -2.5 } } },
};

const MESSAGES: Message[] = [
  { id: "a", conversation: "c", parent: null, role: "user", content: "Hello", created: 1, pinned: true },
  {
    id: "b",
    conversation: "c",
    parent: "a",
    role: "assistant",
    content: "Hi.",
    created: 2,
    state: "done",
    tokens: [40, 13],
    details: {
      model: "parley-17m",
      tokens: 2,
      tokensPerSecond: 142.5,
      seed: 7,
      contextUsed: 12,
      contextTotal: 512,
      options: { temperature: 0.7, stop: ["x"], logit_bias: { "318": 1 }, ignore_eos: false, seed: 7 },
    },
  },
  {
    id: "d",
    conversation: "c",
    parent: "a",
    role: "assistant",
    content: "Good day.",
    created: 3,
    state: "failed",
    edited: true,
    failure: { code: "OOM", message: "no memory", bytes: 5 },
  },
];

const CHAT: StoredChat = {
  conversation: {
    id: "c",
    title: "Hello",
    created: 1,
    updated: 9,
    leaf: "b",
    system: "Be kind.\nBe brief.",
    pinned: true,
  },
  messages: MESSAGES,
  draft: NO_DRAFT,
};

function chat(id: string): StoredChat {
  const message: Message = { ...(MESSAGES[0] as Message), id: `${id}1`, conversation: id };
  return {
    conversation: { ...CHAT.conversation, id, leaf: message.id },
    messages: [message],
    draft: NO_DRAFT,
  };
}

const textOf = (chats: readonly StoredChat[]) =>
  exportJson(
    chats.map(({ conversation }) => conversation.id),
    async (id) => chats.find(({ conversation }) => conversation.id === id) ?? null,
    SETTINGS,
    new Date(0),
  ).then((blob) => blob.text());

/** An exported file, parsed, with one thing changed. */
async function changed(change: (file: ReturnType<typeof JSON.parse>) => void): Promise<unknown> {
  const file = JSON.parse(await textOf([CHAT, chat("e")]));
  change(file);
  return file;
}

async function refusal(data: unknown): Promise<[string, string]> {
  try {
    await checkBundle(data);
  } catch (error) {
    if (error instanceof CheckError) return [error.code, error.where];
    throw error;
  }
  throw new Error("it was taken");
}

test("what is exported comes back the same, with settings", async () => {
  const bundle = await readBundle(new Blob([await textOf([CHAT, chat("e")])]));
  expect(bundle).toEqual({ chats: [CHAT, chat("e")], settings: SETTINGS });
});

test("a reply on its way is exported as far as it is; tabs and revisions stay here", async () => {
  const writing: StoredChat = {
    ...CHAT,
    messages: [
      { ...(MESSAGES[0] as Message), revision: 4 },
      {
        ...(MESSAGES[1] as Message),
        state: "streaming",
        writer: "tab",
        content: "Hi",
        revision: 9,
      } as Message,
      { ...(MESSAGES[2] as Message), state: "waiting", writer: "tab", content: "" } as Message,
    ],
  };
  const text = await textOf([writing]);
  expect(text).not.toMatch(/writer|revision|streaming|waiting/);
  const [read] = (await readBundle(new Blob([text]))).chats;
  expect(read?.messages.map((message) => "state" in message && message.state)).toEqual([
    false,
    "interrupted",
    "stopped",
  ]);
});

test("C4: a file that asks for a reply does not get one by itself", async () => {
  const data = await changed((file) => {
    file.conversations[0].messages[1].state = "waiting";
    file.conversations[0].messages[1].content = "";
  });
  expect((await checkBundle(data)).chats[0]?.messages[1]).toMatchObject({ state: "stopped" });
});

test("C4: what is no export is told apart", async () => {
  for (const [text, code] of [
    ["", "BAD_JSON"],
    ['{"format":', "BAD_JSON"],
    ["null", "BAD_MAGIC"],
    ["[]", "BAD_MAGIC"],
    ['{"conversations":[]}', "BAD_MAGIC"],
    [`{"format":"${FORMAT}","version":2}`, "BAD_VERSION"],
    [`{"format":"${FORMAT}","version":1}`, "BAD_TYPE"],
  ] as const) {
    await expect(readBundle(new Blob([text])), text).rejects.toMatchObject({ code });
  }
});

test("C4: a file that is too large is not read", async () => {
  const file = { size: 300_000_000, text: () => expect.unreachable() } as unknown as Blob;
  await expect(readBundle(file)).rejects.toMatchObject({ code: "LIMIT", where: "file" });
});

test("C4: nesting a hundred thousand deep ends in an error", async () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  for (const at of ["exported", "conversations", "settings"]) {
    const text = `{"format":"${FORMAT}","version":1,"conversations":[],"${at}":${deep}}`;
    await expect(readBundle(new Blob([text])), at).rejects.toMatchObject({
      name: "CheckError",
      where: expect.any(String),
    });
  }
});

test("C4: every wrong value is refused with its place", async () => {
  type File = {
    conversations: Record<string, unknown>[] & { messages: Record<string, unknown>[] }[];
  } & Record<string, unknown>;
  const cases: [(file: File) => void, string, string][] = [
    [(file) => Object.assign(file, { more: 1 }), "UNKNOWN_KEY", "more"],
    [(file) => Object.assign(file, { conversations: {} }), "BAD_TYPE", "conversations"],
    [(file) => file.conversations.push(7 as never), "BAD_TYPE", "conversations[2]"],
    [
      (file) => file.conversations.push(structuredClone(file.conversations[0]) as never),
      "DUPLICATE",
      "conversations[2].id",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { colour: 1 }),
      "UNKNOWN_KEY",
      "conversations[0].colour",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { title: 1 }),
      "BAD_TYPE",
      "conversations[0].title",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { title: "" }),
      "BAD_TYPE",
      "conversations[0].title",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { title: "x".repeat(501) }),
      "LIMIT",
      "conversations[0].title",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { id: "../x" }),
      "BAD_TYPE",
      "conversations[0].id",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { updated: -1 }),
      "BAD_TYPE",
      "conversations[0].updated",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { created: 1e300 }),
      "BAD_TYPE",
      "conversations[0].created",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { pinned: "yes" }),
      "BAD_TYPE",
      "conversations[0].pinned",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { leaf: "z" }),
      "BAD_TREE",
      "conversations[0].leaf",
    ],
    [
      (file) => Object.assign(file.conversations[0] as object, { messages: null }),
      "BAD_TYPE",
      "conversations[0].messages",
    ],
    [
      (file) => Object.assign(at(file, 0), { role: "system" }),
      "BAD_TYPE",
      "conversations[0].messages[0].role",
    ],
    [
      (file) => Object.assign(at(file, 0), { content: ["x"] }),
      "BAD_TYPE",
      "conversations[0].messages[0].content",
    ],
    [
      (file) => Object.assign(at(file, 0), { state: "done" }),
      "UNKNOWN_KEY",
      "conversations[0].messages[0].state",
    ],
    [
      (file) => Object.assign(at(file, 0), { parent: "b" }),
      "BAD_TREE",
      "conversations[0].messages[0].parent",
    ],
    [
      (file) => Object.assign(at(file, 1), { parent: "q" }),
      "BAD_TREE",
      "conversations[0].messages[1].parent",
    ],
    [
      (file) => Object.assign(at(file, 1), { parent: "d" }),
      "BAD_TREE",
      "conversations[0].messages[1].parent",
    ],
    [
      (file) => Object.assign(at(file, 1), { parent: null }),
      "BAD_TREE",
      "conversations[0].messages[1].parent",
    ],
    [(file) => Object.assign(at(file, 1), { id: "a" }), "DUPLICATE", "conversations[0].messages[1].id"],
    [
      (file) => Object.assign(at(file, 1), { state: "great" }),
      "BAD_TYPE",
      "conversations[0].messages[1].state",
    ],
    [
      (file) => Object.assign(at(file, 1), { conversation: "e" }),
      "BAD_TREE",
      "conversations[0].messages[1].conversation",
    ],
    [
      (file) => Object.assign(at(file, 1).details as object, { tokens: "9" }),
      "BAD_TYPE",
      "conversations[0].messages[1].details.tokens",
    ],
    [
      (file) => Object.assign(at(file, 1).details as object, { options: { a: { b: { c: 1 } } } }),
      "BAD_TYPE",
      "conversations[0].messages[1].details.options.a",
    ],
    [
      (file) => Object.assign(at(file, 2).failure as object, { code: 3 }),
      "BAD_TYPE",
      "conversations[0].messages[2].failure.code",
    ],
    [
      (file) =>
        Object.assign((file.conversations[1] as { messages: object[] }).messages[0] as object, { id: "a" }),
      "BAD_TREE",
      "conversations[1].leaf",
    ],
    [(file) => Object.assign(file.settings as object, { theme: "pink" }), "BAD_TYPE", "settings.theme"],
    [
      (file) => Object.assign(file.settings as object, { options: { m: { temperature: 9 } } }),
      "BAD_TYPE",
      "settings.options.m.temperature",
    ],
    [
      (file) => Object.assign(file.settings as object, { options: { m: { heat: 1 } } }),
      "BAD_TYPE",
      "settings.options.m.heat",
    ],
  ];
  function at(file: File, index: number): Record<string, unknown> {
    const [first] = file.conversations as unknown as { messages: Record<string, unknown>[] }[];
    return first?.messages[index] ?? {};
  }
  for (const [change, code, where] of cases) {
    expect(await refusal(await changed(change))).toEqual([code, where]);
  }
});

test("C4: two messages of one name in two conversations are refused", async () => {
  const data = await changed((file) => {
    file.conversations[1].messages[0].id = "a";
    file.conversations[1].leaf = "a";
  });
  expect(await refusal(data)).toEqual(["DUPLICATE", "conversations[1].messages[0].id"]);
});

test("C4: __proto__ and constructor are keys like any other, and refused", async () => {
  const text = await textOf([CHAT]);
  for (const [part, key] of [
    ['"title":', '"__proto__":{"title":"x"},"title":'],
    ['"temperature":0.7', '"__proto__":{"temperature":1}'],
    ['"318":', '"__proto__":'],
    ['"model":"parley-17m","tokens"', '"constructor":1,"model":"parley-17m","tokens"'],
    ['"parley-17m":{"temperature"', '"parley-17m":{"__proto__":{},"temperature"'],
  ] as const) {
    expect(text).toContain(part);
    await expect(readBundle(new Blob([text.replace(part, key)]))).rejects.toBeInstanceOf(CheckError);
  }
  expect(({} as Record<string, unknown>).title).toBeUndefined();
});

test("C4: whatever replaces a part of a file, it is read or refused, and never anything else", async () => {
  const file = JSON.parse(await textOf([CHAT, chat("e")]));
  const places: [object, string][] = [];
  const walk = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, part] of Object.entries(value)) {
      places.push([value, key]);
      walk(part);
    }
  };
  walk(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(places.length - 1), fc.jsonValue(), async (index, value) => {
      const [owner, key] = places[index] as [Record<string, unknown>, string];
      const before = owner[key];
      owner[key] = value;
      try {
        await checkBundle(structuredClone(file));
      } catch (error) {
        expect(error).toBeInstanceOf(CheckError);
        expect((error as CheckError).where).not.toBe("");
      } finally {
        owner[key] = before;
      }
    }),
  );
});

test("Markdown has the title, the system text and the branch on show", () => {
  expect(toMarkdown(CHAT, { you: "You", parley: "Parley" })).toBe(
    "# Hello\n\n> Be kind.\n> Be brief.\n\n**You**\n\nHello\n\n**Parley**\n\nHi.\n",
  );
});

test("C5: a title becomes a file's name without anything that a file system would read", () => {
  for (const [title, name] of [
    ["Do you like movies?", "Do-you-like-movies.md"],
    ["../../etc/passwd", "etc-passwd.md"],
    ["你好，世界", "你好-世界.md"],
    ["\u202Egnp.exe", "gnp-exe.md"],
    ["???", "parley.md"],
    ["x".repeat(100), `${"x".repeat(60)}.md`],
  ] as const) {
    expect(fileName({ title }, "md")).toBe(name);
  }
});
