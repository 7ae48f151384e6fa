// The page as a whole: header, notices, conversation and composer in one column, the list of conversations beside it, and
// the keys that work everywhere.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Announcer } from "./components/announcer";
import { focusMessage, MESSAGE_FIELD, SEARCH_FIELD } from "./components/focus";
import { isShortcut } from "./components/keys";
import { language, preferredLanguage, t } from "./i18n";
import type { ConversationState } from "./state/conversation";
import { isEmpty } from "./state/messages";
import { PageContext, type PageState, usePage } from "./state/page";
import { ChatsPane, ChatsSheet, useChatsShown, useRoom } from "./views/chats";
import { Composer } from "./views/composer";
import { EmptyState } from "./views/empty";
import { Header } from "./views/header";
import { type Importing, ImportSheet, startImport } from "./views/import";
import { Inspector } from "./views/inspector";
import { ModelPanel } from "./views/model_panel";
import { Notices } from "./views/notices";
import { Settings } from "./views/settings";
import { ToolHost } from "./views/tool_host";
import { Transcript } from "./views/transcript";

export function App({ page }: { page: PageState }) {
  return (
    <PageContext.Provider value={page}>
      <Page />
    </PageContext.Provider>
  );
}

function Page() {
  const page = usePage();
  const sheet = useSignal<"none" | "settings" | "model" | "chats">("none");
  const closeSheet = () => {
    sheet.value = "none";
  };
  const importing = useSignal<Importing>({ step: "none" });
  const chats = page.chats.value;
  const conversation = page.conversation.value;
  const room = useRoom();
  const chatsShown = useChatsShown();
  const showChats = (shown: boolean) => {
    if (!shown && document.activeElement?.closest(".chats-pane") != null) focusMessage();
    if (room) page.preferences.change({ chats: shown ? "shown" : "hidden" });
    else sheet.value = shown ? "chats" : "none";
  };
  const newChat = () => {
    closeSheet();
    void chats?.startNew().then(focusMessage);
  };
  const onImport = (file: File) => {
    closeSheet();
    void startImport(importing, file);
  };
  useAppearance(page);
  useKeys(conversation, {
    newChat() {
      uncover(page);
      newChat();
    },
    toggleChats() {
      uncover(page);
      showChats(!(chatsShown || sheet.peek() === "chats"));
    },
    search() {
      uncover(page);
      if (!chatsShown) showChats(true);
      // The list is there after the next drawing.
      requestAnimationFrame(() => document.getElementById(SEARCH_FIELD)?.focus());
    },
  });
  useHelpKey(page);
  if (page.erased.value) return <Erased />;
  return (
    <>
      <a class="skip" href={`#${MESSAGE_FIELD}`} onClick={focusMessage}>
        {t.value.skipToMessage}
      </a>
      <div class="page" data-chats={chatsShown ? "" : undefined}>
        {chats !== null && chatsShown && (
          <ChatsPane chats={chats} onChosen={focusUnlessFound} onImport={onImport} />
        )}
        <Header
          title={conversation?.conversation.value.title ?? ""}
          canStartNew={conversation !== null && !isEmpty(conversation.conversation.value)}
          chatsShown={chatsShown}
          onChats={() => showChats(!chatsShown)}
          onNewChat={newChat}
          onModel={() => {
            sheet.value = "model";
          }}
          onSettings={() => {
            sheet.value = "settings";
          }}
        />
        <Notices conversation={conversation} />
        <main class="main">
          {conversation !== null && (
            <Talk key={conversation.conversation.value.id} conversation={conversation} />
          )}
        </main>
      </div>
      {chats !== null && (
        <ChatsSheet
          chats={chats}
          open={sheet.value === "chats" && !chatsShown}
          onClose={closeSheet}
          onChoose={closeSheet}
          onChosen={(found) => {
            closeSheet();
            focusUnlessFound(found);
          }}
          onImport={onImport}
        />
      )}
      {chats !== null && <ImportSheet chats={chats} importing={importing} />}
      <ModelPanel open={sheet.value === "model"} onClose={closeSheet} />
      <Settings open={sheet.value === "settings"} conversation={conversation} onClose={closeSheet} />
      {conversation !== null && (
        <Inspector key={conversation.conversation.value.id} conversation={conversation} />
      )}
      <ToolHost />
      {conversation !== null && <Announcer conversation={conversation} />}
    </>
  );
}

/** Closes what is open over the page, but for the conversations: they are what a key of the page may be about. */
function uncover({ inspector }: PageState): void {
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog[open]:not(.chats-sheet)")) {
    if (dialog.matches(".inspector-sheet")) inspector.target.value = null; // or it takes the focus to where it came from
    dialog.close();
  }
}

function focusUnlessFound(found: boolean): void {
  if (!found) focusMessage();
}

function Erased() {
  const text = t.value.models;
  return (
    <main class="main erased">
      <h1>{text.erased}</h1>
      <p>
        <button
          type="button"
          class="button"
          ref={(button) => button?.focus()} // the one that was pressed is gone
          onClick={() => location.reload()}
        >
          {text.startAgain}
        </button>
      </p>
    </main>
  );
}

function Talk({ conversation }: { conversation: ConversationState }) {
  const empty = useComputed(() => conversation.path.value.length === 0);
  return (
    <>
      {empty.value ? <EmptyState conversation={conversation} /> : <Transcript conversation={conversation} />}
      <Composer conversation={conversation} />
    </>
  );
}

/** Theme and language, on the document itself. */
function useAppearance({ preferences, conversation }: PageState): void {
  useSignalEffect(() => {
    const chosen = preferences.value.value;
    language.value = chosen.language === "auto" ? preferredLanguage(navigator.languages) : chosen.language;
    const root = document.documentElement;
    root.lang = language.value === "zh" ? "zh-Hans" : "en";
    if (chosen.theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = chosen.theme;
  });
  useSignalEffect(() => {
    const title = conversation.value?.conversation.value.title ?? "";
    document.title = title === "" ? "Parley" : `${title} · Parley`;
  });
}

interface Keys {
  newChat: () => void;
  toggleChats: () => void;
  search: () => void;
}

/** Esc stops the reply; with Ctrl (or Cmd), Shift+O starts a new chat, K searches, B shows or hides the conversations. */
function useKeys(conversation: ConversationState | null, { newChat, toggleChats, search }: Keys): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) {
        if (conversation?.busy.peek() === true) {
          conversation.stop();
          focusMessage();
        }
      }
      const action = isShortcut(event, "o", true)
        ? newChat
        : isShortcut(event, "k")
          ? search
          : isShortcut(event, "b")
            ? toggleChats
            : null;
      if (action === null) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
}

/** `?` where nothing is being written, and Ctrl+/ (or Cmd) everywhere, open the help. */
function useHelpKey({ tools }: PageState): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const writing = event.target instanceof Element && event.target.matches("input, textarea, select");
      const held = event.ctrlKey || event.metaKey;
      if (!(event.key === "/" && held) && !(event.key === "?" && !held && !writing)) return;
      if (document.querySelector("dialog[open]") !== null) return;
      event.preventDefault();
      tools.open.value = "help";
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [tools]);
}
