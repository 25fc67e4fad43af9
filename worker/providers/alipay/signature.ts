/** What is signed: all that has a name, sorted by it, as it reads before any encoding. */
export const contentOf = (params: ReadonlyMap<string, string>): string =>
  [...params]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");

/**
 * The exact text of one member of a JSON object, as it was signed: written anew it would have other escapes and another order.
 * Null when it is not there or does not end.
 */
export function rawMember(json: string, name: string): string | null {
  const start = json.indexOf(`"${name}":{`);
  if (start < 0) return null;
  const from = start + name.length + 3;
  let depth = 0;
  let inString = false;
  for (let at = from; at < json.length; at++) {
    const char = json[at];
    if (char === "\\") at++;
    else if (char === '"') inString = !inString;
    else if (!inString && char === "{") depth++;
    else if (!inString && char === "}" && --depth === 0) return json.slice(from, at + 1);
  }
  return null;
}

/** The fields of a form; null when one is there twice, since nobody can tell which of them was signed. */
export function formOf(text: string): Map<string, string> | null {
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) return null;
    fields.set(name, value);
  }
  return fields;
}
