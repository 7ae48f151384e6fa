// What a newcomer sees: what this is, what it can do, and three ways to begin, set as the opening of a play.

import { focusMessage } from "../components/focus";
import { Licence } from "../components/licence";
import { formatBytes, formatLanguages, formatParameters, t } from "../i18n";
import { usePage } from "../state/page";

/** In the language of the bundled model, whatever the page speaks: a customer's question, an assistant's task, small talk. */
const STARTERS = [
  "Can you tell me the status of my order?",
  "Book a table for two at an Italian restaurant tonight.",
  "Do you like movies?",
] as const;

export function EmptyState({ onStart }: { onStart: (text: string) => void }) {
  const { model } = usePage();
  const entry = model.entry.value;
  const text = t.value.empty;
  const bytes = entry?.download_bytes ?? entry?.files.reduce((sum, file) => sum + file.bytes, 0) ?? 0;
  return (
    <div class="empty">
      <section class="turn opening" aria-label={t.value.parley}>
        <p class="speaker">{t.value.parley}</p>
        <div class="column">
          <p class="empty-lead">{text.lead}</p>
          <p class="empty-limits">
            {entry === null
              ? text.limitsShort
              : text.limits(formatParameters(entry.parameters), formatLanguages(entry.languages))}
          </p>
        </div>
      </section>
      <section class="turn" aria-label={text.begin}>
        <p class="speaker">{t.value.you}</p>
        <ul class="column starters">
          {STARTERS.map((starter) => (
            <li key={starter}>
              <button
                type="button"
                class="starter"
                lang="en"
                onClick={() => {
                  onStart(starter);
                  focusMessage();
                }}
              >
                {starter}
              </button>
            </li>
          ))}
        </ul>
      </section>
      {entry !== null && (
        <p class="empty-facts">
          <span>
            {text.facts(entry.name, formatBytes(bytes))} <Licence entry={entry} />
          </span>
        </p>
      )}
    </div>
  );
}
