// The tokens of a text, shaded and underlined by how much of a surprise each was. One of them can be chosen, by pointer or
// by keys; the figures of the one under the pointer or the focus stand below.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { words } from "../../i18n/inspector";
import { type ReviewedToken, surprise, surpriseLevel } from "../../state/review";
import { bits, percent, quoted, visible } from "./shown";

interface TokensProps {
  tokens: readonly ReviewedToken[];
  selected: number | null;
  onSelect: (index: number) => void;
}

function figuresOf(token: ReviewedToken): string {
  const text = words.value;
  if (token.rank === 0) return text.unpredicted(quoted(token));
  return text.tokenLabel(quoted(token), percent(Math.exp(token.logprob)), bits(surprise(token)));
}

export function Tokens({ tokens, selected, onSelect }: TokensProps) {
  const strip = useRef<HTMLDivElement>(null);
  const near = useSignal<number | null>(null);
  const text = words.value;
  const onKeyDown = (event: KeyboardEvent) => {
    const at = indexOf(event.target);
    if (at === null) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tokens.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    strip.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus();
  };
  const shown = tokens[near.value ?? selected ?? -1];
  return (
    <>
      <div
        ref={strip}
        class="tokens"
        role="toolbar"
        aria-label={text.tokens}
        onKeyDown={onKeyDown}
        onPointerOver={(event) => {
          near.value = indexOf(event.target);
        }}
        onPointerLeave={() => {
          near.value = null;
        }}
        onFocusIn={(event) => {
          near.value = indexOf(event.target);
        }}
        onFocusOut={() => {
          near.value = null;
        }}
      >
        {tokens.map((token, index) => (
          <button
            key={index}
            type="button"
            class="token"
            data-index={index}
            data-level={surpriseLevel(token)}
            tabIndex={index === (selected ?? 0) ? 0 : -1}
            aria-pressed={index === selected}
            aria-label={figuresOf(token)}
            onClick={() => onSelect(index)}
          >
            {visible(token).replace(/^␣/u, " ")}
          </button>
        ))}
      </div>
      <p class="figures token-figures">{shown === undefined ? text.pick : figuresOf(shown)}</p>
      <Scale />
    </>
  );
}

function indexOf(target: EventTarget | null): number | null {
  const index = target instanceof HTMLElement ? target.dataset.index : undefined;
  return index === undefined ? null : Number(index);
}

function Scale() {
  const text = words.value;
  return (
    <p class="scale" title={text.scale}>
      <span>{text.expected}</span>
      {[1, 2, 3, 4].map((level) => (
        <span key={level} class="token" data-level={level} aria-hidden="true">
          {"\u2003"}
        </span>
      ))}
      <span>{text.surprising}</span>
    </p>
  );
}
