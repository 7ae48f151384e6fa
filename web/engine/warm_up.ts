// Runs the core before anybody waits for it, so that the browser has compiled and optimised its hot code: on a model of
// zeros while the real one arrives, then on the real one. What it leaves behind is as if it had never been.
import { startSmall } from "./loader";
import { timed } from "./spans";
import type { CompiledBuild } from "./wasm_module";
import type { WasmSession } from "./wasm_session";
import { zeroModel } from "./zero_model";

const SENTENCE =
  "Each of these words is here so that the code which reads prompts and writes replies is compiled. ";
const ROUNDS = 4; // after which another changes nothing

/**
 * Runs the session a little: some 300 tokens, with the 16 that follow enough for the core to find the best number of
 * threads. Stops between steps when `isWanted` says that the session is needed.
 */
export async function warmUp(
  session: WasmSession,
  isWanted: () => boolean,
  yieldToMessages: () => Promise<void>,
): Promise<void> {
  try {
    await readAndWrite(session, SENTENCE.repeat(14), isWanted, yieldToMessages);
  } catch {
    // A context too small for it, or a core that fails: the first real reply says so.
  }
}

/**
 * Runs a model of zeros in an instance of its own: the browser shares what it compiles among all instances of a module.
 * Stops as `warmUp` does.
 */
export async function warmUpBuild(
  build: CompiledBuild,
  isWanted: () => boolean,
  yieldToMessages: () => Promise<void>,
): Promise<void> {
  const session = await startSmall(build);
  try {
    const file = zeroModel();
    session.beginLoad(file.length, 0, 1, false);
    const place = session.allocate(file.length);
    session.memoryAt(place, file.length).set(file);
    session.write(place, file.length);
    session.open();
    session.release(place);
    for (let round = 0; round < ROUNDS && !isWanted(); round++) {
      const text = round + SENTENCE.repeat(3); // a token a byte, and nothing that the KV cache has
      await timed("warm up", readAndWrite(session, text, isWanted, yieldToMessages));
    }
  } finally {
    session.destroy();
  }
}

async function readAndWrite(
  session: WasmSession,
  text: string,
  isWanted: () => boolean,
  yieldToMessages: () => Promise<void>,
): Promise<void> {
  session.setOptions([
    ["temperature", "0"],
    ["max_tokens", "16"],
    ["ignore_eos", "true"],
    ["seed", "0"],
  ]);
  session.beginCompletion(text, false);
  do await yieldToMessages();
  while (!isWanted() && session.next().kind !== "done");
}
