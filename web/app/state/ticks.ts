// When the page draws: at the next frame, and by a timer in a hidden tab, where frames never come.

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
