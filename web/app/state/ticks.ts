// When the page draws: at the next frame, and by a timer in a hidden tab, where frames never come. And how long work lets it
// draw in between.

const HIDDEN_MS = 100;
const LATE_MS = 250; // the tab was hidden after the frame was asked for

/** Runs `draw` once, at the next frame or soon. Returns a function that calls it off. */
export function atNextFrame(draw: () => void): () => void {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const run = () => {
    cancel();
    draw();
  };
  if (document.hidden) {
    timer = setTimeout(run, HIDDEN_MS);
  } else {
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, LATE_MS);
  }
  return cancel;
}

/** Lets the page have its turn. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

const WORK_MS = 12; // a task, well below what anybody notices

/** Long work calls what this returns now and then; it lets the page have its turn when that is due. */
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < WORK_MS) return;
    await nextTask();
    since = performance.now();
  };
}
