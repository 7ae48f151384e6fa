// The page's look has one source: colours, sizes of type and space are tokens.css's, and no other sheet makes its own.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const STYLES = join(import.meta.dirname, "../../../web/app/styles");

interface Declaration {
  where: string;
  property: string;
  value: string;
}

/** The declarations of every sheet but tokens.css; of custom properties none. */
function declarations(): Declaration[] {
  const sheets = globSync("*.css", { cwd: STYLES }).filter((name) => name !== "tokens.css");
  expect(sheets.length).toBeGreaterThan(10);
  return sheets.flatMap((sheet) => {
    const text = readFileSync(join(STYLES, sheet), "utf8").replace(/\/\*.*?\*\//gsu, "");
    return [...text.matchAll(/(?<=[{;]\s*)(?<property>[a-z-]+):(?<value>[^;{}]+);/gu)].map(({ groups }) => {
      const { property = "", value = "" } = groups ?? {};
      return { where: `${sheet}: ${property}: ${value.trim()}`, property, value: value.trim() };
    });
  });
}

const failing = (what: (one: Declaration) => boolean) =>
  declarations()
    .filter(what)
    .map(({ where }) => where);

test("no sheet but tokens.css has a colour of its own", () => {
  const colour =
    /#[0-9a-f]{3}|\b(rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\(|\b(black|white|red|green|blue|gr[ae]y)\b/iu;
  expect(failing(({ value }) => colour.test(value))).toEqual([]);
});

test("type has the sizes of the scale", () => {
  const ofScale = /^(inherit$|var\(--size-|\d+ var\(--size-)/u;
  const size = ({ property }: Declaration) => property === "font" || property === "font-size";
  expect(failing((one) => size(one) && !ofScale.test(one.value))).toEqual([]);
});

test("distances are those of the scale; less than 4 px set hairlines and baselines right", () => {
  const distance = /^(margin|padding|gap|(row|column)-gap)(-|$)/u;
  const own = (value: string) =>
    [...value.matchAll(/(?<![\w-])(\d*\.?\d+)(px|rem|em|ch|vw)/gu)].some(
      ([, number = "", unit]) => unit !== "px" || Number(number) >= 4,
    );
  const apart = ["empty.css: padding-block: min(14vh, 128px) var(--space-6)"]; // where the first words stand on the page
  expect(failing(({ property, value }) => distance.test(property) && own(value))).toEqual(apart);
});
