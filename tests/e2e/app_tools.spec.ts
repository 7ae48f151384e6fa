// The tools beside the chat, with the real model: the self-test, completion, a comparison, links that give the text of the
// native command line; and every view of theirs under axe, wide and light, narrow and dark.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { Asked } from "../../web/app/state/runs";
import { makeRun, runFragment } from "../../web/app/state/shared_run";
import { picture } from "./support/pictures";
import { expect, test } from "./support/preview";
import { chooseFiles, expectReady, open, say } from "./support/talk";

const GOLDEN = new URL("../golden/parley-17m/", import.meta.url);

interface Shared {
  sha256: string;
  runs: { prompt?: string; messages?: { role: "user"; content: string }[]; options: object; text: string }[];
}

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, GOLDEN), "utf8")) as T;
}

async function openTool(page: Page, name: string): Promise<void> {
  await page.locator(".menu > summary").click();
  await page.locator(".menu-item", { hasText: name }).click();
  await expect(page.locator("dialog[open]")).toBeVisible();
}

test("the self-test passes, and the report says so and what runs", async ({ page }) => {
  await open(page);
  await openTool(page, "Diagnostics");
  await page.getByRole("button", { name: "Run the self-test" }).click();
  await expect(page.getByText(/^Passed: \d+ tokens/u)).toBeVisible();
  const report = page.locator(".report");
  await expect(report).toContainText("Self-test: passed");
  await expect(report).toContainText("Build: relaxed");
  await expect(report).toContainText(/Memory: [\d.]+ MB, planned [\d.]+ MB/u);
});

test("completion: the classic is GPT2LMHeadModel's text, undo takes it back, the document is kept", async ({
  page,
}) => {
  const { prompts } = golden<{ prompts: { prompt: string; greedy_text: string }[] }>("golden-q8_0.json");
  const expected = prompts.find(({ prompt }) => prompt === "Hello, how are you?")?.greedy_text;
  await open(page);
  await openTool(page, "Completion");
  const field = page.getByRole("textbox", { name: "Document" });
  await field.fill("A beginning");
  await page.getByRole("button", { name: "Hello, how are you?" }).click();
  await expect(field).toHaveValue(expected ?? "");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(field).toHaveValue("A beginning");
  await field.press("Control+Enter");
  await expect(page.getByRole("button", { name: "Stop" })).toHaveCount(0);
  await expect(field).toHaveValue(/^A beginning./u);
  const written = await field.inputValue();
  await page.keyboard.press("Escape");
  await page.reload();
  await expectReady(page);
  await openTool(page, "Completion");
  await expect(field).toHaveValue(written);
});

test("what was continued is looked at token by token, and another choice goes on from there", async ({
  page,
}) => {
  await open(page);
  await openTool(page, "Completion");
  const field = page.getByRole("textbox", { name: "Document" });
  await page.getByRole("button", { name: "Hello, how are you?" }).click();
  await expect(page.locator(".completion .figures").first()).toContainText("seed 0");
  const document_ = await field.inputValue();
  await page.getByRole("button", { name: "Inspect" }).click();
  const tokens = page.locator(".completion .tokens").first().locator(".token");
  const wordsOf = (texts: string[]) => texts.join("").replaceAll(/<\|\w+\|>/gu, ""); // without the format's marks
  const shown = async () => wordsOf(await tokens.allTextContents());
  await expect.poll(shown).toBe(document_.slice("Hello, how are you?".length));
  await tokens.nth(3).click();
  const chosen = page.locator("tr[data-chosen]").first();
  await expect(chosen).toContainText("chosen"); // greedily: the likeliest
  await expect(page.locator(".alternatives tbody tr").first()).toHaveAttribute("data-chosen");
  const kept = wordsOf((await tokens.allTextContents()).slice(0, 3));
  const other = page.locator("button.alternative").first();
  const choice = ((await other.textContent()) ?? "").replace(/^␣/u, " ");
  await other.click();
  await expect(field).not.toHaveValue(document_);
  await expect(page.getByRole("button", { name: "Stop" })).toHaveCount(0);
  expect((await field.inputValue()).startsWith(`Hello, how are you?${kept}${choice}`)).toBe(true);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(field).toHaveValue(document_);
});

test("a continuation is one text: the model of conversations begins no turn in it", async ({ page }) => {
  await open(page);
  await openTool(page, "Completion");
  const field = page.getByRole("textbox", { name: "Document" });
  await field.fill("It was raining."); // and then nearly always a turn
  await field.press("Control+Enter");
  await expect(page.locator(".completion .figures").first()).toContainText("seed");
  await page.getByRole("button", { name: "Inspect" }).click();
  const tokens = page.locator(".completion .tokens").first().locator(".token");
  await expect(tokens.first()).toBeVisible();
  const written = (await tokens.allTextContents()).join("");
  expect(written.replaceAll("<|endoftext|>", "")).not.toContain("<|");
});

test("a continuation is shared: its tool gives way to the run, which gives it again", async ({ page }) => {
  await open(page);
  await openTool(page, "Completion");
  await page.getByRole("textbox", { name: "Document" }).fill("It was raining.");
  await page.getByRole("textbox", { name: "Document" }).press("Control+Enter");
  await expect(page.locator(".completion .figures").first()).toContainText("seed");
  await page.getByRole("button", { name: "Share this run" }).click();
  await expect(page.locator("dialog[open]")).toHaveCount(1);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByText("The same text, byte for byte.")).toBeVisible();
});

test("a link does nothing before the click, then gives the native command line's text, each time", async ({
  page,
}) => {
  const { sha256, runs } = golden<Shared>("shared_runs.json");
  const model = { source: "parley-17m", name: "Parley 17M", sha256, context: 512 };
  for (const { prompt, messages = [], options, text } of runs) {
    const asked: Asked = prompt === undefined ? { kind: "chat", messages } : { kind: "completion", prompt };
    const fragment = await runFragment(await makeRun(model, asked, { ...options }, text));
    await page.goto("about:blank");
    await page.goto(`./#${fragment}`);
    await expectReady(page);
    await expect(page.locator(".run-words")).toHaveText(prompt ?? messages[0]?.content ?? "");
    await expect(page.locator(".run-result")).toHaveCount(0);
    for (let time = 0; time < 2; time++) {
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await expect(page.getByText("The same text, byte for byte.")).toBeVisible();
      expect(await page.locator(".run-result .side-text").textContent()).toBe(text);
    }
  }
});

test("a reply is shared as a link that gives it again", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page);
  await say(page, "Do you like movies?");
  const reply = await say(page, "Which one is the best?");
  await page.getByRole("button", { name: "Share" }).last().click();
  await page.getByRole("button", { name: "Copy the link" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto("about:blank");
  await page.goto(link);
  await expectReady(page);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByText("The same text, byte for byte.")).toBeVisible();
  expect(await page.locator(".run-result .side-text").textContent()).toBe(reply);
});

test("a link that is cut off says so, and nothing can be run", async ({ page }) => {
  await page.goto("./#run=q1YqSCxKzE1VslIqKs1TqgUA");
  await expect(page.getByText(/This (link is cut off|is no run)/u)).toBeVisible();
  await expect(page.getByRole("button", { name: "Run", exact: true })).toHaveCount(0);
});

test("two settings side by side", async ({ page }) => {
  await open(page);
  await openTool(page, "Compare");
  await page.getByRole("textbox", { name: "Prompt" }).fill("Do you like music?");
  await page.locator(".compare .primary").click();
  await expect(page.locator(".side .figures").filter({ hasText: "seed" })).toHaveCount(2);
  for (const text of await page.locator(".side-text").allTextContents()) expect(text).not.toBe("");
});

test("two models side by side, one from a file: each writes its own text, and the page's own is back afterwards", async ({
  page,
}) => {
  test.slow();
  const { prompts } = golden<{ prompts: { prompt: string; greedy_text: string }[] }>("golden-q8_0.json");
  const prompt = "Hello, how are you?";
  const expected = prompts.find((one) => one.prompt === prompt)?.greedy_text ?? "";
  await open(page);
  const panel = await chooseFiles(page, fileURLToPath(new URL("../llama/tiny-q8_0.gguf", GOLDEN)));
  await expect(panel.locator(".model", { hasText: "tiny" })).toContainText("in use", { timeout: 45_000 });
  await page.keyboard.press("Escape");
  await expectReady(page);
  const chip = page.locator(".chip");
  await expect(chip).not.toContainText("Parley 17M");
  await openTool(page, "Compare");
  await page.getByRole("textbox", { name: "Prompt" }).fill(prompt);
  await page.getByRole("radio", { name: "a text to continue" }).check();
  const [first, second] = [page.locator(".side").first(), page.locator(".side").last()];
  await second.getByRole("combobox").selectOption("parley-17m");
  await page.locator(".compare .primary").click();
  for (const side of [first, second])
    await expect(side.locator(".figures").filter({ hasText: "seed" })).toBeVisible({ timeout: 45_000 });
  await expect(first.locator(".side-text")).not.toBeEmpty();
  await expect(second.locator(".side-text")).toHaveText(expected.slice(prompt.length)); // greedily
  await expect(page.getByText("Both write with the same seed")).toBeVisible({ timeout: 45_000 });
  await picture(page, "two models", "real");
  await page.keyboard.press("Escape");
  await expectReady(page);
  await expect(chip).not.toContainText("Parley 17M");
});

test("the manifest names pictures of the sizes that it says, and shortcuts that open what they are called", async ({
  page,
}) => {
  await open(page);
  const manifest = await page.evaluate(async () => {
    const href = document.querySelector<HTMLLinkElement>("link[rel=manifest]")?.href ?? "";
    const found = (await (await fetch(href)).json()) as {
      icons: { src: string; sizes: string; purpose?: string }[];
      screenshots: { src: string; sizes: string; form_factor: string }[];
      shortcuts: { name: string; url: string }[];
    };
    const sizeOf = async (src: string) => {
      const image = new Image();
      image.src = new URL(src, href).href;
      await image.decode();
      return `${image.naturalWidth}x${image.naturalHeight}`;
    };
    const pictures = [...found.icons, ...found.screenshots];
    const sizes = await Promise.all(
      pictures.map(async ({ src, sizes }) => [sizes, await sizeOf(src)] as const),
    );
    return { ...found, sizes };
  });
  for (const [said, found] of manifest.sizes) expect(found).toBe(said);
  expect(manifest.icons.map(({ sizes }) => sizes)).toEqual(expect.arrayContaining(["192x192", "512x512"]));
  expect(manifest.icons.some(({ purpose }) => purpose === "maskable")).toBe(true);
  expect(manifest.screenshots.map(({ form_factor }) => form_factor).sort()).toEqual(["narrow", "wide"]);
  for (const { name, url } of manifest.shortcuts) {
    await page.goto("about:blank");
    await page.goto(url);
    await expect(page.locator("dialog[open] h2")).toHaveText(name);
  }
});

const VIEWS: Record<string, (page: Page) => Promise<void>> = {
  menu: async (page) => {
    await page.locator(".menu > summary").click();
    await expect(page.locator(".menu-item").first()).toBeVisible();
  },
  Diagnostics: async (page) => openTool(page, "Diagnostics"),
  Help: async (page) => {
    await page.locator("h1").click();
    await page.keyboard.press("Control+/");
    await expect(page.getByText("Send the message")).toBeVisible();
  },
  Completion: async (page) => {
    await openTool(page, "Completion");
    await page.getByRole("textbox", { name: "Document" }).fill("Once");
    await page.locator(".completion .primary").click();
    await page.locator("[open] summary").click();
    await expect(page.getByText("5 tokens, 142/s")).toBeVisible();
  },
  "completion, looked into": async (page) => {
    await openTool(page, "Completion");
    await page.getByRole("textbox", { name: "Document" }).fill("Once");
    await page.locator(".completion .primary").click();
    await expect(page.getByText("5 tokens, 142/s")).toBeVisible();
    await page.getByRole("button", { name: "Inspect" }).click();
    await page.locator(".completion .tokens .token").nth(1).click();
    await expect(page.locator(".alternatives").first()).toBeVisible();
  },
  Compare: async (page) => {
    await openTool(page, "Compare");
    await page.getByRole("textbox", { name: "Prompt" }).fill("Hello");
    await page.locator(".compare .primary").click();
    await expect(page.locator(".side .figures").filter({ hasText: "seed" })).toHaveCount(2);
  },
  "shared run": async (page) => {
    await say(page, "Hello");
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await expect(page.getByText("The same text, byte for byte.")).toBeVisible();
  },
};

for (const [name, act] of Object.entries(VIEWS)) {
  test(`axe finds nothing: ${name}`, async ({ preview, page }) => {
    const check = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([]);
    };
    await page.setViewportSize({ width: 1280, height: 800 });
    await preview.open("models"); // one of them with a long name
    await act(page);
    await check();
    await picture(page, name, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, name, "dark");
    for (const width of [360, 320]) {
      await page.setViewportSize({ width, height: 740 });
      await expect
        .poll(() => page.evaluate(() => document.documentElement.scrollWidth))
        .toBeLessThanOrEqual(width);
      const inner = page.locator("dialog[open]");
      if ((await inner.count()) > 0)
        expect(await inner.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
      await picture(page, name, `${width} px`);
    }
    await check();
    expect(preview.complaints).toEqual([]);
  });
}
