// Reads a reply to a screen reader sentence by sentence, through a region nobody sees: a sentence is announced once it is
// finished, never token by token. Also says in words what changed on the screen without moving the focus.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { failureText, language, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { isReply } from "../state/messages";
import { usePage } from "../state/page";

const INTERVAL_MS = 500;
const LONGEST = 4000; // UTF-16 units at a time
const KEPT = 8; // announcements left in the region; older ones have been read

/** Where the last finished sentence of `text` ends; all of it once the text is `whole`. */
export function finishedLength(text: string, locale: string, whole: boolean): number {
  if (whole) return text.length;
  let last = 0;
  if ("Segmenter" in Intl) {
    for (const { index } of new Intl.Segmenter(locale, { granularity: "sentence" }).segment(text))
      last = index;
  } else {
    for (const { index, 0: end } of text.matchAll(/[.!?…]["')\]]*\s|[。！？]|\n/gu))
      last = index + end.length;
  }
  return last;
}

export function Announcer({ conversation }: { conversation: ConversationState }) {
  const { model } = usePage();
  const region = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const say = (text: string) => {
      const root = region.current;
      if (root === null || text.trim() === "") return;
      const line = document.createElement("p");
      line.dir = "auto";
      line.textContent = text.trim();
      root.append(line);
      while (root.childElementCount > KEPT) root.firstElementChild?.remove();
    };
    let speaking: { id: string; said: number } | null = null;
    let timer = 0;
    const speak = (text: string, whole: boolean) => {
      if (speaking === null) return;
      const rest = text.slice(speaking.said, speaking.said + LONGEST);
      const length = finishedLength(rest, language.peek(), whole);
      if (length > 0) say(rest.slice(0, length));
      speaking.said += length;
    };
    const stopReplies = effect(() => {
      const live = conversation.live.value;
      if (live !== null) {
        if (speaking?.id !== live.id) speaking = { id: live.id, said: live.text.length };
        timer ||= window.setTimeout(() => {
          timer = 0;
          const now = conversation.live.peek();
          if (now !== null && now.id === speaking?.id) speak(now.text, false);
        }, INTERVAL_MS);
        return;
      }
      const ended = conversation.path.peek().find((message) => message.id === speaking?.id);
      if (ended !== undefined && isReply(ended)) {
        speak(ended.content, true);
        if (ended.state === "stopped") say(t.peek().announce.stopped);
        if (ended.failure !== undefined) say(t.peek().announce.failed(failureText(ended.failure.code).cause));
      }
      speaking = null;
    });
    let before = model.phase.peek().phase;
    const stopModel = effect(() => {
      const { phase } = model.phase.value;
      if (phase === "ready" && before === "loading") say(t.peek().announce.ready);
      before = phase;
    });
    return () => {
      stopReplies();
      stopModel();
      clearTimeout(timer);
    };
  }, [conversation, model]);

  return <div ref={region} class="visually-hidden" aria-live="polite" data-testid="announcer" />;
}
