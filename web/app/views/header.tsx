// The line at the top: the way to the conversations, what this one is called, how the model is doing, a new chat, settings.
// While a model arrives, its progress in words stands beside the chip and a hairline below the header fills.

import { focusMessage } from "../components/focus";
import { ToolMenu } from "../components/tool_menu";
import { formatBytesOf, formatRate, formatSeconds, t } from "../i18n";
import type { Phase } from "../state/model";
import { usePage } from "../state/page";

const TELLING = 0.01; // of the download, before its rate means anything

export const CHATS_BUTTON = "chats";

interface HeaderProps {
  title: string;
  canStartNew: boolean;
  /** The list of conversations is beside the page. */
  chatsShown: boolean;
  onChats: () => void;
  onModel: () => void;
  onNewChat: () => void;
  onSettings: () => void;
}

export function Header(props: HeaderProps) {
  const { title, canStartNew, chatsShown, onChats, onModel, onNewChat, onSettings } = props;
  const { model } = usePage();
  const phase = model.phase.value;
  return (
    <header class="header">
      <div class="header-line">
        <button
          type="button"
          id={CHATS_BUTTON}
          class="quiet header-chats"
          aria-expanded={chatsShown}
          aria-keyshortcuts="Control+B Meta+B"
          onClick={onChats}
        >
          {t.value.chats.short}
        </button>
        <h1 class="title">
          <bdi>{title === "" ? t.value.newConversation : title}</bdi>
        </h1>
        {phase.phase === "loading" && (
          <p class="arrival">
            <span class="figures">{progressText(phase)}</span>
            <button
              type="button"
              class="quiet"
              onClick={() => {
                model.cancel();
                focusMessage();
              }}
            >
              {t.value.cancel}
            </button>
          </p>
        )}
        <div class="header-controls">
          <ModelChip phase={phase} onClick={onModel} />
          {!chatsShown && (
            <button
              type="button"
              class="quiet header-new"
              aria-disabled={!canStartNew}
              aria-keyshortcuts="Control+Shift+O Meta+Shift+O"
              onClick={onNewChat}
            >
              {t.value.newChat}
            </button>
          )}
          <ToolMenu />
          <button type="button" class="quiet" onClick={onSettings}>
            {t.value.settings}
          </button>
        </div>
      </div>
      <Hairline phase={phase} />
    </header>
  );
}

function ModelChip({ phase, onClick }: { phase: Phase; onClick: () => void }) {
  const { model } = usePage();
  const arriving = phase.phase === "loading" ? model.arriving.value : null;
  const name = arriving?.name ?? model.info.value?.name ?? model.nameOf(model.id.value);
  const text = t.value.chip;
  return (
    <button type="button" class="chip" aria-haspopup="dialog" data-phase={phase.phase} onClick={onClick}>
      <bdi class="chip-name">{name}</bdi>
      <span class="chip-status">
        {t.value.comma}
        {text[phase.phase]}
        {phase.phase === "ready" && <span class="chip-threads">{text.threads(model.threads.value)}</span>}
      </span>
    </button>
  );
}

/** `12.4 of 19.8 MB, 8.1 MB/s, 1 s left`; without rate and time until enough has arrived to tell. */
export function progressText(phase: Phase & { phase: "loading" }): string {
  const text = t.value.progress;
  const { progress } = phase;
  if (progress === null) return text.starting;
  const { loaded, total, waiting, bytes_per_second: rate, seconds_left: left } = progress;
  const done = formatBytesOf(loaded, total);
  switch (progress.phase) {
    case "download":
      if (waiting !== undefined) return text[waiting](done);
      if (progress.elsewhere) return text.elsewhere(done);
      if (rate === undefined || left === undefined || loaded < total * TELLING) return done;
      return text.download(done, formatRate(rate), formatSeconds(left));
    case "convert":
      return text.convert(done);
    case "load":
      return text.load(done);
  }
}

function Hairline({ phase }: { phase: Phase }) {
  if (phase.phase !== "loading") return null;
  const { progress } = phase;
  return (
    <progress
      class="hairline"
      aria-label={t.value.progress.label}
      max={progress?.total || 1}
      value={progress === null ? 0 : progress.loaded}
    />
  );
}
