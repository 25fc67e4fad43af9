import { PROGRAMMES, type Programme, type Proved } from "./results.ts";

const BEGIN = "<!-- proof -->";
const END = "<!-- /proof -->";
const HEAD = ["| programme | what it found | took | run |", "|---|---|---|---|"];
const SCRIPTS = [...PROGRAMMES, { name: "proof", script: "proof" }] as const;

/** The README with what each programme found when it ran last. One that has not run here keeps the row it has. */
export function withTable(readme: string, kept: (programme: Programme) => Proved | null): string {
  const [before, rest] = readme.split(BEGIN);
  const [old, after] = rest?.split(END) ?? [];
  if (before === undefined || old === undefined || after === undefined)
    throw new Error(`README.md has no ${BEGIN} and ${END}`);
  const rows = SCRIPTS.flatMap(({ name, script }) => {
    const start = `| \`npm run ${script}\` |`;
    const proved = kept(name);
    return proved
      ? [`${start} ${cellsOf(proved)} |`]
      : old.split("\n").filter((row) => row.startsWith(start));
  });
  return `${before}${BEGIN}\n\n${[...HEAD, ...rows].join("\n")}\n\n${END}${after}`;
}

const cellsOf = ({ held, passed, seconds, day, commit }: Proved): string =>
  `${passed ? "" : "**FAILED** "}${held} | ${seconds} s | ${day}, ${commit}`;
