// Help: the keys, and the few things that are worth knowing.

import { useId } from "preact/hooks";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import { type ToolMessages, toolText } from "../i18n/tools";

/** What the key is called that shortcuts are held with. */
function modifier(): string {
  return /Mac|iPhone|iPad/u.test(navigator.userAgent) ? "⌘" : "Ctrl";
}

type KeyText = Exclude<keyof ToolMessages["help"], "keys" | "or" | "private" | "small" | "offline">;

/** Each shortcut, with the ways to press it. */
function shortcuts(): readonly (readonly [KeyText, readonly (readonly string[])[]])[] {
  const held = modifier();
  return [
    ["send", [["Enter"]]],
    ["newline", [["Shift", "Enter"]]],
    ["stop", [["Esc"]]],
    ["newChat", [[held, "Shift", "O"]]],
    ["editLast", [["↑"]]],
    ["search", [[held, "K"]]],
    ["chats", [[held, "B"]]],
    ["help", [["?"], [held, "/"]]],
  ];
}

export function HelpSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  const text = toolText.value.help;
  const heading = useId();
  return (
    <Sheet open={open} class="sheet-large tool" title={t.value.tools.help} onClose={onClose}>
      <section class="group" aria-labelledby={heading}>
        <h3 class="heading" id={heading}>
          {text.keys}
        </h3>
        <dl class="keys">
          {shortcuts().map(([name, ways]) => (
            <div key={name} class="key">
              <dt>{text[name]}</dt>
              <dd>
                {ways.map((keys, index) => (
                  <span key={keys.join("+")}>
                    {index > 0 && ` ${text.or} `}
                    {keys.map((key, at) => (
                      <span key={key}>
                        {at > 0 && "+"}
                        <kbd>{key}</kbd>
                      </span>
                    ))}
                  </span>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <Note title={text.private} words={text.privateText} />
      <Note title={text.small} words={text.smallText} />
      <Note title={text.offline} words={text.offlineText} />
    </Sheet>
  );
}

function Note({ title, words }: { title: string; words: string }) {
  const heading = useId();
  return (
    <section class="group" aria-labelledby={heading}>
      <h3 class="heading" id={heading}>
        {title}
      </h3>
      <p>{words}</p>
    </section>
  );
}
