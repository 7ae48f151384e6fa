// The conversation from its first turn to its last. Follows the end while a reply grows, unless the reader scrolled away;
// a long conversation is put on the page a part at a time, its end first.

import { useComputed, useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { focusMessage } from "../components/focus";
import { Turn, turnId } from "../components/turn";
import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { familyKey, type Message } from "../state/messages";
import { usePage } from "../state/page";

const CHAPTER = 16; // turns; out of sight they cost the browser one element
const FIRST_TURNS = 16;
const MORE_TURNS = CHAPTER; // a step: about 10 ms of work
const STEP_MS = 16;
const NEAR_END = 48; // px

interface TurnModel {
  message: Message;
  version: number; // of `versions`, from 1
  versions: number;
  dropped: boolean;
  rule: boolean;
  editing: boolean;
}

export function Transcript({ conversation }: { conversation: ConversationState }) {
  const edited = useComputed(() => conversation.editing.value?.message);
  const turns = useComputed<readonly TurnModel[]>(() => {
    const path = conversation.path.value;
    const dropped = conversation.dropped.value;
    const editing = edited.value;
    return path.map((message, index) => {
      const next = path[index + 1];
      const family = conversation.versions(message);
      const isDropped = dropped.has(message.id);
      return {
        message,
        version: family.indexOf(message) + 1,
        versions: family.length,
        dropped: isDropped,
        editing: message.id === editing,
        rule: isDropped && (next === undefined || !dropped.has(next.id)),
      };
    });
  });
  const id = conversation.conversation.value.id;
  const shown = useShownTurns(turns.value.length, id);
  const { text, away, toEnd, settle } = useFollow(turns.value.at(-1)?.message.id, id);
  useSought(shown, settle);
  const from = Math.max(0, turns.value.length - shown);
  return (
    <>
      <div
        ref={text}
        class="transcript"
        data-busy={conversation.busy.value ? "" : undefined}
        role="log"
        aria-live="off"
        aria-label={t.value.conversation}
      >
        {chapters(turns.value, from).map(({ index, turns: some }) => (
          <Chapter
            key={index}
            conversation={conversation}
            turns={some}
            last={some.at(-1) === turns.value.at(-1)}
          />
        ))}
      </div>
      {away && (
        <button
          type="button"
          class="to-end"
          onClick={() => {
            focusMessage(); // the button goes
            toEnd();
          }}
        >
          {t.value.reply.latest}
        </button>
      )}
    </>
  );
}

interface ChapterProps {
  conversation: ConversationState;
  turns: readonly TurnModel[];
  last: boolean;
}

function ChapterView({ conversation, turns, last }: ChapterProps) {
  return (
    <div class="chapter" data-last={last ? "" : undefined}>
      {turns.map((turn) => (
        <Turn
          key={familyKey(turn.message)}
          conversation={conversation}
          {...turn}
          last={last && turn === turns.at(-1)}
        />
      ))}
    </div>
  );
}

/** Drawn again only when one of its turns changed, so that a step costs the same however many turns there are. */
const Chapter = memo(
  ChapterView,
  (before: ChapterProps, after: ChapterProps) =>
    before.conversation === after.conversation &&
    before.last === after.last &&
    before.turns.length === after.turns.length &&
    before.turns.every((turn, index) => sameTurn(turn, after.turns[index])),
);

function sameTurn(one: TurnModel, other: TurnModel | undefined): boolean {
  return (
    one === other ||
    (one.message === other?.message &&
      one.version === other.version &&
      one.versions === other.versions &&
      one.dropped === other.dropped &&
      one.rule === other.rule &&
      one.editing === other.editing)
  );
}

/** The turns from `from` on, in runs that begin at the same places however many there are. */
function chapters(
  turns: readonly TurnModel[],
  from: number,
): { index: number; turns: readonly TurnModel[] }[] {
  const all: { index: number; turns: readonly TurnModel[] }[] = [];
  for (let at = from; at < turns.length; ) {
    const index = Math.floor(at / CHAPTER);
    const end = (index + 1) * CHAPTER;
    all.push({ index, turns: turns.slice(at, end) });
    at = end;
  }
  return all;
}

/** How many turns are on the page: the last few at once, then the others in short steps. */
function useShownTurns(count: number, conversation: string): number {
  const shown = useSignal(FIRST_TURNS);
  const of = useRef(conversation);
  if (of.current !== conversation) {
    of.current = conversation;
    shown.value = FIRST_TURNS;
  }
  useEffect(() => {
    if (shown.value >= count) return;
    const timer = setTimeout(() => {
      shown.value += MORE_TURNS;
    }, STEP_MS);
    return () => clearTimeout(timer);
  }, [shown.value, count, shown]);
  return shown.value;
}

/** Brings the message that was searched for into sight, once it is on the page. */
function useSought(shown: number, settle: () => void): void {
  const { chats } = usePage();
  const sought = chats.value?.sought;
  const id = sought?.value;
  useEffect(() => {
    const turn = id == null ? null : document.getElementById(turnId(id));
    if (sought === undefined || turn === null) return;
    sought.value = null;
    turn.scrollIntoView({ block: "center", behavior: "instant" });
    turn.focus({ preventScroll: true });
    settle();
  }, [id, shown, sought, settle]);
}

function isNearEnd(): boolean {
  const page = document.scrollingElement;
  return page === null || page.scrollHeight - page.clientHeight - page.scrollTop < NEAR_END;
}

/** Keeps the end in sight while the reader is there; `away` is true after they scrolled up. */
function useFollow(lastId: string | undefined, conversation: string) {
  const text = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const away = useSignal(false);

  const toEnd = useCallback(() => {
    const page = document.scrollingElement;
    page?.scrollTo({ top: page.scrollHeight, behavior: "instant" });
    atEnd.current = true;
    away.value = false; // where all of it fits, nothing scrolls that would say so
  }, [away]);

  /** The reader was brought to this place, wherever they were before. */
  const settle = useCallback(() => {
    atEnd.current = isNearEnd();
    away.value = !atEnd.current;
  }, [away]);

  useEffect(() => {
    const page = document.scrollingElement;
    if (text.current === null || page === null) return;
    let before = page.scrollTop;
    // Only moving up lets go of the end: text that grew since the last frame is not the reader's doing.
    const onScroll = () => {
      const top = page.scrollTop;
      if (isNearEnd()) atEnd.current = true;
      else if (top < before) atEnd.current = false;
      before = top;
      away.value = !atEnd.current;
    };
    const growth = new ResizeObserver(() => {
      const writing = document.activeElement?.closest(".edit") != null; // in the text, which must not move away
      if (atEnd.current && !writing) toEnd();
    });
    growth.observe(text.current);
    document.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      growth.disconnect();
      document.removeEventListener("scroll", onScroll);
    };
  }, [away, toEnd]);

  // A new turn is always brought into sight.
  useLayoutEffect(() => {
    toEnd();
  }, [lastId, conversation]);
  return { text, away: away.value, toEnd, settle };
}
