// Compare: one prompt, and two columns of what came of it.

import { useId } from "preact/hooks";
import { OptionForm, overridesText } from "../components/option_form";
import { OutcomeLine, outcomeText } from "../components/outcome";
import { Sheet } from "../components/sheet";
import { formatBytes, t } from "../i18n";
import { toolText } from "../i18n/tools";
import type { CompareKind, CompareState, Side } from "../state/compare";
import { usePage } from "../state/page";

interface CompareSheetProps {
  compare: CompareState;
  open: boolean;
  onClose: () => void;
}

export function CompareSheet({ compare, open, onClose }: CompareSheetProps) {
  return (
    <Sheet
      open={open}
      class="sheet-large tool tool-page"
      title={t.value.tools.compare}
      onClose={() => {
        compare.stop();
        onClose();
      }}
    >
      <Body compare={compare} />
    </Sheet>
  );
}

const LONGEST_PROMPT = 50_000; // UTF-16 units

function Body({ compare }: { compare: CompareState }) {
  const { model } = usePage();
  const id = useId();
  const text = toolText.value.compare;
  const busy = compare.busy.value;
  const ready = model.phase.value.phase === "ready" && compare.prompt.value.trim() !== "";
  const kinds = Object.entries(text.kinds) as [CompareKind, string][];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Esc stops wherever the focus is in this view
    <div
      class="compare"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !busy) return;
        event.preventDefault();
        compare.stop();
      }}
    >
      <label for={id}>{text.prompt}</label>
      <textarea
        id={id}
        name="prompt"
        class="field field-words"
        rows={3}
        dir="auto"
        maxlength={LONGEST_PROMPT}
        readOnly={busy}
        value={compare.prompt.value}
        onInput={(event) => {
          compare.prompt.value = event.currentTarget.value;
        }}
      />
      <fieldset class="choices" disabled={busy}>
        <legend>{text.kind}</legend>
        <div class="choices-row">
          {kinds.map(([kind, label]) => (
            <label key={kind} class="choice">
              <input
                type="radio"
                name="kind"
                value={kind}
                checked={compare.kind.value === kind}
                onChange={() => {
                  compare.kind.value = kind;
                }}
              />
              <span>{label}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="tool-actions">
        <button
          type="button"
          class="primary"
          data-busy={busy ? "" : undefined}
          aria-disabled={!busy && !ready}
          onClick={() => {
            if (busy) compare.stop();
            else if (ready) void compare.run();
          }}
        >
          {busy ? toolText.value.stop : text.run}
        </button>
        <span class="hint" role="status">
          <Running compare={compare} />
        </span>
      </div>
      <div class="sides">
        <SideView compare={compare} side={compare.sides[0]} name={text.first} />
        <SideView compare={compare} side={compare.sides[1]} name={text.second} />
      </div>
    </div>
  );
}

/** What is going on. */
function Running({ compare }: { compare: CompareState }) {
  const { model } = usePage();
  const text = toolText.value.compare;
  const { returning, sides } = compare;
  if (returning.value !== null) return <>{text.returning(model.nameOf(returning.value))}</>;
  const writing = sides.findIndex(({ outcome }) => ["waiting", "running"].includes(outcome.value.state));
  if (writing >= 0) return <>{text.running(writing === 0 ? text.first : text.second)}</>;
  return <>{text.lead}</>;
}

interface SideViewProps {
  compare: CompareState;
  side: Side;
  name: string;
}

function SideView({ compare, side, name }: SideViewProps) {
  const id = useId();
  const text = toolText.value.compare;
  const outcome = side.outcome.value;
  return (
    <section class="side" aria-labelledby={id}>
      <h3 class="heading" id={id}>
        {name}
      </h3>
      <div class="side-model">
        <label for={`${id}-model`}>{text.model}</label>
        <ModelChoice id={`${id}-model`} compare={compare} side={side} />
      </div>
      <p class="figures">{overridesText(side.overrides.value)}</p>
      <OptionForm
        overrides={side.overrides.value}
        preset={compare.presetOf(side)}
        onChange={(overrides) => {
          side.overrides.value = overrides;
        }}
      />
      <p class="side-text" dir="auto">
        {outcomeText(outcome)}
      </p>
      <OutcomeLine outcome={outcome} />
    </section>
  );
}

function ModelChoice({ id, compare, side }: { id: string; compare: CompareState; side: Side }) {
  const { model } = usePage();
  const text = toolText.value.compare;
  const own = model.info.value?.name ?? model.entry.value?.name ?? model.id.value;
  const stored = new Map(model.stored.value.map((one) => [one.id, one]));
  const catalog = model.catalog.value;
  const others = [
    ...catalog.map(({ id, name, download_bytes, files }) => {
      const bytes = download_bytes ?? files.reduce((sum, file) => sum + file.bytes, 0);
      return { id, name: stored.get(id)?.complete ? name : text.toDownload(name, formatBytes(bytes)) };
    }),
    ...[...stored.values()].filter(({ id }) => !catalog.some((entry) => entry.id === id)),
  ];
  return (
    <select
      id={id}
      class="field"
      disabled={compare.busy.value}
      value={side.model.value}
      onChange={(event) => {
        side.model.value = event.currentTarget.value;
      }}
    >
      <option value="">{text.inUse(own)}</option>
      {others
        .filter(({ id }) => id !== model.id.value || side.model.value === id)
        .map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
    </select>
  );
}
