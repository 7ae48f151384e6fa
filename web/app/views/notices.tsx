// What the user should know, each in a line under the header: cause, then next step, and the button that takes it.

import type { ComponentChildren } from "preact";
import { failureText, formatSeconds, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { usePage } from "../state/page";

const OFFLINE = "OFFLINE";
const RELOAD = new Set(["BUILD_FAILED", "BUILD_MISMATCH"]); // what only a fresh page can mend
const CHAT_MEMORY = "CHAT_MEMORY";

interface NoticeProps {
  lost?: boolean;
  children: ComponentChildren;
  action?: { text: string; run: () => void };
  dismiss?: () => void;
}

function Notice({ lost = false, children, action, dismiss }: NoticeProps) {
  return (
    <div class="notice" data-lost={lost ? "" : undefined}>
      <p class="notice-text">{children}</p>
      {action !== undefined && (
        <button type="button" class="quiet" onClick={action.run}>
          {action.text}
        </button>
      )}
      {dismiss !== undefined && (
        <button type="button" class="quiet" onClick={dismiss}>
          {t.value.dismiss}
        </button>
      )}
    </div>
  );
}

export function Notices({ conversation }: { conversation: ConversationState | null }) {
  const { model, preferences, updates, online } = usePage();
  const text = t.value.notices;
  const phase = model.phase.value;
  const { dismissed } = preferences.value.value;
  const put = (code: string) => () => preferences.change({ dismissed: [...dismissed, code] });
  const shown = (code: string) => !dismissed.includes(code);
  return (
    <div class="notices" role="status" aria-label={text.label}>
      {updates?.ready.value && (
        <Notice action={{ text: text.updateAction, run: () => updates.apply() }}>{text.update}</Notice>
      )}
      {phase.phase === "failed" && <LoadFailure code={phase.failure.code} message={phase.failure.message} />}
      {phase.phase === "idle" && (
        <Notice action={{ text: t.value.model.load, run: () => void model.load() }}>{text.cancelled}</Notice>
      )}
      {phase.phase === "unresponsive" && (
        <Notice action={{ text: text.restart, run: () => void model.restart() }}>
          {text.unresponsive(formatSeconds(phase.seconds))}
        </Notice>
      )}
      {!online.value && shown(OFFLINE) && (
        <Notice dismiss={put(OFFLINE)}>{phase.phase === "ready" ? text.offline : text.offlineWithout}</Notice>
      )}
      {conversation !== null && !conversation.persistent && shown(CHAT_MEMORY) && (
        <Notice dismiss={put(CHAT_MEMORY)}>{text.chatMemory}</Notice>
      )}
      {model.notices.value
        .filter((notice) => shown(notice.code))
        .map((notice) => (
          <Notice key={notice.code} dismiss={put(notice.code)}>
            {text[notice.code]}
          </Notice>
        ))}
    </div>
  );
}

function LoadFailure({ code, message }: { code: string; message: string }) {
  const { model } = usePage();
  const { cause, next } = failureText(code);
  const action = RELOAD.has(code)
    ? { text: t.value.notices.updateAction, run: () => location.reload() }
    : { text: t.value.retry, run: () => void model.load() };
  return (
    <Notice lost action={action}>
      <span class="lost">{cause}</span> {next}{" "}
      <span class="notice-detail figures">
        {code}: <bdi>{message}</bdi>
      </span>
    </Notice>
  );
}
