// Names what a load spends its time on, as measures of the browser's performance timeline: a profiler shows them, and
// bench/load reports them.

/** Begins a span, at `start` in ms of this thread's clock; the function that it returns ends it, without which it is not recorded. */
export function span(name: string, start = performance.now()): () => void {
  return () => {
    performance.measure(`parley ${name}`, { start, end: performance.now() });
  };
}

/** The span of an asynchronous piece of work. */
export async function timed<T>(name: string, work: Promise<T>): Promise<T> {
  const end = span(name);
  const value = await work;
  end();
  return value;
}
