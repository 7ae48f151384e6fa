// The list of conversations, beside the page or, where there is no room, in a sheet over it: searched, renamed, pinned,
// exported, deleted. Reading and changing them is left to state/.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ChatRow } from "../components/chat_row";
import { download } from "../components/download";
import { SEARCH_FIELD } from "../components/focus";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import type { ChatsState } from "../state/chats";
import { usePage } from "../state/page";
import { type Hit, search, wordsOf } from "../state/search";
import { exportJson } from "../state/transfer";

interface ChatsProps {
  chats: ChatsState;
  /** A conversation was chosen, or a new one begun; `found`: a message in it, which then has the focus. */
  onChosen: (found: boolean) => void;
  /** The same, before it is there. */
  onChoose?: () => void;
  /** The user chose a file with conversations. */
  onImport: (file: File) => void;
}

/** Beside the page. */
export function ChatsPane(props: ChatsProps) {
  return (
    <nav class="chats chats-pane" aria-label={t.value.chats.title}>
      <h2 class="chats-title heading">{t.value.chats.title}</h2>
      <ChatList {...props} />
    </nav>
  );
}

/** Over the page. */
export function ChatsSheet({ open, onClose, ...props }: ChatsProps & { open: boolean; onClose: () => void }) {
  return (
    <Sheet open={open} class="chats-sheet" title={t.value.chats.title} onClose={onClose}>
      <nav class="chats" aria-label={t.value.chats.title}>
        <ChatList {...props} />
      </nav>
    </Sheet>
  );
}

function ChatList({ chats, onChosen, onChoose = () => {}, onImport }: ChatsProps) {
  const query = useSignal("");
  const list = useRef<HTMLDivElement>(null);
  useArrowKeys(list);
  const hits = useHits(chats, query.value);
  const current = chats.current.value.conversation.value.id;
  // A conversation that was not searched for has taken the place of what was on show.
  useEffect(() => {
    if (hits?.some(({ conversation }) => conversation.id === current) === false) query.value = "";
  }, [current]);
  const text = t.value.chats;
  const rows = hits ?? chats.list.value.map((conversation) => ({ conversation, title: null, message: null }));
  const choose = ({ conversation: { id }, message }: Pick<Hit, "conversation" | "message">) => {
    onChoose();
    void chats.show(id, message?.id).then(() => onChosen(message !== null));
  };
  return (
    <div ref={list} class="chats-body">
      <div class="chats-head">
        <input
          type="search"
          id={SEARCH_FIELD}
          class="field chats-search"
          dir="auto"
          autocomplete="off"
          enterkeyhint="search"
          placeholder={text.search}
          aria-label={text.search}
          aria-keyshortcuts="Control+K Meta+K"
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || event.isComposing) return;
            event.preventDefault();
            if (query.value === "") onChosen(false);
            query.value = "";
          }}
        />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            onChoose();
            void chats.startNew().then(() => onChosen(false));
          }}
        >
          {t.value.newChat}
        </button>
      </div>
      <Removed chats={chats} />
      {rows.length === 0 && (
        <p class="chats-none" role="status">
          {wordsOf(query.value).length > 0 ? text.noHits : text.none}
        </p>
      )}
      <ul class="chat-list">
        {rows.map((row) => (
          <ChatRow
            key={row.conversation.id}
            chats={chats}
            conversation={row.conversation}
            title={row.title}
            snippet={row.message?.text ?? null}
            current={row.conversation.id === current}
            busy={chats.busy.value.has(row.conversation.id)}
            onOpen={() => choose(row)}
          />
        ))}
      </ul>
      <Transfer chats={chats} onImport={onImport} />
    </div>
  );
}

/** Up and Down go from the search field through the conversations. */
function useArrowKeys(list: { current: HTMLElement | null }): void {
  useEffect(() => {
    const element = list.current;
    const onKeyDown = (event: KeyboardEvent) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step === undefined || event.isComposing) return;
      const stops = [...(element?.querySelectorAll<HTMLElement>(".chats-search, .chat-open") ?? [])];
      const { activeElement } = document;
      const at = activeElement instanceof HTMLElement ? stops.indexOf(activeElement) : -1;
      if (at < 0) return;
      event.preventDefault();
      stops[at + step]?.focus();
    };
    element?.addEventListener("keydown", onKeyDown);
    return () => element?.removeEventListener("keydown", onKeyDown);
  }, [list]);
}

/** Every conversation to a file, and files back. */
function Transfer({ chats, onImport }: Pick<ChatsProps, "chats" | "onImport">) {
  const { preferences } = usePage();
  const field = useRef<HTMLInputElement>(null);
  const text = t.value.transfer;
  const all = chats.list.value;
  const exportAll = async () => {
    const ids = all.map((one) => one.id);
    const file = await exportJson(ids, (one) => chats.read(one), preferences.value.peek());
    download(file, `parley-${new Date().toISOString().slice(0, 10)}.json`);
  };
  return (
    <p class="chats-foot">
      <button
        type="button"
        class="quiet"
        aria-disabled={all.length === 0}
        onClick={() => {
          if (all.length > 0) void exportAll();
        }}
      >
        {text.exportAll}
      </button>
      <button type="button" class="quiet" onClick={() => field.current?.click()}>
        {text.import}
      </button>
      <input
        ref={field}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        accept=".json,application/json"
        aria-label={text.title}
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          currentTarget.value = ""; // so that the same file can be chosen again
          if (file !== undefined) onImport(file);
        }}
      />
    </p>
  );
}

/** What the query finds, as it comes; null where nothing is searched for. */
function useHits(chats: ChatsState, query: string): readonly Hit[] | null {
  const hits = useSignal<readonly Hit[] | null>(null);
  const all = chats.list.value;
  useEffect(() => {
    if (wordsOf(query).length === 0) {
      hits.value = null;
      return;
    }
    const searching = new AbortController();
    const found: Hit[] = [];
    const show = () => {
      if (!searching.signal.aborted) hits.value = [...found];
    };
    const timer = setInterval(show, SHOW_MS);
    const end = () => clearInterval(timer);
    void search(chats, query, (hit) => found.push(hit), searching.signal).then(() => {
      show();
      end();
    });
    return () => {
      searching.abort();
      end();
    };
  }, [query, chats, all, hits]);
  return hits.value;
}

const SHOW_MS = 100;

/** What was deleted, and the way back. */
function Removed({ chats }: { chats: ChatsState }) {
  const undo = useRef<HTMLButtonElement>(null);
  const removed = chats.removed.value;
  useEffect(() => {
    if (removed !== null) undo.current?.focus();
  }, [removed]);
  const text = t.value.chats;
  return (
    <div class="chats-removed" role="status">
      {removed !== null && (
        <p>
          <span class="chats-removed-title">
            {text.removed} <bdi>{removed.title}</bdi>
          </span>
          <button ref={undo} type="button" class="quiet" onClick={() => void chats.undoRemove()}>
            {text.undo}
          </button>
          <button type="button" class="quiet" onClick={() => chats.forgetRemoved()}>
            {t.value.dismiss}
          </button>
        </p>
      )}
    </div>
  );
}

/** Whether there is room beside the page. */
export function useRoom(): boolean {
  const media = useRef(matchMedia("(width >= 880px)"));
  const room = useSignal(media.current.matches);
  useEffect(() => {
    const query = media.current;
    const onChange = () => {
      room.value = query.matches;
    };
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, [room]);
  return room.value;
}

/** Whether the list stands beside the page: as the user chose, else where there is more than one conversation. */
export function useChatsShown(): boolean {
  const { chats, preferences } = usePage();
  const room = useRoom();
  const first = useRef<boolean | null>(null);
  const opened = chats.value;
  if (opened !== null) first.current ??= opened.list.peek().length > 1;
  const chosen = preferences.value.value.chats;
  return opened !== null && room && (chosen === "auto" ? first.current === true : chosen === "shown");
}
