// The page as a whole: header, notices, conversation and composer in one column, and the keys that work everywhere.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Announcer } from "./components/announcer";
import { focusMessage, MESSAGE_FIELD } from "./components/focus";
import { language, preferredLanguage, t } from "./i18n";
import type { ConversationState } from "./state/conversation";
import { PageContext, type PageState, usePage } from "./state/page";
import { Composer } from "./views/composer";
import { EmptyState } from "./views/empty";
import { Header } from "./views/header";
import { ModelPanel } from "./views/model_panel";
import { Notices } from "./views/notices";
import { Settings } from "./views/settings";
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
  const sheet = useSignal<"none" | "settings" | "model">("none");
  const closeSheet = () => {
    sheet.value = "none";
  };
  const conversation = page.conversation.value;
  const title = conversation?.conversation.value.title ?? "";
  const newChat = () => {
    conversation?.newChat();
    focusMessage();
  };
  useAppearance(page);
  useKeys(conversation, newChat);
  if (page.erased.value) return <Erased />;
  return (
    <>
      <a class="skip" href={`#${MESSAGE_FIELD}`} onClick={focusMessage}>
        {t.value.skipToMessage}
      </a>
      <Header
        title={title}
        canStartNew={(conversation?.path.value.length ?? 0) > 0}
        onNewChat={newChat}
        onModel={() => {
          sheet.value = "model";
        }}
        onSettings={() => {
          sheet.value = "settings";
        }}
      />
      <Notices conversation={conversation} />
      <main class="main">{conversation !== null && <Talk conversation={conversation} />}</main>
      <ModelPanel open={sheet.value === "model"} onClose={closeSheet} />
      <Settings open={sheet.value === "settings"} conversation={conversation} onClose={closeSheet} />
      {conversation !== null && <Announcer conversation={conversation} />}
    </>
  );
}

function Erased() {
  const text = t.value.models;
  return (
    <main class="main erased">
      <h1>{text.erased}</h1>
      <p>
        <button type="button" class="button" onClick={() => location.reload()}>
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
      {empty.value ? (
        <EmptyState onStart={(text) => conversation.send(text)} />
      ) : (
        <Transcript conversation={conversation} />
      )}
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

/** Esc stops the reply; Shift+Ctrl+O (or Cmd) starts a new chat. */
function useKeys(conversation: ConversationState | null, newChat: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) {
        if (conversation?.busy.peek() === true) {
          conversation.stop();
          focusMessage();
        }
      }
      if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        newChat();
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
}
