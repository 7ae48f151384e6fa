// The fields of the sampling options. A field keeps what is typed while it is not a valid value, says so, and passes on
// only what is.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { t } from "../i18n";
import type { ModelPreset } from "../state/model";
import {
  effective,
  type NumberOption,
  type NumberRange,
  type Overrides,
  parseNumber,
  parseSeed,
} from "../state/options";

interface NumberFieldProps {
  name: NumberOption;
  range: NumberRange;
  overrides: Overrides;
  preset: ModelPreset;
  onChange: (value: number | undefined) => void;
}

export function NumberField({ name, range, overrides, preset, onChange }: NumberFieldProps) {
  const id = useId();
  const typed = useSignal<string | null>(null); // what stands in the field while it is no valid value
  const { name: label, hint } = t.value.options[name];
  const text = t.value.settingsText;
  const value = effective(name, range, overrides, preset);
  const presetValue = effective(name, range, {}, preset);
  const changed = overrides[name] !== undefined;
  const take = (input: string) => {
    const parsed = parseNumber(input, range);
    typed.value = parsed === null ? input : null;
    if (parsed !== null) onChange(parsed === presetValue ? undefined : parsed);
  };
  return (
    <div class="option">
      <label class="option-name" for={id}>
        {label}
      </label>
      <span class={range.slider === undefined ? "option-control" : "option-control option-slider"}>
        {range.slider !== undefined && (
          <input
            type="range"
            aria-label={label}
            min={range.slider.min}
            max={range.slider.max}
            step={range.step}
            value={value}
            onInput={(event) => take(event.currentTarget.value)}
          />
        )}
        <input
          type="number"
          id={id}
          name={name}
          class="field number"
          inputmode="decimal"
          min={range.min}
          max={range.max}
          step="any"
          aria-describedby={`${id}-hint`}
          aria-invalid={typed.value !== null}
          value={typed.value ?? String(value)}
          onInput={(event) => take(event.currentTarget.value)}
          onBlur={() => {
            typed.value = null;
          }}
        />
      </span>
      <p class="hint" id={`${id}-hint`}>
        {typed.value === null ? (
          hint
        ) : (
          <span class="lost">{text.invalid(String(range.min), String(range.max))}</span>
        )}
        {changed && (
          <>
            {" "}
            <button
              type="button"
              class="quiet"
              aria-label={`${label}: ${text.preset(String(presetValue))}`}
              onClick={() => {
                typed.value = null;
                onChange(undefined);
              }}
            >
              {text.preset(String(presetValue))}
            </button>
          </>
        )}
      </p>
    </div>
  );
}

interface SeedFieldProps {
  value: number | undefined;
  onChange: (value: number | undefined) => void;
}

export function SeedField({ value, onChange }: SeedFieldProps) {
  const id = useId();
  const typed = useSignal<string | null>(null);
  const { name, hint } = t.value.options.seed;
  return (
    <div class="option">
      <label class="option-name" for={id}>
        {name}
      </label>
      <span class="option-control">
        <input
          type="text"
          id={id}
          name="seed"
          class="field number number-wide"
          inputmode="numeric"
          autocomplete="off"
          aria-describedby={`${id}-hint`}
          aria-invalid={typed.value !== null}
          value={typed.value ?? (value === undefined ? "" : String(value))}
          onInput={(event) => {
            const input = event.currentTarget.value;
            const seed = parseSeed(input);
            const valid = seed !== null || input.trim() === "";
            typed.value = valid ? null : input;
            if (valid) onChange(seed ?? undefined);
          }}
        />
      </span>
      <p class="hint" id={`${id}-hint`}>
        {typed.value === null ? (
          hint
        ) : (
          <span class="lost">{t.value.settingsText.invalid("0", String(Number.MAX_SAFE_INTEGER))}</span>
        )}
      </p>
    </div>
  );
}

interface ListOptionProps<T> {
  text: { name: string; hint: string };
  name: string;
  value: string;
  parse: (text: string) => T | null;
  onChange: (value: T) => void;
}

/** A list as text; it is read when the field is left. */
export function ListOption<T>({ text, name, value, parse, onChange }: ListOptionProps<T>) {
  const id = useId();
  const typed = useSignal<string | null>(null);
  return (
    <div class="option option-wide">
      <label class="option-name" for={id}>
        {text.name}
      </label>
      <textarea
        id={id}
        class="field field-code"
        name={name}
        rows={2}
        dir="auto"
        aria-describedby={`${id}-hint`}
        aria-invalid={typed.value !== null}
        value={typed.value ?? value}
        onChange={(event) => {
          const input = event.currentTarget.value;
          const parsed = parse(input);
          typed.value = parsed === null ? input : null;
          if (parsed !== null) onChange(parsed);
        }}
      />
      <p class="hint" id={`${id}-hint`}>
        {typed.value !== null && <span class="lost">{t.value.settingsText.invalidList} </span>}
        {text.hint}
      </p>
    </div>
  );
}
