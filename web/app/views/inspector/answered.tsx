// What stands where an answer is going to be: that it is being computed, how far, or why it could not be.

import type { ComponentChildren } from "preact";
import { failureText, formatNumber } from "../../i18n";
import { words } from "../../i18n/inspector";
import type { Answer } from "../../state/review";

interface AnsweredProps<T> {
  answer: Answer<T>;
  children: (value: T) => ComponentChildren;
}

export function Answered<T>({ answer, children }: AnsweredProps<T>) {
  const text = words.value;
  switch (answer.state) {
    case "none":
      return null;
    case "asked":
      return answer.total === 0 ? (
        <p class="hint">{text.asking}</p>
      ) : (
        <div class="asking">
          <p class="hint">{text.askingTokens(formatNumber(answer.done), formatNumber(answer.total))}</p>
          <progress max={answer.total} value={answer.done} aria-label={text.asking} />
        </div>
      );
    case "failed": {
      const { code, message } = answer.failure;
      if (code === "NOT_LOADED") return <p class="hint">{text.noModel}</p>;
      const { cause, next } = failureText(code);
      return (
        <div class="hint">
          <p>
            <span class="lost">{cause}</span> {next}
          </p>
          <p class="figures">
            {code}: <bdi>{message}</bdi>
          </p>
        </div>
      );
    }
    case "there":
      return <>{children(answer.value)}</>;
  }
}
