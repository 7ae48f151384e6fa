// One of a few, all in sight: radio buttons in a row.

interface ChoicesProps<T extends string> {
  legend: string;
  name: string;
  value: T | null;
  choices: Readonly<Record<T, string>>;
  onChange: (value: T) => void;
}

export function Choices<T extends string>({ legend, name, value, choices, onChange }: ChoicesProps<T>) {
  return (
    <fieldset class="choices">
      <legend>{legend}</legend>
      <div class="choices-row">
        {(Object.entries(choices) as [T, string][]).map(([choice, text]) => (
          <label key={choice} class="choice">
            <input
              type="radio"
              name={name}
              value={choice}
              checked={choice === value}
              onChange={() => onChange(choice)}
            />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
