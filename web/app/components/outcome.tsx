// How a generation outside of a conversation went: its figures in one muted line, or what went wrong and what to do.

import { failureText, formatNumber, t } from "../i18n";
import { toolText } from "../i18n/tools";
import type { Outcome } from "../state/runs";

/** The text so far. */
export function outcomeText(outcome: Outcome): string {
  switch (outcome.state) {
    case "none":
    case "waiting":
      return "";
    case "done":
      return outcome.result.text;
    default:
      return outcome.text;
  }
}

export function OutcomeLine({ outcome }: { outcome: Outcome }) {
  const text = toolText.value;
  switch (outcome.state) {
    case "none":
      return null;
    case "waiting":
      return <p class="figures">{text.waiting}</p>;
    case "running":
      return <p class="figures">{text.writing}</p>;
    case "stopped":
      return <p class="figures">{text.stopped}</p>;
    case "failed": {
      const { code, message } = outcome.failure;
      const { cause, next } = failureText(code);
      return (
        <>
          <p>
            <span class="lost">{cause}</span> {next}
          </p>
          <p class="figures">
            {code}: <bdi>{message}</bdi>
          </p>
        </>
      );
    }
    case "done": {
      const { ids, tokensPerSecond, seed, reason } = outcome.result;
      const figures = [
        text.tokens(formatNumber(ids.length)),
        ...(reason === "length" ? [text.cut] : []),
        ...(tokensPerSecond > 0 ? [text.rate(formatNumber(tokensPerSecond))] : []),
        text.seed(String(seed)),
      ];
      return (
        <>
          {outcome.result.text === "" && <p>{text.nothing}</p>}
          <p class="figures">{figures.join(t.value.comma)}</p>
        </>
      );
    }
  }
}
