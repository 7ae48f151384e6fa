// What a newcomer sees: what this is, what it can do, and three ways to begin, set as the opening of a play.

import { Choices } from "../components/choices";
import { focusMessage } from "../components/focus";
import { Licence } from "../components/licence";
import { formatBytes, formatLanguages, formatParameters, t } from "../i18n";
import type { ConversationState } from "../state/conversation";
import { usePage } from "../state/page";
import { SCENARIOS, scenarioOf } from "../state/scenarios";

export function EmptyState({ conversation }: { conversation: ConversationState }) {
  const { model } = usePage();
  const scenario = scenarioOf(conversation.conversation.value.system);
  const entry = model.entry.value;
  const text = t.value.empty;
  const bytes = entry?.download_bytes ?? entry?.files.reduce((sum, file) => sum + file.bytes, 0) ?? 0;
  const stored = model.stored.value.find(({ id }) => id === entry?.id);
  const inMemory = model.storage.value?.backend === "memory";
  const whole = stored?.complete === true && !inMemory;
  const where = inMemory ? text.notKept : whole ? text.here : text.toDownload;
  const size = where(formatBytes(whole ? stored.bytes : bytes));
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
        <div class="column">
          <Choices
            legend={text.scenario}
            name="scenario"
            value={scenario}
            choices={text.scenarios}
            onChange={(id) => conversation.setSystem(SCENARIOS[id].system)}
          />
          <ul class="starters">
            {SCENARIOS[scenario ?? "any"].starters.map((starter) => (
              <li key={starter}>
                <button
                  type="button"
                  class="starter"
                  lang="en"
                  onClick={() => {
                    conversation.send(starter);
                    focusMessage();
                  }}
                >
                  {starter}
                </button>
              </li>
            ))}
          </ul>
        </div>
      </section>
      {entry !== null && (
        <p class="empty-facts">
          <span>
            {text.facts(entry.name, size)} <Licence entry={entry} />
          </span>
        </p>
      )}
    </div>
  );
}
