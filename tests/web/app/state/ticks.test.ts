// When the page draws, in a tab that is looked at and in one that is not.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { atNextFrame } from "../../../../web/app/state/ticks";

/** The page's tab. In a hidden one frames are asked for and never come. */
class FakeTab {
  readonly document = { hidden: false };
  readonly #asked = new Map<number, () => void>();
  #count = 0;

  constructor() {
    vi.stubGlobal("document", this.document);
    vi.stubGlobal("requestAnimationFrame", (draw: () => void) => {
      this.#asked.set(++this.#count, draw);
      return this.#count;
    });
    vi.stubGlobal("cancelAnimationFrame", (frame: number) => this.#asked.delete(frame));
  }

  frame(): void {
    if (this.document.hidden) return;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const draw of asked) draw();
  }
}

let tab: FakeTab;

beforeEach(() => {
  vi.useFakeTimers();
  tab = new FakeTab();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what is on the screen is drawn at the next frame, once", () => {
  const draw = vi.fn();
  atNextFrame(draw);
  expect(draw).not.toHaveBeenCalled();
  tab.frame();
  expect(draw).toHaveBeenCalledOnce();
  tab.frame();
  vi.advanceTimersByTime(10_000);
  expect(draw).toHaveBeenCalledOnce();
});

test("R9: a hidden tab, which has no frames, is drawn within a second all the same, once", () => {
  tab.document.hidden = true;
  const draw = vi.fn();
  atNextFrame(draw);
  vi.advanceTimersByTime(1000);
  expect(draw).toHaveBeenCalledOnce();
  tab.document.hidden = false;
  tab.frame();
  vi.advanceTimersByTime(10_000);
  expect(draw).toHaveBeenCalledOnce();
});

test("R9: a tab that is hidden while a frame is awaited is drawn within a second, and not again when it is back", () => {
  const draw = vi.fn();
  atNextFrame(draw);
  tab.document.hidden = true;
  tab.frame();
  vi.advanceTimersByTime(1000);
  expect(draw).toHaveBeenCalledOnce();
  tab.document.hidden = false;
  tab.frame();
  expect(draw).toHaveBeenCalledOnce();
});

test("what is called off is not drawn, whether the tab is hidden or not", () => {
  for (const hidden of [false, true]) {
    tab.document.hidden = hidden;
    const draw = vi.fn();
    atNextFrame(draw)();
    tab.document.hidden = false;
    tab.frame();
    vi.advanceTimersByTime(10_000);
    expect(draw).not.toHaveBeenCalled();
  }
});
