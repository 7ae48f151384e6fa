// One conversation in the list: its title and day, what was found in it, and, when asked for, what can be done with it.

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { formatDay, t } from "../i18n";
import type { ChatsState } from "../state/chats";
import type { Conversation } from "../state/messages";
import { usePage } from "../state/page";
import type { Marked } from "../state/search";
import { exportJson, fileName, toMarkdown } from "../state/transfer";
import { download } from "./download";

interface ChatRowProps {
  chats: ChatsState;
  conversation: Conversation;
  /** With what was searched for marked, or null. */
  title: Marked | null;
  snippet: Marked | null;
  current: boolean;
  busy: boolean;
  onOpen: () => void;
}

export function ChatRow(props: ChatRowProps) {
  const { chats, conversation, title, snippet, current, busy, onOpen } = props;
  const open = useSignal(false);
  const renaming = useSignal(false);
  const more = useRef<HTMLButtonElement>(null);
  const actions = useId();
  const text = t.value.chats;
  const { id, pinned } = conversation;
  if (renaming.value) {
    return (
      <li class="chat">
        <Rename
          title={conversation.title}
          onDone={(name) => {
            if (name !== null) chats.rename(id, name);
            renaming.value = false;
            open.value = false;
            setTimeout(() => more.current?.focus());
          }}
        />
      </li>
    );
  }
  return (
    <li
      class="chat"
      data-current={current ? "" : undefined}
      data-pinned={pinned ? "" : undefined}
      data-open={open.value ? "" : undefined}
    >
      <div class="chat-line">
        <button type="button" class="chat-open" aria-current={current ? "page" : undefined} onClick={onOpen}>
          <bdi class="chat-title">{title === null ? conversation.title : <Mark text={title} />}</bdi>
          <span class="chat-when">
            {busy ? text.writing : pinned ? text.pinned : formatDay(conversation.updated)}
          </span>
          {snippet !== null && (
            <bdi class="chat-snippet">
              <Mark text={snippet} />
            </bdi>
          )}
        </button>
        <button
          ref={more}
          type="button"
          class="quiet chat-more"
          aria-expanded={open.value}
          aria-controls={actions}
          aria-label={text.actions(conversation.title)}
          onClick={() => {
            open.value = !open.value;
          }}
        >
          …
        </button>
      </div>
      <p id={actions} class="chat-actions" hidden={!open.value}>
        {open.value && (
          <>
            <button
              type="button"
              class="quiet"
              onClick={() => {
                renaming.value = true;
              }}
            >
              {text.rename}
            </button>
            <button type="button" class="quiet" onClick={() => chats.pin(id, !pinned)}>
              {pinned ? text.unpin : text.pin}
            </button>
            <Exports chats={chats} conversation={conversation} />
            <button type="button" class="quiet" onClick={() => void chats.remove(id)}>
              {text.remove}
            </button>
          </>
        )}
      </p>
    </li>
  );
}

function Exports({ chats, conversation }: Pick<ChatRowProps, "chats" | "conversation">) {
  const { preferences } = usePage();
  const asJson = async () => {
    const file = await exportJson([conversation.id], (id) => chats.read(id), preferences.value.peek());
    download(file, fileName(conversation, "json"));
  };
  const asMarkdown = async () => {
    const chat = await chats.read(conversation.id);
    if (chat === null) return;
    const text = toMarkdown(chat, { you: t.peek().you, parley: t.peek().parley });
    download(new Blob([text], { type: "text/markdown" }), fileName(conversation, "md"));
  };
  const text = t.value.transfer;
  return (
    <>
      <button type="button" class="quiet" aria-label={text.asMarkdown} onClick={() => void asMarkdown()}>
        Markdown
      </button>
      <button type="button" class="quiet" aria-label={text.asJson} onClick={() => void asJson()}>
        JSON
      </button>
    </>
  );
}

function Mark({ text: { before, match, after } }: { text: Marked }) {
  return (
    <>
      {before}
      {match !== "" && <mark>{match}</mark>}
      {after}
    </>
  );
}

function Rename({ title, onDone }: { title: string; onDone: (name: string | null) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  const finish = (name: string | null) => {
    if (done.current) return;
    done.current = true;
    onDone(name);
  };
  useEffect(() => field.current?.select(), []);
  return (
    <form
      class="chat-rename"
      onSubmit={(event) => {
        event.preventDefault();
        finish(field.current?.value ?? null);
      }}
    >
      <input
        ref={field}
        type="text"
        class="field"
        name="title"
        dir="auto"
        autocomplete="off"
        maxlength={60}
        aria-label={t.value.chats.name}
        defaultValue={title}
        onBlur={(event) => finish(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || event.isComposing) return;
          event.preventDefault();
          finish(null);
        }}
      />
    </form>
  );
}
