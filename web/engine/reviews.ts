// One look at tokens on the page's side: asks the worker, passes its progress on, and stops it when the signal aborts.
import { orAborted } from "./turns";
import type { ReviewOptions } from "./types";
import type { Work, WorkerHandle } from "./worker_handle";

export async function askReview<T>(
  handle: WorkerHandle,
  call: number,
  work: Work<T>,
  { signal, onProgress }: ReviewOptions,
): Promise<T> {
  const unlisten = handle.listen(call, (event) => {
    if (event.kind === "reviewed" && signal?.aborted !== true) onProgress?.(event.done, event.total);
  });
  const onAbort = () => handle.cancel(call);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await orAborted(handle.call(work, signal), signal);
  } finally {
    unlisten();
    signal?.removeEventListener("abort", onAbort);
  }
}
