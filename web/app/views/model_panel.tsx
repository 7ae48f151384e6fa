// What the model's chip opens: whose model this is, what it takes up, where it is kept, and how to check, save or delete it;
// below it, the other models.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { AskFirst } from "../components/ask_first";
import { Licence } from "../components/licence";
import { SaveModel, SavingNote } from "../components/save_model";
import { Sheet } from "../components/sheet";
import {
  failureText,
  formatBytes,
  formatLanguages,
  formatMilliseconds,
  formatNumber,
  formatParameters,
  t,
} from "../i18n";
import { usePage } from "../state/page";
import { Models } from "./models";

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface ModelPanelProps {
  open: boolean;
  onClose: () => void;
}

export function ModelPanel({ open, onClose }: ModelPanelProps) {
  const { model } = usePage();
  const entry = model.entry.value;
  const info = model.info.value;
  useEffect(() => {
    if (open) void model.refreshStorage();
  }, [open, model]);
  return (
    <Sheet open={open} class="panel" title={info?.name ?? model.nameOf(model.id.value)} onClose={onClose}>
      <div class="panel-body">
        {entry !== null && <p class="panel-lead">{entry.description}</p>}
        <dl class="facts">
          <EntryFacts />
          <RunFacts />
          <StorageFacts />
        </dl>
        <StorageActions />
        <Models />
      </div>
    </Sheet>
  );
}

function EntryFacts() {
  const { model } = usePage();
  const text = t.value.model;
  const entry = model.entry.value;
  if (entry === null) return null;
  const bytes = entry.download_bytes ?? entry.files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <>
      <Fact name={text.licence}>
        <Licence entry={entry} />
      </Fact>
      <Fact name={text.languages}>{formatLanguages(entry.languages)}</Fact>
      <Fact name={text.size}>
        {text.sizeText(formatBytes(bytes), formatParameters(entry.parameters), entry.quantization)}
      </Fact>
    </>
  );
}

function RunFacts() {
  const text = t.value.model;
  const { model } = usePage();
  const info = model.info.value;
  if (info === null) return null;
  const { actual_bytes, planned_bytes, weights_bytes, kv_bytes, scratch_bytes } = info.memory;
  const rest = actual_bytes - weights_bytes - kv_bytes - scratch_bytes;
  return (
    <>
      <Fact name={text.context}>{text.tokens(formatNumber(info.context))}</Fact>
      <Fact name={text.memory}>
        {text.memoryText(formatBytes(actual_bytes), formatBytes(planned_bytes))}
        <span class="fact-note">
          {text.memoryParts(
            formatBytes(weights_bytes),
            formatBytes(kv_bytes),
            formatBytes(scratch_bytes),
            formatBytes(Math.max(0, rest)),
          )}
        </span>
      </Fact>
      <Fact name={text.processor}>{text.processorText(model.threads.value, info.threads, info.build)}</Fact>
      <Fact name={text.loaded}>{text.loadedText(formatMilliseconds(info.load_ms), info.from_storage)}</Fact>
    </>
  );
}

function StorageFacts() {
  const { model } = usePage();
  const text = t.value.model;
  const storage = model.storage.value;
  if (storage === null) return null;
  const backend = text.backends[storage.backend];
  const bytes = model.storedBytes.value;
  return (
    <Fact name={text.storage}>
      {bytes === 0 ? backend : text.storageText(backend, formatBytes(bytes))}
      {storage.backend !== "memory" && bytes > 0 && (
        <span class="fact-note">{storage.persisted ? text.persisted : text.evictable}</span>
      )}
    </Fact>
  );
}

function StorageActions() {
  const { model } = usePage();
  const text = t.value.model;
  const bytes = model.storedBytes.value;
  const verification = model.verification.value;
  const stored = model.stored.value.find(({ id }) => id === model.id.value);
  if (model.storage.value === null) return null;
  if (bytes === 0) return model.info.value && <p class="panel-note">{text.removed}</p>;
  return (
    <>
      <p class="panel-actions">
        <button
          type="button"
          class="button"
          aria-disabled={verification === "running"}
          onClick={() => {
            if (verification !== "running") void model.verify();
          }}
        >
          {text.verify}
        </button>
        {stored?.complete && <SaveModel stored={stored} class="button" />}
        <AskFirst
          class="button"
          label={text.remove}
          question={text.removeAsk(formatBytes(bytes))}
          yes={text.removeYes}
          onYes={() => void model.remove()}
        />
      </p>
      <p class="panel-note" role="status">
        <VerificationText />
      </p>
      <SavingNote id={model.id.value} />
    </>
  );
}

function VerificationText() {
  const verification = usePage().model.verification.value;
  const text = t.value.model;
  if (verification === "none") return null;
  if (verification === "running") return <>{text.verifying}</>;
  if (verification === "whole") return <>{text.whole}</>;
  if ("badParts" in verification) return <span class="lost">{text.bad(verification.badParts)}</span>;
  const { cause, next } = failureText(verification.code);
  return (
    <>
      <span class="lost">{cause}</span> {next}
    </>
  );
}
