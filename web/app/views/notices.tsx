// What the user should know, each in a line under the header: cause, then next step, and the button that takes it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { focusMessage } from "../components/focus";
import { failureText, formatBytes, formatSeconds, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import type { Failure } from "../state/messages";
import { type PageState, usePage } from "../state/page";

const OFFLINE = "OFFLINE";
const FOR_GOOD = new Set(["SINGLE_THREAD", "BUILD_FALLBACK"]); // the same at every visit
const RELOAD = new Set(["BUILD_FAILED", "BUILD_MISMATCH"]); // what only a fresh page can mend
const TRY_AGAIN = new Set(["NETWORK", "HTTP_STATUS", "HASH_MISMATCH", "CHECKSUM", "IO", "WORKER_CRASHED"]);
const CHAT_MEMORY = "CHAT_MEMORY";

interface NoticeProps {
  lost?: boolean;
  children: ComponentChildren;
  action?: { text: string; run: () => void };
  dismiss?: () => void;
}

/** What is pressed goes away with its line, or may. */
function Notice({ lost = false, children, action, dismiss }: NoticeProps) {
  const then = (run: () => void) => () => {
    run();
    focusMessage();
  };
  return (
    <div class="notice" data-lost={lost ? "" : undefined}>
      <p class="notice-text">{children}</p>
      {action !== undefined && (
        <button type="button" class="quiet" onClick={then(action.run)}>
          {action.text}
        </button>
      )}
      {dismiss !== undefined && (
        <button type="button" class="quiet" onClick={then(dismiss)}>
          {t.value.dismiss}
        </button>
      )}
    </div>
  );
}

export function Notices({ conversation }: { conversation: ConversationState | null }) {
  const { model, preferences, updates, online, chats, blocked } = usePage();
  const text = t.value.notices;
  const phase = model.phase.value;
  const seen = useSignal<readonly string[]>([]); // put away for this visit
  const { dismissed } = preferences.value.value; // put away for good
  const shown = (code: string) => !seen.value.includes(code) && !dismissed.includes(code);
  const putAway = (code: string) => () => {
    seen.value = [...seen.value, code];
    if (FOR_GOOD.has(code)) preferences.change({ dismissed: [...dismissed, code] });
  };
  return (
    <div class="notices" role="status" aria-label={text.label}>
      {updates?.ready.value && (
        <Notice action={{ text: text.updateAction, run: () => updates.apply() }}>{text.update}</Notice>
      )}
      {phase.phase === "failed" && <LoadFailure failure={phase.failure} />}
      {phase.phase === "ready" && <SwitchFailure />}
      {phase.phase === "idle" && (
        <Notice action={{ text: t.value.model.load, run: () => void model.load() }}>{text.cancelled}</Notice>
      )}
      {phase.phase === "elsewhere" && (
        <Notice action={{ text: text.takeOver, run: () => model.takeOver() }}>{text.elsewhere}</Notice>
      )}
      {phase.phase === "unresponsive" && (
        <Notice action={{ text: text.restart, run: () => void model.restart() }}>
          {text.unresponsive(formatSeconds(phase.seconds))}
        </Notice>
      )}
      {!online.value && shown(OFFLINE) && (
        <Notice dismiss={putAway(OFFLINE)}>
          {phase.phase === "ready" ? text.offline : text.offlineWithout}
        </Notice>
      )}
      {blocked.value && <Notice>{text.chatBlocked}</Notice>}
      {conversation !== null && !conversation.persistent.value && shown(CHAT_MEMORY) && (
        <Notice dismiss={putAway(CHAT_MEMORY)}>
          {chats.value?.access === "newer" ? text.chatNewer : text.chatMemory}
        </Notice>
      )}
      {model.notices.value.map(({ code }) =>
        // That private files were refused changes nothing for the user; the model's panel says it.
        code !== "STORAGE_INDEXEDDB" && shown(code) ? (
          <Notice key={code} dismiss={putAway(code)}>
            {text[code]}
          </Notice>
        ) : null,
      )}
    </div>
  );
}

function LoadFailure({ failure: { code, message, bytes } }: { failure: Failure }) {
  const text = t.value.notices;
  const { cause, next } = failureText(code);
  const lacks = bytes !== undefined;
  return (
    <Notice lost action={remedy(usePage(), code)}>
      <span class="lost">{code === "OOM" && lacks ? text.memoryRefused(formatBytes(bytes)) : cause}</span>{" "}
      {code === "STORAGE_FULL" && lacks ? text.storageLacks(formatBytes(bytes)) : next}{" "}
      <span class="notice-detail figures">
        {code}: <bdi>{message}</bdi>
      </span>
    </Notice>
  );
}

/** Another model was chosen and could not be loaded. */
function SwitchFailure() {
  const { model, tools } = usePage();
  const refused = model.refused.value;
  if (refused === null || tools.borrowing.value) return null;
  const { code, message } = refused.failure;
  const { cause, next } = failureText(code);
  const stays = model.info.value?.name ?? model.nameOf(model.id.value);
  return (
    <Notice lost dismiss={() => model.dismissRefused()}>
      <span class="lost">{t.value.notices.switchFailed(refused.name, stays)}</span> {cause} {next}{" "}
      <span class="notice-detail figures">
        {code}: <bdi>{message}</bdi>
      </span>
    </Notice>
  );
}

/** Without the memory, a smaller quantization of the same model, then the page's own model, then another try. */
function remedy({ model, defaultModel }: PageState, code: string): { text: string; run: () => void } {
  const text = t.value.notices;
  const id = model.id.value;
  const stored = model.stored.value.find((one) => one.id === id);
  if (RELOAD.has(code)) return { text: text.updateAction, run: () => location.reload() };
  if (code === "OOM" && stored?.quantization === "q8_0") {
    return { text: text.smaller, run: () => void model.choose(id, "q4_0") };
  }
  if (!TRY_AGAIN.has(code) && id !== defaultModel) {
    const name = model.catalog.value.find((one) => one.id === defaultModel)?.name ?? defaultModel;
    return { text: text.fallBack(name), run: () => void model.choose(defaultModel) };
  }
  return { text: t.value.retry, run: () => void model.load() };
}
