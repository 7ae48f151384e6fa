// Checkpoints in the library: fetched from a repository or chosen as files, converted in the worker, kept converted.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answer } from "../support/site";
import { tinyCheckpoint } from "../support/tiny_checkpoint";
import { expect, failureOf, test } from "./fixtures";

const PARLEY =
  process.env.PARLEY_CLI ?? fileURLToPath(new URL("../../../build/native/parley", import.meta.url));
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

test("a repository's checkpoint is converted once to Q8_0 or Q4_0, and its files give the same model", async ({
  library,
  page,
}) => {
  const checkpoint = tinyCheckpoint(7);
  library.addFault((_, response, path) => {
    const [, rest] = path.split("/hub/");
    if (rest === undefined) return false;
    if (rest.startsWith("api/models/tiny/gpt2/revision/main")) {
      const siblings = [...checkpoint].map(([rfilename, bytes]) => ({
        rfilename,
        size: bytes.length,
        lfs: {
          sha256: createHash("sha256").update(bytes).digest("hex"),
          size: bytes.length,
          pointerSize: 130,
        },
      }));
      return answer(response, 200, "application/json", JSON.stringify({ sha: COMMIT, siblings }));
    }
    const file = checkpoint.get(rest.replace(`tiny/gpt2/resolve/${COMMIT}/`, ""));
    return file === undefined
      ? answer(response, 404, "text/plain", "no")
      : answer(response, 200, "application/octet-stream", file);
  });
  await library.open();
  const results = await page.evaluate(async () => {
    const path = "/dist/index.js";
    const { createEngine } = (await import(path)) as {
      createEngine: typeof import("../../../web/engine/index").createEngine;
    };
    const engine = createEngine({ hub: "/hub/" });
    const phases = new Set<string>();
    const onProgress = ({ phase }: { phase: string }) => void phases.add(phase);
    const ids = async () => {
      const params = { prompt: "hello hello", temperature: 0, max_tokens: 8, seed: 0 } as const;
      return (await engine.completions.create(params)).parley?.ids;
    };
    const seen = [];
    for (const quantization of ["q8_0", "q8_0", "q4_0"] as const) {
      const info = await engine.load("hf:tiny/gpt2", { quantization, onProgress });
      seen.push({ type: info.quantization, stored: info.from_storage, name: info.name, ids: await ids() });
    }
    const stored = await engine.models.stored();
    await engine.dispose();
    return { seen, stored, phases: [...phases] };
  });
  const [first, second, third] = results.seen;
  expect(first).toMatchObject({ type: "Q8_0", stored: false, name: "tiny/gpt2" });
  expect(first?.ids?.length).toBe(8);
  expect(second).toEqual({ ...first, stored: true });
  expect(third?.ids?.length).toBe(8);
  expect(results.phases).toEqual(["download", "convert", "load"]);
  expect(results.stored).toMatchObject([{ id: "hf:tiny/gpt2", complete: true, quantization: "q4_0" }]);
  expect(results.stored[0]?.bytes).toBe(results.stored[0]?.total_bytes);

  for (const shards of [1, 3]) {
    const files = [...tinyCheckpoint(7, shards)].map(([name, bytes]) => ({
      name,
      text: bytes.toString("base64"),
    }));
    const chosen = await page.evaluate(async (given) => {
      const made = given.map(({ name, text }) => {
        const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        return new File([bytes], name);
      });
      const info = await window.engine.load(made);
      const params = { prompt: "hello hello", temperature: 0, max_tokens: 8, seed: 0 } as const;
      const { parley } = await window.engine.completions.create(params);
      return { id: info.id, type: info.quantization, ids: parley?.ids };
    }, files);
    expect(chosen).toEqual({ id: "file:model", type: "Q8_0", ids: first?.ids });
  }
  expect(
    await failureOf(page, () =>
      window.engine.load([new File(["{}"], "config.json"), new File(["x"], "model.safetensors")]),
    ),
  ).toMatchObject({ code: expect.stringMatching(/^(BAD|TRUNCATED|UNSUPPORTED|LIMIT)/) });
});

test("the GGUF file that the worker makes of a checkpoint is the command line's, byte for byte", async ({
  library,
  page,
}) => {
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  await library.open();
  const work = mkdtempSync(join(tmpdir(), "parley-checkpoint-"));
  try {
    for (const shards of [1, 3]) {
      const checkpoint = tinyCheckpoint(11, shards);
      const folder = join(work, `${shards}`, "model"); // a folder's name is the model's
      mkdirSync(folder, { recursive: true });
      for (const [name, bytes] of checkpoint) writeFileSync(join(folder, name), bytes);
      for (const type of ["q8_0", "q4_0"] as const) {
        const target = join(work, `${shards}-${type}.gguf`);
        execFileSync(PARLEY, ["quantize", folder, target, "--type", type], { stdio: "pipe" });
        const files = [...checkpoint].map(([name, bytes]) => ({ name, text: bytes.toString("base64") }));
        const made = await page.evaluate(
          async ({ given, quantization }) => {
            const chosen = given.map(({ name, text }) => {
              const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
              return new File([bytes], name);
            });
            const id = await window.engine.models.add(chosen, { quantization });
            const file = await window.engine.models.export(id);
            const bytes = new Uint8Array(await file.arrayBuffer());
            return Array.from(bytes);
          },
          { given: files, quantization: type },
        );
        const expected = readFileSync(target);
        expect(made.length).toBe(expected.length);
        expect(sha256(Uint8Array.from(made)), `${shards} shards, ${type}`).toBe(sha256(expected));
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
