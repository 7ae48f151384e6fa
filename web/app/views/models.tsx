// The models that there are: what each is for, its licence, what it takes and how fast it is here; using, resuming and
// deleting one, adding one by its address, its repository or its files, and deleting everything.

import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { AskFirst } from "../components/ask_first";
import { Licence } from "../components/licence";
import { SaveModel, SavingNote } from "../components/save_model";
import { failureText, formatBytes, formatBytesOf, formatNumber, t } from "../i18n";
import type { Failure } from "../state/messages";
import { type CatalogEntry, canResume, type StoredModel } from "../state/model";
import { usePage } from "../state/page";

const COMMIT = /^[0-9a-f]{40}$/;

interface Row {
  id: string;
  name: string;
  entry: CatalogEntry | null;
  stored: StoredModel | null;
}

/** The catalog's models in its order, then what was added here. */
function rowsOf(catalog: readonly CatalogEntry[], stored: readonly StoredModel[]): Row[] {
  const rows = catalog.map((entry) => ({
    id: entry.id,
    name: entry.name,
    entry,
    stored: stored.find(({ id }) => id === entry.id) ?? null,
  }));
  const added = stored.filter(({ id }) => !catalog.some((entry) => entry.id === id));
  return [
    ...rows,
    ...added.map((one) => ({ id: one.id, name: one.name, entry: one.entry ?? null, stored: one })),
  ];
}

export function Models() {
  const { model } = usePage();
  const text = t.value.models;
  const heading = useId();
  const dragging = useSignal(false);
  const rows = rowsOf(model.catalog.value, model.stored.value);
  return (
    <section
      class="models"
      aria-labelledby={heading}
      data-dragging={dragging.value ? "" : undefined}
      onDragOver={(event) => {
        event.preventDefault();
        dragging.value = true;
      }}
      onDragLeave={() => {
        dragging.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        dragging.value = false;
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length > 0) void model.add(files);
      }}
    >
      <h3 class="heading" id={heading}>
        {text.title}
      </h3>
      <ul class="model-list">
        {rows.map((row) => (
          <ModelRow key={row.id} row={row} />
        ))}
      </ul>
      <AddModel />
      <Erase />
    </section>
  );
}

function ModelRow({ row }: { row: Row }) {
  const { model, preferences } = usePage();
  const text = t.value.models;
  const name = useId();
  const { entry, stored } = row;
  const phase = model.phase.value;
  const current = model.id.value === row.id;
  const arriving = model.arriving.value?.id ?? (phase.phase === "loading" ? model.id.value : null);
  const arrives = arriving === row.id;
  const loaded = phase.phase !== "idle" && phase.phase !== "failed";
  const speed = preferences.value.value.speeds[row.id];
  const license = entry?.license ?? stored?.license ?? "";
  const download = entry?.download_bytes ?? entry?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
  const memory = stored?.memory_bytes || entry?.memory_bytes || 0;
  const bytes = stored?.bytes ?? 0;
  const partial = stored !== null && !stored.complete && bytes > 0;
  const usable = !partial || canResume(stored);
  const figures = [
    stored?.complete
      ? text.stored(formatBytes(bytes))
      : partial
        ? text.partial(formatBytesOf(bytes, Math.max(bytes, stored.total_bytes)))
        : download > 0 && text.download(formatBytes(download)),
    memory > 0 && text.memory(formatBytes(memory)),
    speed !== undefined && text.speed(formatNumber(speed)),
    COMMIT.test(stored?.revision ?? "") && text.revision(stored?.revision.slice(0, 7) ?? ""),
  ].filter((figure) => figure !== false);
  return (
    <li class="model" data-current={current ? "" : undefined}>
      <p class="model-name" id={name}>
        <bdi>{row.name}</bdi>
        {arrives && <span class="model-current">{text.arriving}</span>}
        {current && loaded && !arrives && <span class="model-current">{text.current}</span>}
      </p>
      {entry !== null && !current && (
        <p class="model-about">
          <bdi>{entry.description}</bdi>
        </p>
      )}
      <p class="model-figures figures">
        {license !== "" && entry === null && <bdi>{license}</bdi>}
        {license === "" && <span>{text.noLicence}</span>}
        {entry !== null && !current && <Licence entry={entry} />}
        {figures.map((figure) => (
          <span key={figure}>{figure}</span>
        ))}
      </p>
      <p class="hint" role="status">
        {model.refused.value?.id === row.id && <FailureLine {...model.refused.value.failure} />}
      </p>
      <p class="model-actions">
        {!current && usable && !arrives && (
          <button
            type="button"
            class="button"
            aria-describedby={name}
            onClick={() => void model.choose(row.id)}
          >
            {partial ? text.resume : text.use}
          </button>
        )}
        {arrives && (
          <button type="button" class="button" aria-describedby={name} onClick={() => model.cancel()}>
            {phase.phase === "loading" && phase.progress?.phase === "download" ? text.pause : t.value.cancel}
          </button>
        )}
        {current && usable && (phase.phase === "idle" || phase.phase === "failed") && (
          <button type="button" class="button" aria-describedby={name} onClick={() => void model.load()}>
            {partial ? text.resume : text.use}
          </button>
        )}
        {!current && stored?.complete && <SaveModel stored={stored} class="quiet" describedBy={name} />}
        {!current && !arrives && bytes > 0 && (
          <AskFirst
            class="quiet"
            label={text.remove}
            yes={text.removeYes(formatBytes(bytes))}
            describedBy={name}
            onYes={() => void model.remove(row.id)}
          />
        )}
      </p>
      {!current && <SavingNote id={row.id} />}
    </li>
  );
}

function AddModel() {
  const { model, modelHosts } = usePage();
  const text = t.value.models;
  const field = useId();
  const files = useRef<HTMLInputElement>(null);
  const refused = model.refused.value;
  const isListed = rowsOf(model.catalog.value, model.stored.value).some(({ id }) => id === refused?.id);
  const hosts = modelHosts.map((host) => host.replace(/^https?:\/\//, ""));
  return (
    <form
      class="model-add"
      onSubmit={(event) => {
        event.preventDefault();
        const input = event.currentTarget.elements.namedItem("source") as HTMLInputElement;
        const source = input.value.trim();
        if (source === "") return;
        input.value = "";
        void model.choose(sourceName(source));
      }}
    >
      <label for={field}>{text.add}</label>
      <p class="model-add-line">
        <input
          id={field}
          class="field field-code"
          name="source"
          type="text"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder="owner/name"
          aria-describedby={`${field}-hint`}
        />
        <button type="submit" class="button">
          {text.addAction}
        </button>
        <button type="button" class="button" onClick={() => files.current?.click()}>
          {text.files}
        </button>
        <input
          ref={files}
          type="file"
          multiple
          hidden
          aria-label={text.files}
          accept=".gguf,.safetensors,.json,.txt"
          onChange={(event) => {
            const chosen = [...(event.currentTarget.files ?? [])];
            event.currentTarget.value = "";
            if (chosen.length > 0) void model.add(chosen);
          }}
        />
      </p>
      <p class="hint" id={`${field}-hint`}>
        {text.addHint} {hosts.length > 0 ? text.hosts(hosts.join(t.value.comma)) : text.noHosts}
      </p>
      <p class="hint" role="status">
        {refused !== null && !isListed && <FailureLine {...refused.failure} />}
      </p>
    </form>
  );
}

/** `owner/name` alone is a repository of the hub; anything else is taken as it is. */
function sourceName(source: string): string {
  return /^[\w.-]+\/[\w.-]+(@[\w./%-]+)?$/.test(source) && !source.endsWith(".gguf")
    ? `hf:${source}`
    : source;
}

function FailureLine({ code, message }: Failure) {
  const { cause, next } = failureText(code);
  return (
    <>
      <span class="lost">{cause}</span> {next} <bdi class="figures">{message}</bdi>
    </>
  );
}

function Erase() {
  const { erase } = usePage();
  const text = t.value.models;
  return (
    <p class="model-actions">
      <AskFirst
        class="button"
        label={text.erase}
        question={text.eraseAsk}
        yes={text.eraseYes}
        onYes={() => void erase()}
      />
    </p>
  );
}
