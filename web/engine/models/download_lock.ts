// One tab fetches a model at a time; the others wait, hear how far it is, and then find the model stored. A tab that dies
// lets the lock go; one that was frozen falls silent, and the lock is taken from it.
import { isAbortError, throwIfAborted } from "../errors";
import type { LoadProgress } from "../types";
import { follower } from "./download";

const HEARTBEAT_MS = 1000;
const SILENCE_MS = 8000;

interface Beat {
  id: string;
  progress: LoadProgress | null;
}

export type Tell = (progress: LoadProgress) => void;

/**
 * Runs `work` while no other tab does so for the same id. Its signal aborts when `signal` does, or when another tab has
 * taken the lock: then this one waits in turn. `report` also gets what another tab tells meanwhile.
 */
export async function exclusively<T>(
  id: string,
  report: Tell,
  signal: AbortSignal,
  work: (report: Tell, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (locks === undefined) return work(report, signal);
  const channel = new BroadcastChannel("parley-downloads");
  try {
    for (;;) {
      const outcome = await attempt(locks, channel, id, report, signal, work);
      if (outcome !== "lost") return outcome.value;
    }
  } finally {
    channel.close();
  }
}

/** Waits for the lock, or takes it from a holder that has fallen silent, and works; "lost" when it is taken from us. */
async function attempt<T>(
  locks: LockManager,
  channel: BroadcastChannel,
  id: string,
  report: Tell,
  signal: AbortSignal,
  work: (report: Tell, signal: AbortSignal) => Promise<T>,
): Promise<{ value: T } | "lost"> {
  const name = `parley-download-${id}`;
  const waiting = follower(signal);
  const working = follower(signal);
  let run: Promise<T> | null = null;
  const start = () => {
    stopListening();
    run = beating(channel, id, report, (tell) => work(tell, working.signal));
    return run;
  };
  const stopListening = listen(channel, id, report, () => {
    if (run === null) waiting.abort();
  });
  try {
    const request = locks.request(name, { signal: waiting.signal }, start);
    const value = await request.catch((error: unknown) => {
      if (run !== null || signal.aborted || !isAbortError(error)) throw error;
      return locks.request(name, { steal: true }, start);
    });
    return { value };
  } catch (error) {
    throwIfAborted(signal);
    if (!isAbortError(error)) throw error;
    working.abort();
    await (run as Promise<T> | null)?.catch(() => {});
    return "lost";
  } finally {
    stopListening();
  }
}

/** Passes on what the tab at work says; `onSilence` once it has said nothing for a while. */
function listen(channel: BroadcastChannel, id: string, report: Tell, onSilence: () => void): () => void {
  let timer = setTimeout(onSilence, SILENCE_MS);
  channel.onmessage = ({ data }: MessageEvent<Beat>) => {
    if (data.id !== id) return;
    clearTimeout(timer);
    timer = setTimeout(onSilence, SILENCE_MS);
    if (data.progress !== null) report({ ...data.progress, elsewhere: true });
  };
  return () => {
    clearTimeout(timer);
    channel.onmessage = null;
  };
}

/** Works, and says so every second. */
async function beating<T>(
  channel: BroadcastChannel,
  id: string,
  report: Tell,
  work: (tell: Tell) => Promise<T>,
): Promise<T> {
  let last: LoadProgress | null = null;
  const beat = () => channel.postMessage({ id, progress: last } satisfies Beat);
  beat();
  const timer = setInterval(beat, HEARTBEAT_MS);
  try {
    return await work((progress) => {
      last = progress;
      beat();
      report(progress);
    });
  } finally {
    clearInterval(timer);
  }
}
