// The settings dialog: appearance, the conversation's system text, and every sampling option with its range, starting
// from the model's preset. A change takes effect at once; there is nothing to save.

import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Choices } from "../components/choices";
import { ListOption, NumberField, SeedField } from "../components/option_fields";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import {
  formatBias,
  formatStops,
  type NumberOption,
  numberRanges,
  type Overrides,
  parseBias,
  parseStops,
  parseTokenIds,
} from "../state/options";
import { usePage } from "../state/page";
import type { LanguageChoice, Theme } from "../state/preferences";
import { samplingOf } from "../state/scenarios";

const MAIN: readonly NumberOption[] = ["temperature", "max_tokens", "top_p", "top_k", "repetition_penalty"];
const MORE: readonly NumberOption[] = [
  "min_p",
  "typical_p",
  "repeat_last_n",
  "frequency_penalty",
  "presence_penalty",
  "no_repeat_ngram_size",
  "min_tokens",
  "retry_repeats",
  "best_of",
];

interface SettingsProps {
  open: boolean;
  conversation: ConversationState | null;
  onClose: () => void;
}

export function Settings({ open, conversation, onClose }: SettingsProps) {
  return (
    <Sheet open={open} class="sheet-large settings" title={t.value.settingsText.title} onClose={onClose}>
      <Appearance />
      {conversation !== null && <SystemText conversation={conversation} />}
      <Replies system={conversation?.conversation.value.system ?? ""} />
      <footer class="settings-foot">
        <Version />
      </footer>
    </Sheet>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="group" aria-labelledby={id}>
      <h3 class="heading" id={id}>
        {title}
      </h3>
      {children}
    </section>
  );
}

function Appearance() {
  const { preferences } = usePage();
  const { theme, language } = preferences.value.value;
  const text = t.value.settingsText;
  return (
    <Group title={text.appearance}>
      <Choices<Theme>
        legend={text.theme}
        name="theme"
        value={theme}
        choices={text.themes}
        onChange={(value) => preferences.change({ theme: value })}
      />
      <Choices<LanguageChoice>
        legend={text.language}
        name="language"
        value={language}
        choices={text.languages}
        onChange={(value) => preferences.change({ language: value })}
      />
    </Group>
  );
}

function SystemText({ conversation }: { conversation: ConversationState }) {
  const text = t.value.settingsText;
  const field = useId();
  return (
    <Group title={text.system}>
      <textarea
        id={field}
        class="field field-words system"
        name="system"
        rows={3}
        dir="auto"
        aria-label={text.system}
        aria-describedby={`${field}-hint`}
        value={conversation.conversation.value.system}
        onChange={(event) => conversation.setSystem(event.currentTarget.value)}
      />
      <p id={`${field}-hint`} class="hint">
        {text.systemHint}
      </p>
    </Group>
  );
}

function Replies({ system }: { system: string }) {
  const { model, preferences } = usePage();
  const modelId = model.id.value;
  const round = useSignal(0); // counts resets, so that fields forget what was typed into them
  const info = model.info.value;
  const ranges = useComputed(() =>
    numberRanges(model.info.value?.context, model.info.value?.vocab_size),
  ).value;
  const preset = { ...(info?.preset ?? model.entry.value?.preset), ...samplingOf(system) };
  const overrides = preferences.overrides(modelId);
  const set = <K extends keyof Overrides>(name: K, value: Overrides[K] | undefined) => {
    const { [name]: _old, ...others } = preferences.overrides(modelId);
    preferences.setOverrides(modelId, value === undefined ? others : { ...others, [name]: value });
  };
  const number = (name: NumberOption) => (
    <NumberField
      key={`${name}${round.value}`}
      name={name}
      range={ranges[name]}
      overrides={overrides}
      preset={preset}
      onChange={(value) => set(name, value)}
    />
  );
  const text = t.value.settingsText;
  const { options } = t.value;
  return (
    <Group title={text.replies}>
      {MAIN.map(number)}
      <details class="more">
        <summary>{text.more}</summary>
        {MORE.map(number)}
        <SeedField
          key={`seed${round.value}`}
          value={overrides.seed}
          onChange={(value) => set("seed", value)}
        />
        <ListOption
          key={`stop${round.value}`}
          text={options.stop}
          name="stop"
          value={formatStops(overrides.stop ?? [])}
          parse={parseStops}
          onChange={(value) => set("stop", value.length > 0 ? value : undefined)}
        />
        <ListOption
          key={`ids${round.value}`}
          text={options.stop_token_ids}
          name="stop_token_ids"
          value={(overrides.stop_token_ids ?? []).join(", ")}
          parse={parseTokenIds}
          onChange={(value) => set("stop_token_ids", value.length > 0 ? value : undefined)}
        />
        <ListOption
          key={`bias${round.value}`}
          text={options.logit_bias}
          name="logit_bias"
          value={formatBias(overrides.logit_bias ?? {})}
          parse={parseBias}
          onChange={(value) => set("logit_bias", Object.keys(value).length > 0 ? value : undefined)}
        />
        <label class="option option-check">
          <span class="option-name">{options.ignore_eos.name}</span>
          <input
            type="checkbox"
            name="ignore_eos"
            checked={overrides.ignore_eos ?? false}
            onChange={(event) => set("ignore_eos", event.currentTarget.checked || undefined)}
          />
          <span class="hint">{options.ignore_eos.hint}</span>
        </label>
      </details>
      <p>
        <button
          type="button"
          class="button"
          aria-disabled={Object.keys(overrides).length === 0}
          onClick={() => {
            preferences.setOverrides(modelId, {});
            round.value += 1;
          }}
        >
          {text.reset}
        </button>
      </p>
    </Group>
  );
}

function Version() {
  const text = t.value.settingsText;
  return (
    <p class="hint">
      {text.version(usePage().version)}
      {t.value.comma}
      <a href="./THIRD_PARTY_NOTICES.txt" target="_blank" rel="noopener">
        {text.notices}
      </a>
    </p>
  );
}
