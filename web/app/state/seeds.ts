// Seeds for what is generated without one.

/** Five digits: enough for replies to differ, and short enough to read out. */
export function drawSeed(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random % 100_000;
}
