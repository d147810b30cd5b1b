// Parsers of the small text formats in a build directory: lines of a name and a value. They skip unknown lines, which
// say nothing about inputs.

/** The entries of a `CMakeCache.txt`: `NAME:TYPE=value`. */
export function parseCmakeCache(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const found = /^(?:"([^"]+)"|([^:=#/"][^:=]*)):[A-Z]+=(.*)$/.exec(line);
    if (found) entries.set((found[1] ?? found[2])!, unquoted(found[3]!));
  }
  return entries;
}

/** The strings of a Kconfig result (`.config`): `CONFIG_NAME="value"`. */
export function parseDotConfig(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const found = /^(CONFIG_\w+)="(.*)"$/.exec(line);
    if (found) entries.set(found[1]!, found[2]!.replaceAll(/\\(.)/g, '$1'));
  }
  return entries;
}

/** The quoted parts of each line of `zephyr_modules.txt` and `zephyr_settings.txt`: `"name":"directory":"CMake directory"`. */
export function parseQuotedFields(text: string): string[][] {
  const lines = text.split(/\r?\n/).filter(line => line.startsWith('"'));
  return lines.map(line => [...line.matchAll(/"([^"]*)"/g)].map(field => field[1]!));
}

/** CMake puts single quotes around values that begin or end with blanks. */
function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith("'") && value.endsWith("'") ? value.slice(1, -1) : value;
}
