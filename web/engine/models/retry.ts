// Tries storage again that was refused for a moment: a browser that was just killed, or a page that was just closed, can
// hold its files locked a little longer.

const PAUSE_MS = 50;

/** `attempt` again and again while it fails with an error of one of these names; none begins later than `waitMs`. */
export async function retryStorage<T>(
  names: readonly string[],
  attempt: () => Promise<T>,
  waitMs = 2000,
): Promise<T> {
  const end = performance.now() + waitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!names.includes(nameOf(error)) || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
