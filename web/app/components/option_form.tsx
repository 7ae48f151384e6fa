// The sampling options that a tool offers, folded away.

import { t } from "../i18n";
import { toolText } from "../i18n/tools";
import type { ModelPreset } from "../state/model";
import { type NumberOption, numberRanges, type Overrides } from "../state/options";
import { usePage } from "../state/page";
import { NumberField, SeedField } from "./option_fields";

const OFFERED: readonly NumberOption[] = [
  "temperature",
  "max_tokens",
  "top_p",
  "top_k",
  "min_p",
  "repetition_penalty",
];

interface OptionFormProps {
  overrides: Overrides;
  preset: ModelPreset;
  onChange: (overrides: Overrides) => void;
}

export function OptionForm({ overrides, preset, onChange }: OptionFormProps) {
  const { model } = usePage();
  const info = model.info.value;
  const ranges = numberRanges(info?.context, info?.vocab_size);
  const set = <K extends keyof Overrides>(name: K, value: Overrides[K] | undefined) => {
    const { [name]: _old, ...others } = overrides;
    onChange(value === undefined ? others : { ...others, [name]: value });
  };
  return (
    <details class="more">
      <summary>{toolText.value.options}</summary>
      {OFFERED.map((name) => (
        <NumberField
          key={name}
          name={name}
          range={ranges[name]}
          overrides={overrides}
          preset={preset}
          onChange={(value) => set(name, value)}
        />
      ))}
      <SeedField value={overrides.seed} onChange={(value) => set("seed", value)} />
    </details>
  );
}

/** What stands in `overrides`, in words: `Temperature 0, Seed 7`. */
export function overridesText(overrides: Overrides): string {
  const names = t.value.options;
  return [...OFFERED, "seed" as const]
    .filter((name) => overrides[name] !== undefined)
    .map((name) => `${names[name].name} ${overrides[name]}`)
    .join(t.value.comma);
}
