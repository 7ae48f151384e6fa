// A file of conversations on its way in: what is in it, or what is wrong with it and where; nothing is changed before the
// user says so.

import { type Signal, useSignal } from "@preact/signals";
import { Sheet } from "../components/sheet";
import { formatNumber, t } from "../i18n";
import { CheckError } from "../state/chat_check";
import type { Added } from "../state/chat_store";
import type { ChatsState } from "../state/chats";
import { usePage } from "../state/page";
import { type Bundle, readBundle } from "../state/transfer";

export type Importing =
  | { step: "none" }
  | { step: "reading"; file: string }
  | { step: "read"; file: string; bundle: Bundle }
  | { step: "done"; file: string; added: Added }
  | { step: "failed"; file: string; code: string; message: string };

/** Reads and checks the file. */
export async function startImport(importing: Signal<Importing>, file: File): Promise<void> {
  importing.value = { step: "reading", file: file.name };
  try {
    importing.value = { step: "read", file: file.name, bundle: await readBundle(file) };
  } catch (error) {
    importing.value = failed(file.name, error);
  }
}

function failed(file: string, error: unknown): Importing {
  const code = error instanceof CheckError ? error.code : "STORAGE";
  return { step: "failed", file, code, message: error instanceof Error ? error.message : String(error) };
}

interface ImportSheetProps {
  chats: ChatsState;
  importing: Signal<Importing>;
}

export function ImportSheet({ chats, importing }: ImportSheetProps) {
  const state = importing.value;
  const close = () => {
    importing.value = { step: "none" };
  };
  return (
    <Sheet open={state.step !== "none"} class="import" title={t.value.transfer.title} onClose={close}>
      {state.step !== "none" && (
        <div class="import-body">
          <p class="figures">
            <bdi>{state.file}</bdi>
          </p>
          {state.step === "read" ? (
            <Offer chats={chats} importing={importing} file={state.file} bundle={state.bundle} />
          ) : (
            <Outcome state={state} />
          )}
        </div>
      )}
    </Sheet>
  );
}

function Outcome({ state }: { state: Importing }) {
  const text = t.value.transfer;
  switch (state.step) {
    case "reading":
      return <p role="status">{text.reading}</p>;
    case "done": {
      const { conversations, messages } = state.added;
      if (conversations + messages === 0) return <p role="status">{text.nothingNew}</p>;
      return (
        <p role="status">
          {text.done(formatNumber(conversations), conversations)}{" "}
          {messages > 0 && text.doneMessages(formatNumber(messages), messages)}
        </p>
      );
    }
    case "failed":
      return (
        <div role="alert">
          <p>
            <span class="lost">{text.failed}</span> {text.causes[state.code] ?? text.causes.other}
          </p>
          <p class="figures import-detail">
            {state.code}: <bdi>{state.message}</bdi>
          </p>
        </div>
      );
    default:
      return null;
  }
}

interface OfferProps extends ImportSheetProps {
  file: string;
  bundle: Bundle;
}

function Offer({ chats, importing, file, bundle }: OfferProps) {
  const { preferences } = usePage();
  const withSettings = useSignal(false);
  const text = t.value.transfer;
  const count = bundle.chats.length;
  const messages = bundle.chats.reduce((sum, chat) => sum + chat.messages.length, 0);
  const take = async () => {
    try {
      const added = await chats.add(bundle.chats);
      if (withSettings.peek() && bundle.settings !== null) preferences.change(bundle.settings);
      if (importing.peek().step === "read") importing.value = { step: "done", file, added };
    } catch (error) {
      importing.value = failed(file, error);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void take();
      }}
    >
      <p>{text.found(formatNumber(count), count, formatNumber(messages), messages)}</p>
      <p class="hint">{text.keeps}</p>
      {bundle.settings !== null && (
        <label class="choice">
          <input
            type="checkbox"
            name="settings"
            checked={withSettings.value}
            onChange={(event) => {
              withSettings.value = event.currentTarget.checked;
            }}
          />
          <span>{text.withSettings}</span>
        </label>
      )}
      <p class="import-actions">
        <button type="submit" class="primary">
          {text.import}
        </button>
      </p>
    </form>
  );
}
