// Text that may grow while it is shown: one append a frame, text nodes only, in blocks small enough that a long text
// is laid out a screenful at a time. Where the text comes from is left to the caller.

import { effect, type ReadonlySignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { atNextFrame } from "../state/ticks";

const BLOCK_LENGTH = 2000; // UTF-16 units; a line longer than this is split
const FRAME_LENGTH = 16_384; // UTF-16 units drawn a frame
const LONG = 20; // blocks, from which on those out of sight are not laid out

/** Draws a text into `root`, one block a line, and appends what was added since. */
export class BlockWriter {
  private shown = "";
  private last: Text | null = null; // the line that is still growing

  constructor(private readonly root: HTMLElement) {}

  /** Draws at most FRAME_LENGTH more of the text; false when there is more to draw. */
  show(text: string): boolean {
    if (!text.startsWith(this.shown)) {
      this.root.replaceChildren();
      delete this.root.dataset.long;
      this.shown = "";
      this.last = null;
    }
    const from = this.shown.length;
    const to = Math.min(text.length, from + FRAME_LENGTH);
    if (from === to) return true;
    this.shown = text.slice(0, to);
    for (const [index, line] of text.slice(from, to).split("\n").entries()) {
      if (index > 0) this.last = null;
      this.append(line, index > 0 || from === 0);
    }
    return to === text.length;
  }

  private append(line: string, starts: boolean): void {
    let rest = line;
    if (this.last === null && (starts || rest !== "")) this.last = this.block();
    while (rest !== "" && this.last !== null) {
      const room = BLOCK_LENGTH - this.last.length;
      if (rest.length <= room) {
        this.last.appendData(rest);
        return;
      }
      const cut = cutBefore(rest, Math.max(room, 1));
      this.last.appendData(rest.slice(0, cut));
      this.last.parentElement?.classList.add("block-full");
      rest = rest.slice(cut);
      this.last = this.block();
    }
  }

  private block(): Text {
    const block = document.createElement("div");
    block.dir = "auto";
    block.className = "block";
    const text = document.createTextNode("");
    block.append(text);
    this.root.append(block);
    if (this.root.childElementCount > LONG) this.root.dataset.long = "";
    return text;
  }
}

/** At most `limit`, after a space if there is one, and never inside a surrogate pair. */
function cutBefore(text: string, limit: number): number {
  const space = text.lastIndexOf(" ", limit - 1);
  if (space > 0) return space + 1;
  const code = text.charCodeAt(limit);
  return code >= 0xdc00 && code <= 0xdfff && limit > 1 ? limit - 1 : limit;
}

interface GrowingTextProps {
  text: ReadonlySignal<string> | string;
  streaming?: boolean;
}

export function GrowingText({ text, streaming = false }: GrowingTextProps) {
  const root = useRef<HTMLDivElement>(null);
  const writer = useRef<BlockWriter | null>(null);

  useLayoutEffect(() => {
    if (root.current === null) return;
    writer.current ??= new BlockWriter(root.current);
    const blocks = writer.current;
    const now = () => (typeof text === "string" ? text : text.peek());
    let cancel: (() => void) | null = null;
    const draw = () => {
      cancel = null;
      if (!blocks.show(now())) cancel = atNextFrame(draw);
    };
    draw();
    const stop = effect(() => {
      if (typeof text !== "string" && text.value.length > 0) cancel ??= atNextFrame(draw);
    });
    return () => {
      stop();
      cancel?.();
    };
  }, [text]);

  return <div ref={root} class="words" data-streaming={streaming ? "" : undefined} />;
}
