// A shared run: what it would do, doing it, and passing it on.

import { useId, useRef } from "preact/hooks";
import { CopyButton } from "../components/copy_button";
import { download } from "../components/download";
import { OutcomeLine, outcomeText } from "../components/outcome";
import { Sheet } from "../components/sheet";
import { formatBytes, formatNumber, t } from "../i18n";
import { toolText } from "../i18n/tools";
import { usePage } from "../state/page";
import type { SharedRun } from "../state/shared_run";
import type { Need, SharedRunsState } from "../state/shared_runs";

interface RunSheetProps {
  runs: SharedRunsState;
  open: boolean;
  onClose: () => void;
}

export function RunSheet({ runs, open, onClose }: RunSheetProps) {
  return (
    <Sheet
      open={open}
      class="sheet-large tool"
      title={t.value.tools.run}
      onClose={() => {
        runs.stop();
        onClose();
      }}
    >
      <Body runs={runs} />
    </Sheet>
  );
}

function Body({ runs }: { runs: SharedRunsState }) {
  const chooser = useRef<HTMLInputElement>(null);
  const text = toolText.value.run;
  const run = runs.run.value;
  const error = runs.error.value;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Esc stops wherever the focus is in this view
    <div
      class="group"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !runs.busy.value) return;
        event.preventDefault();
        runs.stop();
      }}
    >
      <p class="hint">{text.lead}</p>
      {error !== null && (
        <div role="alert">
          <p>
            <span class="lost">{text.errors[error.code].cause}</span> {text.errors[error.code].next}
          </p>
          <p class="figures">
            {error.code}: <bdi>{error.message}</bdi>
          </p>
        </div>
      )}
      {run !== null && <Shown runs={runs} run={run} />}
      <p class="tool-actions">
        {run !== null && <PassOn runs={runs} />}
        <button type="button" class="button" onClick={() => chooser.current?.click()}>
          {text.file}
        </button>
        <input
          ref={chooser}
          type="file"
          accept=".json,application/json"
          class="visually-hidden"
          tabIndex={-1}
          aria-hidden="true"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            event.currentTarget.value = "";
            if (file !== undefined) void runs.open(file);
          }}
        />
      </p>
    </div>
  );
}

function Shown({ runs, run }: { runs: SharedRunsState; run: SharedRun }) {
  const { model } = usePage();
  const text = toolText.value.run;
  const heading = useId();
  const startButton = useRef<HTMLButtonElement>(null);
  const busy = runs.busy.value;
  const { phase } = model.phase.value;
  const may = phase === "ready" || phase === "idle" || phase === "failed";
  const outcome = runs.outcome.value;
  const same = runs.same.value;
  return (
    <>
      <dl class="facts run-facts">
        <div class="fact">
          <dt>{text.model}</dt>
          <dd>
            <bdi>{run.model.name}</bdi>
            <span class="fact-note run-source">
              <bdi>{run.model.source}</bdi>
              {t.value.comma}
              {text.context(formatNumber(run.model.context))}
            </span>
            <span class="fact-note run-source">
              {run.model.sha256 === "" ? text.noHash : text.hash(run.model.sha256)}
            </span>
          </dd>
        </div>
        {run.asked.kind === "completion" ? (
          <Words name={text.prompt} words={run.asked.prompt} />
        ) : (
          run.asked.messages.map(({ role, content }, index) => (
            <Words key={index} name={text.roles[role]} words={content} />
          ))
        )}
        <div class="fact">
          <dt>{text.options}</dt>
          <dd class="figures">
            {Object.entries(run.options)
              .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
              .join(", ")}
          </dd>
        </div>
      </dl>
      <NeedLine need={runs.need.value} />
      {phase === "elsewhere" && (
        <p class="hint" role="status">
          {t.value.notices.elsewhere}{" "}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              model.takeOver();
              startButton.current?.focus();
            }}
          >
            {t.value.notices.takeOver}
          </button>
        </p>
      )}
      <p class="tool-actions">
        <button
          ref={startButton}
          type="button"
          class="primary"
          data-busy={busy ? "" : undefined}
          aria-disabled={!busy && !may}
          onClick={() => {
            if (busy) runs.stop();
            else if (may) void runs.start();
          }}
        >
          {busy ? toolText.value.stop : text.start}
        </button>
      </p>
      {outcome.state !== "none" && (
        <section class="run-result" aria-labelledby={heading}>
          <h3 class="heading" id={heading}>
            {text.result}
          </h3>
          <p class="side-text" dir="auto">
            {outcomeText(outcome)}
          </p>
          <div role="status">
            <OutcomeLine outcome={outcome} />
            {same !== null && <p class={same ? "run-same" : "lost"}>{same ? text.same : text.other}</p>}
          </div>
        </section>
      )}
    </>
  );
}

function Words({ name, words }: { name: string; words: string }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class="run-words" dir="auto">
        {words}
      </dd>
    </div>
  );
}

function NeedLine({ need }: { need: Need }) {
  const text = toolText.value.run;
  switch (need.kind) {
    case "none":
      return null;
    case "load":
      return <p class="hint">{text.load}</p>;
    case "download":
      return (
        <p class="hint">
          {text.download(need.bytes > 0 ? formatBytes(need.bytes) : "", need.from || text.thisSite)}
        </p>
      );
    case "changed":
      return <p class="lost">{text.changed}</p>;
    case "context":
      return <p class="lost">{text.otherContext(formatNumber(need.tokens))}</p>;
  }
}

function PassOn({ runs }: { runs: SharedRunsState }) {
  const text = toolText.value.run;
  const link = runs.link.value;
  const save = () => download(new Blob([runs.json()], { type: "application/json" }), "parley-run.json");
  return (
    <>
      {link === null ? (
        <span class="hint">{text.tooLong}</span>
      ) : (
        <CopyButton text={link} label={text.copyLink} class="button" />
      )}
      <button type="button" class="button" onClick={save}>
        {text.save}
      </button>
    </>
  );
}
